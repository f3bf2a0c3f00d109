"""The installed urial as a record, and whether it is the one that a project is computed by.

In a checkout the stages depend on folders of code. A project that `urial init` made has no code: there every stage depends on one
small file instead, which says which urial makes its numbers, to the byte.
"""

from collections.abc import Iterator
from pathlib import Path

from urial import __version__
from urial.core.errors import UrialError
from urial.core.hashing import content_hash, file_hash
from urial.core.store import read_json
from urial.core.text import and_more
from urial.records.base import Hash
from urial.records.package import InstalledPackage
from urial.run.project import shipped

PACKAGE = "urial-package.json"
# What is code, and what code reads.
CODE = (".py", ".yaml", ".css", ".j2", ".json")
# Rooms beside the flow: no stage runs them.
BESIDE = ("cli", "exchange", "provenance")
# What stages depend on beside the package's own folders.
STAGES = ("stages", "schemas/bare")


def installed_package() -> InstalledPackage:
    """The urial that this process runs."""
    return InstalledPackage(version=__version__, rooms=dict(_rooms()))


def differing_rooms(one: InstalledPackage, other: InstalledPackage) -> list[str]:
    """The rooms that are not the same in both, sorted."""
    names = one.rooms.keys() | other.rooms.keys()
    return sorted(name for name in names if one.rooms.get(name) != other.rooms.get(name))


def require_recorded_package(root: Path) -> None:
    """Raises UrialError where a project is computed by another urial than the installed one."""
    path = root / PACKAGE
    if not path.is_file():
        return
    recorded, installed = read_json(path, InstalledPackage), installed_package()
    if differing := differing_rooms(recorded, installed):
        raise UrialError(
            f"this project is computed by urial {recorded.version}, and another is installed, urial {installed.version}: they "
            f"differ in {and_more(differing, 3)}",
            path=path,
            fix="install that one; or take this one up: `urial init --update`, then `dvc repro`",
        )


def _rooms() -> Iterator[tuple[str, Hash]]:
    package = Path(__file__).resolve().parents[1]
    for folder in sorted(package.iterdir()):
        if (folder / "__init__.py").is_file() and folder.name not in BESIDE:
            yield f"urial/{folder.name}", _folder_hash(folder)
    for name in STAGES:
        yield name, _folder_hash(shipped() / name)


def _folder_hash(folder: Path) -> Hash:
    files = (path for path in folder.rglob("*") if path.suffix in CODE)
    return content_hash({path.relative_to(folder).as_posix(): file_hash(path) for path in files})
