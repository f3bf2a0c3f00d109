"""What a run leaves out has no rows: a file of it that has some was edited, and its rows would be in no figure."""

import json
import shutil
from pathlib import Path

import pytest

from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial.core.errors import UrialError
from urial.core.parquet import write_parquet
from urial.provenance.verify.left_out import check_rows_of
from urial.provenance.verify.run import Checked, Run
from urial.records.base import Record
from urial.records.token_shift import shift_schema
from urial.run.paths import COMPLETIONS, COVERAGE, JUDGMENTS, PROMPTS, TOKEN_SHIFT, RunFile

GONE = "gone"
AGAIN = "edited by hand or swapped: dvc checkout --force {}; to compute it again: dvc repro"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose plan leaves out the system and base system ``gone``, with the empty files that its stages write."""
    write_run(small_run(), tmp_path)
    path = tmp_path / "data/plan/report.json"
    plan = json.loads(path.read_bytes())
    path.write_text(json.dumps(plan | {"left_out": {"systems": [GONE], "base_systems": [GONE]}}), "utf-8")
    for kind in (PROMPTS, COMPLETIONS, JUDGMENTS, COVERAGE):
        (tmp_path / kind.path(GONE)).touch()
    write_parquet(tmp_path / TOKEN_SHIFT.path(GONE), [], shift_schema())
    return Run(tmp_path, in_git=False)


def never(_run: Run, name: str) -> Checked:
    """The check of files that have rows."""
    raise AssertionError(name)


@pytest.mark.parametrize("kind", [PROMPTS, COMPLETIONS, JUDGMENTS, COVERAGE])
def test_files_without_rows_are_what_is_left_out(run: Run, kind: RunFile[Record]) -> None:
    assert check_rows_of(kind, never, run, GONE).summary == "left out: the study has no aligned model"
    # Of what the run has, the check itself decides.
    assert check_rows_of(kind, lambda _, name: Checked(name), run, "base").summary == "base"


@pytest.mark.parametrize("kind", [PROMPTS, COMPLETIONS, JUDGMENTS, COVERAGE])
def test_rows_of_what_is_left_out_are_refused(run: Run, kind: RunFile[Record]) -> None:
    count = len((run.root / kind.path("base")).read_bytes().splitlines())
    shutil.copyfile(run.root / kind.path("base"), run.root / kind.path(GONE))
    with pytest.raises(UrialError) as caught:
        check_rows_of(kind, never, run, GONE)
    assert (caught.value.what, caught.value.expected, caught.value.fix) == (
        f"{kind.path(GONE)}: {count} rows", "none: the study has no aligned model", AGAIN.format(kind.path(GONE)),
    )  # fmt: skip


def test_positions_without_coverage_are_refused_as_well(run: Run) -> None:
    shutil.copyfile(run.root / TOKEN_SHIFT.path("base"), run.root / TOKEN_SHIFT.path(GONE))
    with pytest.raises(UrialError) as caught:
        check_rows_of(COVERAGE, never, run, GONE)
    assert caught.value.what == f"{TOKEN_SHIFT.path(GONE)}: {len(run.table('base'))} rows"
