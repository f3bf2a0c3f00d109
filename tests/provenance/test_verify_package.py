"""A run of a project without code: verify compares the installed urial with the record of the one that made it."""

from pathlib import Path

import pytest

from urial.core.hashing import content_hash
from urial.core.store import write_json
from urial.provenance.verify.folder import check_code
from urial.provenance.verify.run import NotCheckedError, Run
from urial.records.package import InstalledPackage
from urial.run.package import PACKAGE, installed_package


def test_the_installed_urial_is_the_run_s_own(tmp_path: Path) -> None:
    write_json(tmp_path / PACKAGE, installed_package())
    count = len(installed_package().rooms)
    summary = check_code(Run(tmp_path)).summary
    assert summary.endswith(f"is the run's own, by the hashes of {count} folders")


def test_another_one_is_named_with_the_first_folder_that_differs(tmp_path: Path) -> None:
    rooms = {**installed_package().rooms, "urial/judge": content_hash("other")}
    write_json(tmp_path / PACKAGE, InstalledPackage(version="0.0.1", rooms=rooms))
    with pytest.raises(
        NotCheckedError, match=r"the run is of urial 0\.0\.1, and the installed .* first in urial/judge: "
    ):
        check_code(Run(tmp_path))


def test_without_code_and_record_nothing_is_said_of_the_code(tmp_path: Path) -> None:
    with pytest.raises(NotCheckedError, match="the run has no urial/"):
        check_code(Run(tmp_path))
