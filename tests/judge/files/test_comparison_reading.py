"""Files of judgments that do not go together, with the whole message."""

from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.judge.files.rows import file_of, in_words, judgment, summary_of, systems_of, who
from urial.core.errors import UrialError
from urial.judge.files.reading import read_systems

ONE, TWO = judgment("1", {"depth": 4}), judgment("2", {"depth": 2})


def refusal(*paths: Path) -> str:
    with pytest.raises(UrialError) as caught:
        read_systems(paths)
    return str(caught.value).replace(f"{paths[0].parent}/", "")


def test_rows_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    first, second = systems_of(tmp_path, a=[TWO, ONE], b=[ONE, TWO])
    assert [row.instruction_id for row in second.rows] == [row.instruction_id for row in first.rows] == ["1", "2"]


def test_two_files_of_one_system_are_refused(tmp_path: Path) -> None:
    assert refusal(file_of(tmp_path / "x.jsonl", ONE), file_of(tmp_path / "y.jsonl", ONE)) == (
        "x.jsonl and y.jsonl: both of the system 'a'\n  expected: one file a system\n"
        "  fix: to compare two judges of one system use `urial agreement`; two systems need two names"
    )


def test_different_instructions_are_refused(tmp_path: Path) -> None:
    first = file_of(tmp_path / "x.jsonl", ONE, TWO)
    second = file_of(tmp_path / "y.jsonl", TWO, judgment("3", {}), judgment("4", {}), system="b")
    assert refusal(first, second) == (
        "x.jsonl and y.jsonl: different instructions: 1 only in the first, 2 only in the second, such as '1'\n"
        "  expected: the same instructions for every system\n  fix: judge both systems on the same instructions"
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "x.jsonl: no rows\n  expected: judgments, one a line"),
        ([ONE, ONE], "x.jsonl, line 2: '1' again, as in line 1\n  expected: one row an instruction"),
        (
            [ONE, TWO.model_copy(update={"system": "b"})],
            "x.jsonl, line 2: of the system 'b', and line 1 of 'a'\n  expected: one system a file",
        ),
    ],
)
def test_a_file_is_of_one_system_and_one_row_an_instruction(tmp_path: Path, rows: list[object], message: str) -> None:
    assert refusal(file_of(tmp_path / "x.jsonl", *rows)) == message  # type: ignore[arg-type]


def test_a_file_of_something_else_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"instruction_id": "1"}\n')
    assert refusal(path).startswith("x.jsonl, line 1: missing field 'status'; ")
    path.write_text('{"id": 1}\n')
    assert refusal(path) == (
        "x.jsonl: no judgments of this project\n"
        "  expected: judgments, one a line, as `urial import judgments` makes them of other tools' files\n"
        "  fix: urial import judgments x.jsonl --out x-imported.jsonl --system NAME"
    )


def test_different_judges_are_refused_unless_asked_for(tmp_path: Path) -> None:
    other = [row.model_copy(update={"judge": who("k")}) for row in (ONE, TWO)]
    systems = systems_of(tmp_path, a=[ONE, TWO], b=other)
    with pytest.raises(UrialError) as caught:
        summary_of(systems)
    assert str(caught.value) == (
        f"different judges of regular instructions, whose scores do not compare\n  where: a: {in_words('j')!r}; b: {in_words('k')!r}\n"
        "  expected: one judge\n"
        "  fix: judge all systems with one judge, or let them be shown side by side with --mixed-judges"
    )
    found = summary_of(systems, mixed_judges=True)
    assert [system.judges for system in found.systems] == [{"regular": (who("j"),)}, {"regular": (who("k"),)}]
    assert found.mixed_judges


def test_a_judge_of_each_category_is_one_judge(tmp_path: Path) -> None:
    safe = judgment("2", {"safety": 5}, judge="s")
    found = summary_of(systems_of(tmp_path, a=[ONE, safe], b=[ONE, safe]))
    assert found.systems[0].judges == {"regular": (who("j"),), "safety": (who("s"),)}
    with pytest.raises(UrialError, match="different judges of safety instructions"):
        summary_of(systems_of(tmp_path, a=[ONE, safe], b=[ONE, judgment("2", {"safety": 5}, judge="t")]))


def test_two_judges_within_one_file_are_refused(tmp_path: Path) -> None:
    systems = systems_of(tmp_path, a=[ONE, judgment("2", {"depth": 5}, judge="k")])
    with pytest.raises(UrialError, match="different judges of regular instructions"):
        summary_of(systems)
    assert summary_of(systems, mixed_judges=True).systems[0].judges == {"regular": (who("j"), who("k"))}


def test_an_aspect_of_the_other_category_is_refused(tmp_path: Path) -> None:
    systems = systems_of(tmp_path, a=[ONE])
    with pytest.raises(UrialError) as caught:
        summary_of(systems, [make_query("1", category="safety")])
    assert str(caught.value) == (f"{tmp_path}/a.jsonl: '1' is judged as a regular instruction, and is safety elsewhere")
    with pytest.raises(UrialError, match="'1' is judged as a safety instruction, and is regular elsewhere"):
        summary_of(systems_of(tmp_path, a=[judgment("1", {"depth": 4, "safety": 5})]))


def test_rows_of_a_run_without_a_judge_are_refused(tmp_path: Path) -> None:
    row = judgment("1", {}).model_copy(update={"judge": None, "status": "not_judged"})
    assert refusal(file_of(tmp_path / "x.jsonl", row)) == (
        "x.jsonl, line 1: not judged: the run has no judge\n"
        "  fix: judge its answers with `urial judge COMPLETIONS --judge NAME --out FILE`"
    )
