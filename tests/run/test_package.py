"""The installed urial as a record, and that a project is computed by it alone."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import write_json
from urial.records.package import InstalledPackage
from urial.run.package import PACKAGE, differing_rooms, installed_package, require_recorded_package


def other(**rooms: str) -> InstalledPackage:
    """A record of an urial with other rooms."""
    return InstalledPackage(version="0.0.1", rooms={**installed_package().rooms, **rooms})


def test_every_room_that_a_stage_can_run_counts_and_no_other() -> None:
    rooms = installed_package().rooms
    folders = {f"urial/{path.parent.name}" for path in (ROOT / "urial").glob("*/__init__.py")}
    assert rooms.keys() - folders == {"stages", "schemas/bare"}
    assert folders - rooms.keys() == {"urial/cli", "urial/exchange", "urial/provenance"}


def test_a_project_that_another_urial_computes_is_refused(tmp_path: Path) -> None:
    require_recorded_package(tmp_path)
    write_json(tmp_path / PACKAGE, installed_package())
    require_recorded_package(tmp_path)
    hash_ = content_hash("other")
    write_json(tmp_path / PACKAGE, other(**{"urial/judge": hash_, "urial/old": hash_}))
    with pytest.raises(UrialError) as caught:
        require_recorded_package(tmp_path)
    assert caught.value.problem.startswith("this project is computed by urial 0.0.1, and another is installed, urial ")
    assert caught.value.problem.endswith("they differ in urial/judge, urial/old")
    assert differing_rooms(installed_package(), other(**{"urial/judge": hash_})) == ["urial/judge"]
