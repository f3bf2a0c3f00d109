"""What pyproject.toml cannot say: folders of the repository's top that a project needs come into the wheel, as urial/shipped/."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

TOP = Path(__file__).parent
SHIPPED = ("dvc.yaml", "params.yaml", "instructions", "prompts", "schemas", "stages")


def untracked() -> set[str]:
    """Files of these folders that git does not have, such as prompts of whoever builds; none where no git tells, as in an sdist."""
    if not (TOP / ".git").exists() or shutil.which("git") is None:
        return set()
    known, others = (
        subprocess.run(["git", "ls-files", "-z", *options, "--", *SHIPPED], cwd=TOP, capture_output=True, check=True)  # noqa: S603, S607
        .stdout.decode("utf-8", "surrogateescape")
        .split("\0")
        for options in ([], ["--others"])
    )
    # Of a copy that is not committed yet, git has nothing.
    return {name for name in others if name} if "dvc.yaml" in known else set()


class SourcesWithShipped(sdist):
    """Leaves out what is not the project's."""

    def make_release_tree(self, base_dir: str, files: Iterable[str]) -> None:
        """Copy the files, but those that git does not have."""
        own = untracked()
        super().make_release_tree(base_dir, [name for name in files if Path(name).as_posix() not in own])


class BuildWithShipped(build_py):
    """Copies them; in an editable installation they are found where they lie."""

    def run(self) -> None:
        """Build the package, with them in it."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "urial/shipped"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in SHIPPED:
            source = TOP / name
            if source.is_dir():
                shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copyfile(source, target / name)
        for name in untracked():
            (target / name).unlink(missing_ok=True)
        for folder in sorted(target.rglob("*/"), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


setup(cmdclass={"build_py": BuildWithShipped, "sdist": SourcesWithShipped})
