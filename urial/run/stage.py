"""`python -m urial.run.stage NAME [ITEM...]` runs a stage of the installed package, in a project that has no stages of its own."""

import runpy
import sys

from urial.run.project import shipped


def main() -> None:
    """Run stages/NAME.py, which lies beside the package or in it, as `python -m stages.NAME` does in a checkout."""
    folder = shipped()
    known = sorted(path.stem for path in (folder / "stages").glob("[!_]*.py"))
    if len(sys.argv) < 2 or sys.argv[1] not in known:
        sys.exit(f"usage: python -m urial.run.stage NAME [ITEM...], where NAME is one of {', '.join(known)}")
    sys.path.insert(0, str(folder))
    sys.argv = sys.argv[1:]
    runpy.run_module(f"stages.{sys.argv[0]}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
