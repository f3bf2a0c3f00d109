"""Several measurements in one summary."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conftest import make_query
from tests.token_shift.measured import BOOTSTRAP, SHIFTED, UNSHIFTED, coverage_of, ranks, table_of, token
from urial.core.errors import UrialError
from urial.statistics.paired import PERMUTATIONS
from urial.token_shift.figures.paired import compare_contexts
from urial.token_shift.figures.summary import ShiftSummary, summarize
from urial.token_shift.files.measurements import Measurement, ShiftOptions, summarize_measurements

FIRST = ranks({"a": [SHIFTED, UNSHIFTED], "b": [SHIFTED]})
SECOND = ranks({"a": [UNSHIFTED, UNSHIFTED], "b": [SHIFTED], "c": [SHIFTED]})
OTHER = table_of({"a": [token(SHIFTED, "other"), token(UNSHIFTED)]})


def measurement(name: str, table: pa.Table) -> Measurement:
    return Measurement(name, Path(f"{name}.parquet"), table, coverage_of(table))


def summary(*tables: tuple[str, pa.Table], instructions: Any = None, **options: Any) -> ShiftSummary:
    found = [measurement(name, table) for name, table in tables]
    return summarize_measurements(found, instructions, ShiftOptions(**options), BOOTSTRAP)


def test_each_measurement_has_its_figures() -> None:
    found = summary(("one", FIRST), ("two", SECOND))
    assert list(found.measurements) == ["one", "two"]
    assert found.measurements["two"] == summarize(SECOND, coverage_of(SECOND), BOOTSTRAP)
    assert (found.confidence, found.resamples, found.seed, found.permutations) == (0.95, 200, 0, PERMUTATIONS)
    assert (found.by, found.groups, found.untagged) == (None, {}, 0)


def test_those_of_the_same_answers_are_compared_with_the_first() -> None:
    found = summary(("one", FIRST), ("two", SECOND), ("x", OTHER), ("three", FIRST))
    assert found.comparisons == compare_contexts({"one": FIRST, "two": SECOND, "three": FIRST}, BOOTSTRAP)
    assert found.other_answers == ("x",)
    (two, _) = found.comparisons
    assert (two.positions, two.only_second) == (3, 1)


def test_answers_to_other_instructions_are_other_answers() -> None:
    found = summary(("one", FIRST), ("two", ranks({"z": [1]})))
    assert (found.comparisons, found.other_answers) == ((), ("two",))


def test_lists_are_as_long_as_asked_for() -> None:
    table = table_of({"a": [token(SHIFTED, str(number)) for number in range(9)]})
    assert len(summary(("one", table), top=4).measurements["one"].top_shifted) == 4


def test_groups_are_by_tag_and_name() -> None:
    instructions = [make_query("a", task=("x", "y")), make_query("b"), make_query("c", task=("x",)), make_query("d")]
    found = summary(("one", FIRST), ("two", SECOND), instructions=instructions, by="task")
    assert {tag: list(shifts) for tag, shifts in found.groups.items()} == {"x": ["one", "two"], "y": ["one", "two"]}
    assert [(found.groups["x"][name].answers, found.groups["x"][name].positions) for name in ("one", "two")] == [
        (1, 2), (2, 3),
    ]  # fmt: skip
    assert found.groups["x"]["two"].shifted.mean == pytest.approx(1 / 3)
    assert (found.by, found.untagged) == ("task", 1)


def test_a_tag_of_instructions_that_were_not_measured_has_no_group() -> None:
    instructions = [make_query("a", topic=("x",)), make_query("b"), make_query("c", topic=("sea",))]
    assert list(summary(("one", FIRST), instructions=instructions, by="topic").groups) == ["x"]


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (
            None,
            "measurements do not say the task of an instruction"
            "\n  fix: name the instructions that were measured with --instructions FILE",
        ),
        (
            [make_query("a", task=("x",))],
            "two.parquet: measured instructions that the file of instructions does not have: 1, first 'c'"
            "\n  fix: name the instructions that were measured with --instructions FILE",
        ),
        (
            [make_query(name) for name in "abc"],
            "no instruction that was measured has a task\n  fix: name the set itself, which has tags, with --instructions, as in "
            "--instructions just_eval_instruct.jsonl; what was found in a file of judgments or answers has none",
        ),
    ],
)
def test_tags_that_are_not_known_are_refused(instructions: Any, message: str) -> None:
    with pytest.raises(UrialError) as caught:
        summary(("one", ranks({"a": [1]})), ("two", ranks({"a": [1], "c": [1]})), instructions=instructions, by="task")
    assert str(caught.value) == message
