"""A file that is read as the right record, and says something else to another reader, is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.tracing import edit
from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial.provenance.verify.folder import check_written_form, form_difference
from urial.provenance.verify.run import Run

EXPECTED = "the bytes that urial writes of the record that it is read as"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(small_run(), tmp_path)


def problems(folder: Path) -> list[str]:
    return [str(problem) for problem in check_written_form(Run(folder)).problems]


def test_what_urial_writes_is_in_its_form(run: Path) -> None:
    checked = check_written_form(Run(run))
    assert (checked.summary, checked.problems) == ("16 files of records and rows as urial writes them", [])


def second_key(old: str, forged: str) -> Callable[[Path], None]:
    # Readers that take the last one see no change.
    return lambda path: edit(path, old, f"{forged}{old}")


@pytest.mark.parametrize(
    ("name", "change", "detail"),
    [
        ("judgments/base.jsonl", second_key('"score":1,', '"score":5,'), "line 1: key 'score' twice in one object"),
        ("generations/base.jsonl", second_key('"text":"two words"', '"text":"FORGED",'), "line 1: key 'text' twice in one object"),
        ("prompts/base.jsonl", second_key('"text":"p"', '"text":"FORGED",'), "line 1: key 'text' twice in one object"),
        ("instructions.jsonl", second_key('"id":"r2"', '"id":"r9",'), "line 2: key 'id' twice in one object"),
        ("token_shift/base.coverage.jsonl", second_key('"positions":2', '"positions":9,'), "line 1: key 'positions' twice in one object"),
        ("plan/report.json", second_key('"seed": 0', '"seed": 1,'), "key 'seed' twice in one object"),
        ("models/base/manifest.json", second_key('"role": "base"', '"role": "aligned",'), "key 'role' twice in one object"),
        (
            "judgments/base.jsonl", lambda path: edit(path, '"score":1,', '"score": 1,'),
            """line 1: written '…ale":"seen","score":1,"status":"scored"},{"aspect":"clarity"', """
            """found '…ale":"seen","score": 1,"status":"scored"},{"aspect":"clarity'""",
        ),
        ("instructions.jsonl", lambda path: path.write_bytes(path.read_bytes()[:-1]), "line 7: written '', found nothing"),
    ],
)  # fmt: skip
def test_another_form_of_the_same_record_is_named_by_its_line(
    run: Path, name: str, change: Callable[[Path], None], detail: str
) -> None:
    change(run / "data" / name)
    path = f"data/{name}"
    (problem,) = problems(run)
    assert problem == (
        f"{path}: {detail}\n  expected: {EXPECTED}\n"
        f"  fix: edited by hand or swapped: dvc checkout --force {path}; to compute it again: dvc repro"
    )


def test_what_cannot_be_read_is_named_where_it_is_read_first(run: Path) -> None:
    edit(run / "data/judgments/base.jsonl", '"score":1,', '"score":"five",')
    assert problems(run) == []


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["a.json", "a.jsonl"]))
def test_every_difference_is_on_one_line_without_what_a_terminal_obeys(one: bytes, two: bytes, name: str) -> None:
    assert form_difference(name, one, two).isprintable()
