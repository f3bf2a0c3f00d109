"""Score files of just-eval: what becomes of each kind of row."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.importers.score_files import identity, score_row, verdict, without, write
from tests.instruction_files import named
from urial.core.errors import UrialError
from urial.core.store import read_jsonl, write_jsonl
from urial.exchange.importers.judgments import Imported, import_judgments
from urial.records.judgment import REGULAR_ASPECTS, Judgment, Reply

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def imported(folder: Path, *rows: dict[str, Any]) -> Imported:
    return import_judgments([write(folder / "scores.json", rows)], "theirs")


def judged(folder: Path, **changes: Any) -> Judgment:
    """What becomes of one row."""
    return imported(folder, score_row(3, **changes)).judgments[0]


def test_a_row_with_scores_as_texts(tmp_path: Path) -> None:
    found = judged(tmp_path, parsed_result=verdict(depth="2", clarity=5))
    assert (found.instruction_id, found.system, found.status, found.reason) == (
        named("just-eval", "Why 3?"),
        "theirs",
        "scored",
        None,
    )
    assert {item.aspect: item.score for item in found.scores} == {
        "helpfulness": 4, "clarity": 5, "factuality": 4, "depth": 2, "engagement": 4,
    }  # fmt: skip
    assert found.scores[3].rationale == "why depth"
    assert (found.words, found.key) == (4, None)
    assert [(reply.finish, reply.model) for reply in found.replies] == [("unknown", None)]


def test_the_judge_is_model_mode_and_template(tmp_path: Path) -> None:
    regular, safety = imported(tmp_path, score_row(1), score_row(800, mode="score_safety", gpt="gpt-y")).judgments
    assert regular.judge == identity()
    assert safety.judge == identity("score_safety", "gpt-y")
    again = imported(tmp_path, score_row(5, query="What?\n \n## Output:\nX", answer="## Query: \n" * 2)).judgments[0]
    assert again.judge == regular.judge


def test_not_applicable_is_no_score(tmp_path: Path) -> None:
    found = judged(tmp_path, parsed_result=verdict(factuality="N/A"))
    assert (found.status, found.scores[2].status, found.scores[2].score) == ("scored", "not_applicable", None)
    assert found.scores[2].rationale == "why factuality"
    whole = judged(tmp_path, parsed_result=verdict(**dict.fromkeys(REGULAR_ASPECTS, "N/A")))
    assert (whole.status, whole.reason) == ("not_applicable", "why helpfulness")


@pytest.mark.parametrize(
    "score", [6, 0, -1, "6", "4.5", "5/5", 4.0, 4.5, True, None, "", " 4", "five", "n/a", "４", [4]]
)
def test_a_wrong_score_is_invalid_and_the_others_stand(tmp_path: Path, score: Any) -> None:
    found = judged(tmp_path, parsed_result=verdict(depth=score))
    assert [item.status for item in found.scores] == ["scored", "scored", "scored", "invalid", "scored"]
    assert found.scores[3].rationale == f"the score is {score!r}, neither a whole number from 1 to 5 nor N/A"
    assert found.status == "scored"


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"result": "N/A"}, "failed", "the file has no reply of the judge"),
        ({"result": None}, "failed", "the file has no reply of the judge"),
        ({"result": ""}, "invalid", "the judge's reply has no JSON object"),
        ({"result": "I cannot say."}, "invalid", "just-eval could not read the judge's reply"),
        ({"parsed_result": "N/A"}, "invalid", "parsed_result is 'N/A', not an object"),
        ({"parsed_result": [1, 2]}, "invalid", "parsed_result is [1, 2], not an object"),
        ({"parsed_result": {}, "result": "{}"}, "invalid", "the verdict has no helpfulness"),
        (
            {"parsed_result": {**verdict(), "safety": {"score": 5}}},
            "invalid",
            "the verdict is about 'safety', which score_multi does not ask for",
        ),
        (
            {"parsed_result": verdict(), "result": '{"helpfulness": {"score": "1"}}'},
            "invalid",
            "parsed_result is not what the judge's reply says",
        ),
    ],
)
def test_a_row_without_a_verdict_says_why(tmp_path: Path, changes: dict[str, Any], status: str, reason: str) -> None:
    found = judged(tmp_path, **{"parsed_result": None, **changes})
    assert (found.status, found.reason) == (status, reason)
    assert {item.status for item in found.scores} == {status}
    kept = [reply.text for reply in found.replies]
    assert kept == ([] if status == "failed" else [changes.get("result", kept[0])])


def test_a_row_that_was_never_judged_has_no_parsed_result(tmp_path: Path) -> None:
    found = imported(tmp_path, without(score_row(1, result="N/A"), "parsed_result")).judgments[0]
    assert (found.status, found.replies, found.words) == ("failed", (), 4)


def test_a_verdict_counts_without_its_raw_text(tmp_path: Path) -> None:
    found = imported(tmp_path, without(score_row(1), "result")).judgments[0]
    assert (found.status, found.replies) == ("scored", ())


def test_a_reply_that_only_just_eval_can_read_is_kept_beside_its_verdict(tmp_path: Path) -> None:
    found = judged(tmp_path, parsed_result=verdict(), result='{"helpfulness": {"reason":\n"a\nb" ...')
    assert (found.status, found.replies) == (
        "scored",
        (Reply(text='{"helpfulness": {"reason":\n"a\nb" ...', finish="unknown"),),
    )


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (5, "depth is 5, not an object with a score"),
        ({"reason": "x"}, "depth is {'reason': 'x'}, not an object with a score"),
        ({"score": 5, "reason": ["x"]}, "the reason is ['x'], not text"),
    ],
)
def test_a_verdict_of_another_shape_is_invalid(tmp_path: Path, cell: Any, reason: str) -> None:
    found = judged(tmp_path, parsed_result={**verdict(), "depth": cell}).scores[3]
    assert (found.status, found.rationale) == ("invalid", reason)


def test_a_score_without_a_reason_stands(tmp_path: Path) -> None:
    found = judged(
        tmp_path, parsed_result={**verdict(), "depth": {"score": "5"}, "clarity": {"score": 2, "reason": " "}}
    )
    assert [(item.score, item.rationale) for item in (found.scores[1], found.scores[3])] == [(2, None), (5, None)]


def test_an_empty_answer_is_an_answer(tmp_path: Path) -> None:
    found = judged(tmp_path, answer="")
    assert (found.status, found.words) == ("scored", 0)


def test_files_become_one_ordered_by_number(tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", [score_row(10), score_row(2)])
    second = write(tmp_path / "b.json", [score_row(800, mode="score_safety"), score_row(9)])
    found = import_judgments([first, second], "theirs")
    ids = [named("just-eval", f"Why {number}?") for number in (2, 9, 10, 800)]
    assert [row.instruction_id for row in found.judgments] == [row.id for row in found.instructions] == ids
    assert [row.category for row in found.instructions] == ["regular"] * 3 + ["safety"]
    assert (found.instructions[0].turns, found.instructions[0].source) == (("Why 2?",), "just-eval")
    write_jsonl(tmp_path / "out.jsonl", found.judgments)
    assert read_jsonl(tmp_path / "out.jsonl", Judgment) == found.judgments


@given(st.sampled_from(sorted(score_row(1))), JSON, st.sampled_from(["score_multi", "score_safety"]))
def test_any_value_in_any_cell_gives_a_row_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, column: str, value: Any, mode: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [score_row(1, mode=mode), {**score_row(2, mode=mode), column: value}]
    allowed = (f"{folder}/scores.json", "the number 1 twice", mode, "2 rows")
    assert outcome(folder, rows).startswith(allowed)


def outcome(folder: Path, rows: list[dict[str, Any]]) -> str:
    try:
        return f"{len(imported(folder, *rows).judgments)} rows"
    except UrialError as error:
        return str(error)


@given(JSON)
def test_any_verdict_gives_a_row(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    rows = imported(
        tmp_path_factory.mktemp("any"), score_row(1), score_row(2, parsed_result={"depth": value})
    ).judgments
    assert len(rows) == 2
    statuses = {item.status for item in rows[1].scores if item.aspect != "depth"}
    assert statuses == {"invalid"}


def test_a_verdict_without_a_reply_and_a_reply_without_a_verdict_are_invalid(tmp_path: Path) -> None:
    silent = score_row(1, result="N/A", parsed_result=verdict())
    unread = {name: value for name, value in score_row(2).items() if name != "parsed_result"}
    found = import_judgments([write(tmp_path / "s.json", [silent, unread])], "theirs").judgments
    assert [(row.status, row.reason) for row in found] == [
        ("invalid", "parsed_result has a verdict, and there is no reply"),
        ("invalid", "the row has no parsed_result"),
    ]
