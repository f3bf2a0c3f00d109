"""Two judges, or a judge and people, on the same answers."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judge.files.rows import BOOTSTRAP, file_of, in_words, judgment, who
from urial.core.errors import UrialError
from urial.judge.files.agreement import compare_judges
from urial.judge.files.records import Agreement
from urial.records.judgment import Judgment, LaterJudgment

CELLS = st.sampled_from([1, 2, 3.5, 5, "not_applicable", "invalid"])


def compare(folder: Path, first: list[Judgment], second: list[Judgment], top: int = 10) -> Agreement:
    other = file_of(folder / "b.jsonl", *second)
    return compare_judges(file_of(folder / "a.jsonl", *first), other, top, BOOTSTRAP)


def refusal(folder: Path, first: list[Judgment], second: list[Judgment]) -> str:
    with pytest.raises(UrialError) as caught:
        compare(folder, first, second)
    return str(caught.value).replace(f"{folder}/", "")


def rows(*scores: object, judge: str = "j") -> list[Judgment]:
    return [judgment(str(index), {"depth": score}, judge=judge) for index, score in enumerate(scores)]


def test_figures_by_hand(tmp_path: Path) -> None:
    found = compare(tmp_path, rows(1, 2, 3, 4, 5, "invalid", 5), rows(1, 2, 3, 5, 4, 4, "failed", judge="k"))
    assert (found.system, found.judge_a, found.judge_b, found.resamples) == ("a", (who("j"),), (who("k"),), 200)
    depth = found.aspects["depth"]
    assert list(found.aspects) == ["depth"]
    assert (depth.n, depth.only_a, depth.only_b) == (5, 1, 1)
    assert depth.spearman == pytest.approx(0.9)
    # Two squared differences of 1 among 5; all 25 combinations: 5 x 55 x 2 - 2 x 15 x 15.
    assert depth.kappa == 1 - 5 * 2 / (5 * 55 * 2 - 2 * 15 * 15)
    assert (depth.bias.mean, depth.exact) == (0.0, 3 / 5)


def test_scores_that_are_not_whole_are_rounded_half_up_for_kappa_alone(tmp_path: Path) -> None:
    depth = compare(tmp_path, rows(2.5, 1, 4.25), rows(3, 1, 4, judge="k")).aspects["depth"]
    assert (depth.kappa, depth.exact) == (1.0, 1.0)
    assert depth.bias.mean == pytest.approx(-0.25 / 3)


def test_constant_ratings_have_no_correlation(tmp_path: Path) -> None:
    depth = compare(tmp_path, rows(5, 5), rows(5, 5)).aspects["depth"]
    assert (depth.n, depth.spearman, depth.kappa, depth.exact, depth.bias.mean) == (2, None, None, 1.0, 0.0)


def test_an_aspect_without_a_common_score_has_counts_alone(tmp_path: Path) -> None:
    first = [judgment("1", {"depth": 4, "clarity": 2})]
    depth = compare(tmp_path, first, [judgment("1", {"depth": "invalid", "clarity": 1})]).aspects["depth"]
    assert (depth.n, depth.only_a, depth.only_b, depth.exact, depth.kappa) == (0, 1, 0, None, None)


def test_the_largest_disagreements_come_first(tmp_path: Path) -> None:
    first, second = rows(1, 5, 3, 2), rows(2, 1, 3, 3, judge="k")
    found = compare(tmp_path, first, second).largest
    assert [(item.instruction_id, item.score_a, item.score_b) for item in found] == [
        ("1", 5, 1), ("0", 1, 2), ("3", 2, 3),
    ]  # fmt: skip
    assert (found[0].rationale_a, found[0].rationale_b) == ("depth is 5", "depth is 1")
    assert compare(tmp_path, first, second, top=1).largest == found[:1]
    assert compare(tmp_path, first, second, top=0).largest == ()


def test_another_system_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, rows(1), [judgment("0", {"depth": 1}, system="b")]) == (
        "a.jsonl and b.jsonl: judgments of the systems 'a' and 'b'\n  expected: two judges of one system's answers\n"
        "  fix: to compare two systems use `urial summarize`"
    )


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (judgment("0", {"depth": 1}, words=11), "10 words, and 11"),
        (judgment("0", {}), "only the first has one"),
    ],
)
def test_other_answers_are_refused(tmp_path: Path, other: Judgment, problem: str) -> None:
    assert refusal(tmp_path, rows(1), [other]) == (
        f"a.jsonl and b.jsonl: not the same answer to '0': {problem}\n  expected: two judges of the same answers"
    )


def test_several_judges_in_one_file_are_refused(tmp_path: Path) -> None:
    mixed = [judgment("0", {"depth": 1}, judge="j"), judgment("1", {"depth": 1}, judge="k")]
    assert refusal(tmp_path, mixed, rows(1, 1)) == (
        "a.jsonl: several judges of regular instructions\n"
        f"  where: {in_words('j')!r}; {in_words('k')!r}\n  expected: one judge"
    )
    two = [judgment("0", {"depth": 1}, judge="j"), judgment("1", {"safety": 1}, judge="k")]
    assert compare(tmp_path, two, two).judge_a == (who("j"), who("k"))


def test_a_length_that_is_not_known_is_no_other_answer(tmp_path: Path) -> None:
    assert compare(tmp_path, rows(1), [judgment("0", {"depth": 1}, words=None)]).aspects["depth"].n == 1


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, rows("invalid"), rows(3)) == (
        "a.jsonl and b.jsonl: no answer has a score of both\n  expected: judgments of the same answers"
    )


def people(folder: Path, text: str) -> Agreement:
    path = folder / "people.csv"
    path.write_bytes(text.encode())
    return compare_judges(file_of(folder / "a.jsonl", *rows(1, 2, 5)), path, 10, BOOTSTRAP)


def test_people_s_scores_come_from_a_csv_file(tmp_path: Path) -> None:
    text = '\ufeffinstruction_id,aspect,score,rationale\r\n0,depth,4.5,"Deep, ""indeed"""\r\n2,depth,5,\r\n1,depth,N/A,x\r\n'
    found = people(tmp_path, text)
    assert (found.judge_b, found.aspects["depth"].n, found.aspects["depth"].only_a) == (None, 2, 1)
    assert (found.largest[0].score_b, found.largest[0].rationale_b) == (4.5, 'Deep, "indeed"')
    assert people(tmp_path, "score,instruction_id,aspect\n5,2,depth\n").aspects["depth"].exact == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instruction_id,aspect\n", "people.csv: no column 'score'\n  expected: instruction_id, aspect, score\n"
         "  fix: known names: aspect, instruction_id"),
        ("instruction_id,aspect,score,rational\n", "people.csv: unknown column 'rational'\n"
         "  expected: instruction_id, query, person, turn, rationale, system, aspect, score; of several people in a row, "
         "score:NAME and rationale:NAME\n  fix: did you mean 'rationale'?"),
        ("instruction_id,aspect,score\n0,depth,4\n9,depth,4\n", "people.csv: '9' is not in a.jsonl"),
        ("instruction_id,aspect,score\n0,dept,4\n", "people.csv, line 2: field 'aspect': input should be 'overall', "
         "'helpfulness', 'clarity', 'factuality', 'depth', 'engagement' or 'safety', got 'dept'\n"
         "  expected: a PersonScore as in schemas/"),
        ("instruction_id,aspect,score\n0,depth,4\n1,depth,3\n0,depth,N/A\n",
         "people.csv, line 4: 'person' rates depth of '0' again, as in people.csv, line 2\n"
         "  expected: one rating a person\n  fix: name who rated in a column person, or remove one of the two"),
        ("instruction_id,aspect,score\n0,depth\n",
         "people.csv, line 2: number of cells: 2\n  expected: 3, as many as the first line has"),
        ("instruction_id,aspect,score\n0,depth,N/A\n",
         "a.jsonl and people.csv: no answer has a score of both\n  expected: judgments of the same answers"),
        ("", "people.csv: no rows\n  expected: a header of instruction_id, aspect, score, cells between commas, and rows"),
        *((f"instruction_id,aspect,score\n0,depth,{score}\n",
           f"people.csv, line 2, column 'score': got {score!r}\n  expected: a number from 1 to 5, or N/A; overall from 1 to 10")
          for score in ("", "0", "6", "5.1", "0.9", "4,5".replace(",", ";"), "4.", "nan", "1e0", " 4", "+4", "４")),
    ],
)  # fmt: skip
def test_a_wrong_csv_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UrialError) as caught:
        people(tmp_path, text)
    assert str(caught.value).replace(f"{tmp_path}/", "") == message


