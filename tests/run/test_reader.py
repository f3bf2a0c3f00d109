"""A run's outputs are read once, strictly, and with the way back to what the pipeline wrote."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import urial
from tests.cli.commands import be_a_project, invoke
from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial.core.errors import UrialError
from urial.core.parquet import write_parquet
from urial.core.store import write_json, write_jsonl
from urial.records.token_shift import ShiftMeasurement, shift_schema
from urial.report.build import build_report
from urial.report.inputs import read_inputs
from urial.run.paths import (
    COMPLETIONS,
    COVERAGE,
    JUDGMENTS,
    PUBLISHED,
    REPORT,
    REPORT_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT,
)
from urial.run.reader import RunReader
from urial.token_shift.measure.inputs import NOT_AMONG, ShiftInputs


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    return RunReader(write_run(small_run(), tmp_path) / "data")


def test_a_file_is_read_once(run: RunReader) -> None:
    rows, plan = run.rows(COMPLETIONS, "base"), run.record(SYSTEM_PLAN, "base")
    run.file(COMPLETIONS, "base").unlink()
    run.file(SYSTEM_PLAN, "base").write_text("{}")
    assert run.rows(COMPLETIONS, "base") is rows
    assert run.record(SYSTEM_PLAN, "base") is plan


def test_all_of_a_run_is_what_was_written(run: RunReader) -> None:
    inputs, written = read_inputs(run), small_run()
    assert inputs.systems == written.systems
    table, context = written.contexts["base"].table, inputs.contexts["base"]
    # The candidates of each position stay in the file until they are asked for.
    assert context.table.equals(table.select([name for name in table.column_names if "_top_" not in name]))
    assert pa.concat_tables(context.groups(run.ids)).equals(table)
    run.table("base")
    assert pa.concat_tables(run.groups("base")).equals(table)
    assert run.without_candidates("base").equals(context.table)
    assert (inputs.plan, inputs.models, list(inputs.instructions)) == (
        written.plan, written.models, list(written.instructions),
    )  # fmt: skip


def test_a_measurement_that_is_no_parquet_is_named_however_it_is_read(run: RunReader) -> None:
    path = run.file(TOKEN_SHIFT, "base")
    path.write_bytes(b"PAR1")
    for read in (run.table, run.without_candidates, lambda name: list(run.groups(name))):
        with pytest.raises(UrialError, match=r"token_shift/base\.parquet: cannot be read as Parquet: ") as caught:
            read("base")
        assert caught.value.fix == (
            "edited by hand or swapped: dvc checkout --force data/token_shift/base.parquet; to compute it again: dvc repro"
        )


def test_a_lost_row_is_named_by_its_instruction(run: RunReader) -> None:
    path = run.file(JUDGMENTS, "base")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(UrialError) as caught:
        run.ordered_rows(JUDGMENTS, "base")
    assert str(caught.value) == (
        f"{path}: 1 instruction has no row, first 'r1'\n"
        "  expected: one row an instruction, in their order\n"
        "  fix: run `dvc repro`"
    )


def test_published_outputs_may_answer_some_instructions_in_their_order(run: RunReader) -> None:
    rows = [row.model_copy(update={"system": "gpt4"}) for row in run.rows(COMPLETIONS, "aligned")]
    write_jsonl(run.file(PUBLISHED, "gpt4"), rows[1:3])
    assert run.some_rows(PUBLISHED, "gpt4") == [None, rows[1], rows[2], None, None, None]
    for name, wrong in {"turned": rows[2:0:-1], "twice": [rows[1], rows[1]]}.items():
        write_jsonl(run.file(PUBLISHED, name), wrong)
        with pytest.raises(UrialError, match="rows added or out of order"):
            run.some_rows(PUBLISHED, name)


def test_a_report_is_made_of_published_outputs_that_answer_some_and_of_what_is_measured_of_them(run: RunReader) -> None:
    rows = [row.model_copy(update={"system": "gpt4"}) for row in run.rows(COMPLETIONS, "aligned")]
    write_jsonl(run.file(PUBLISHED, "gpt4"), rows[1:3])
    given = ShiftMeasurement(name="theirs", answers="gpt4", base_system="base", aligned_system="aligned")
    write_json(run.file(REPORT_PLAN), run.plan.model_copy(update={"published": ("gpt4",), "given": (given,)}))
    answered = {row.instruction_id for row in rows[1:3]}
    table = run.table("base")
    theirs = table.filter(pc.is_in(table["instruction_id"], pa.array(sorted(answered))))
    write_parquet(run.file(TOKEN_SHIFT, "theirs"), [theirs], shift_schema())
    named = {"context": "theirs", "answers": "gpt4"}
    unanswered = {**named, "status": "no_answer", "reason": NOT_AMONG, "positions": 0, "vocabulary": None}
    coverage = [
        row.model_copy(update=named if row.instruction_id in answered else unanswered)
        for row in run.rows(COVERAGE, "base")
    ]
    write_jsonl(run.file(COVERAGE, "theirs"), coverage)
    inputs = read_inputs(RunReader(run.data))
    assert [row is None for row in inputs.published["gpt4"]] == [name not in answered for name in run.ids]
    figures = build_report(inputs).token_shift["theirs"]
    assert (figures.measured, figures.no_answer, figures.positions) == (2, len(run.ids) - 2, len(theirs))
    assert list(ShiftInputs.read(RunReader(run.data), given).completions) == inputs.published["gpt4"]


def test_an_edited_file_comes_back_by_a_command(run: RunReader) -> None:
    path = run.file(JUDGMENTS, "base")
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(UrialError) as caught:
        run.rows(JUDGMENTS, "base")
    assert caught.value.what.startswith(f"{path}, line 1: missing field")
    assert caught.value.fix == (
        "edited by hand or swapped: dvc checkout --force data/judgments/base.jsonl; to compute it again: dvc repro"
    )


def test_what_is_not_here_is_pulled_or_computed(run: RunReader, monkeypatch: pytest.MonkeyPatch) -> None:
    root = run.data.parent
    run.file(JUDGMENTS, "base").unlink()
    with pytest.raises(UrialError) as caught:
        run.rows(JUDGMENTS, "base")
    name = "data/judgments/base.jsonl"
    pulled = f"run `dvc pull {name}`; or compute it: `dvc checkout --allow-missing`, then `dvc repro`"
    assert (caught.value.what, caught.value.fix) == (f"{root}/{name}: not here", pulled)
    # The commands say the same of a file that is named, and of the report, which git keeps.
    monkeypatch.chdir(root)
    be_a_project(root)
    for command in ("summarize", "win-rates"):
        assert invoke(command, name).stderr == f"Error: {name}: not here\n  fix: {pulled}\n"
    run.file(REPORT).unlink()
    for arguments in (["report"], ["trace", "base.words"], ["cite"]):
        assert f"{REPORT.path()}: not here\n  fix: git checkout {REPORT.path()}\n" in invoke(*arguments).stderr
    # What no run would write is somebody's own.
    assert invoke("summarize", "data/mine.jsonl").stderr.endswith("fix: check the path\n")


def test_a_project_that_has_not_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_a_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    fix = "run `dvc repro`; or, of a run that others have pushed, `git pull` and `dvc pull`"
    with pytest.raises(UrialError) as caught:
        urial.load_run()
    assert (caught.value.what, caught.value.fix) == ("the project has not run", fix)
    for command in (("report",), ("trace", "x"), ("summarize", "data/judgments/base.jsonl")):
        assert invoke(*command).stderr == (f"Error: the project has not run\n  fix: {fix}\n")


def test_a_measurement_of_nothing_has_one_table_without_rows(run: RunReader) -> None:
    nothing = run.table("base").slice(0, 0)
    write_parquet(run.file(TOKEN_SHIFT, "base"), [], nothing.schema)
    fresh = RunReader(run.data)
    assert list(fresh.groups("base")) == [nothing]
    assert len(fresh.table("base")) == 0
    assert list(fresh.groups("base")) == [nothing]
