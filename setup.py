"""What pyproject.toml cannot say: folders of the repository's top that a project needs come into the wheel, as urial/shipped/."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).parent
SHIPPED = ("dvc.yaml", "params.yaml", "instructions", "prompts", "schemas", "stages")


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


setup(cmdclass={"build_py": BuildWithShipped})