@settings(max_examples=40)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=10))
def test_swapping_judges_swaps_the_sides(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[object, object]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    first, second = rows(3, *(one for one, _ in pairs)), rows(3, *(other for _, other in pairs))
    there, back = compare(folder, first, second), compare(folder, second, first)
    ours, theirs = there.aspects["depth"], back.aspects["depth"]
    assert (ours.n, ours.only_a, ours.kappa, ours.exact) == (theirs.n, theirs.only_b, theirs.kappa, theirs.exact)
    assert ours.bias.mean == pytest.approx(-(theirs.bias.mean or 0))
    assert [item.instruction_id for item in there.largest] == [item.instruction_id for item in back.largest]
    assert ours.n + ours.only_a == sum(item.scores[0].status == "scored" for item in first)


def test_turns_are_told_apart_and_pooled(tmp_path: Path) -> None:
    first = judgment("0", {"depth": 4})
    again = LaterJudgment(status="scored", reason=None, scores=judgment("0", {"depth": 2}).scores, key=None, words=3)
    rows_of_turns = [first.model_copy(update={"later_turns": (again,)})]
    people = tmp_path / "people.csv"
    people.write_text("instruction_id,aspect,turn,score:ann,score:ben\n0,depth,1,4,4\n0,depth,2,5,4\n")
    found = compare_judges(file_of(tmp_path / "a.jsonl", *rows_of_turns), people, 10, BOOTSTRAP)
    assert (found.aspects["depth"].n, found.people) == (2, ("ann", "ben"))
    assert [part["depth"].exact for part in found.turns.values()] == [1.0, 0.0]
    assert [(row.turn, row.score_a, row.score_b) for row in found.largest] == [(2, 2, 4.5)]
    alpha = found.aspects["depth"].alpha
    assert alpha is not None
    assert alpha.rated_twice == 2
