"""A reply is a verdict or it is none: what other tools read as one is invalid or right here."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from urial.judge.preferences.replies import read_choices
from urial.prompts.preferences.rubrics import load_preference_rubric
from urial.records.judgment import Reply, ReplyFinish
from urial.records.preference import Choice, Order, VerdictForm

RUBRICS = {
    "json": load_preference_rubric("preference/overall-1", "json", ROOT / "prompts"),
    "text": load_preference_rubric("preference/overall-1", "text", ROOT / "prompts"),
    "tokens": load_preference_rubric("preference/token-1", "tokens", ROOT / "prompts"),
}
ASPECTS = load_preference_rubric("preference/aspects-1", "json", ROOT / "prompts")
ZERO_WIDTH, FULL_WIDTH_A, FULL_WIDTH_B = "\u200b", "\uff21", "\uff22"


def read(form: VerdictForm, text: str, order: Order = "system_first", finish: ReplyFinish = "stop") -> Choice:
    (choice,) = read_choices(RUBRICS[form], order, Reply(text=text, finish=finish), 1)
    return choice


def as_json(verdict: object, rationale: object = "so") -> str:
    return json.dumps({"overall": {"rationale": rationale, "verdict": verdict}})


@pytest.mark.parametrize(("verdict", "ours"), [("A", 1), ("tie", 0.5), ("B", 0)])
def test_a_verdict_is_for_the_system_whichever_place_it_had(verdict: str, ours: float) -> None:
    for form, text in (("json", as_json(verdict)), ("text", f"Because.\n[[{verdict}]]")):
        assert read(form, text).preference == ours  # type: ignore[arg-type]
        assert read(form, text, "baseline_first").preference == 1 - ours  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        as_json("a"), as_json(FULL_WIDTH_A), as_json("A "), as_json(f"{ZERO_WIDTH}A"), as_json("A and B"), as_json("AB"),
        as_json("TIE"), as_json("C"), as_json(""), as_json(None), as_json(True), as_json(1), as_json(["A"]),
        as_json("A", ""), as_json("A", " \n"), as_json("A", None), as_json("A", 5),
        # Names both; which one would count?
        '{"overall": {"rationale": "so", "verdict": "A", "verdict": "B"}}',
        '{"overall": {"rationale": "so", "verdict": "A"}, "overall": {"rationale": "so", "verdict": "B"}}',
        f"{as_json('A')}\n{as_json('B')}", f"{as_json('A')}\nOn reflection, B.", f"The verdict: {as_json('A')}",
        # Cut off.
        as_json("A")[:-2], as_json("A")[:20], "", " ", "{}", '{"overall": "A"}', '{"overall": {"verdict": "A"}}',
        '{"overall": {"rationale": "so", "verdict": "A", "score": 5}}', '{"verdict": "A"}', "A", "[[A]]", "null", "[]",
    ],
)  # fmt: skip
def test_what_is_no_object_of_verdicts_is_invalid(text: str) -> None:
    choice = read("json", text)
    assert (choice.status, choice.preference) == ("invalid", None)
    assert choice.rationale


@pytest.mark.parametrize(
    "text", [as_json("A"), f"```json\n{as_json('A')}\n```", f"\n {as_json('A')} \n", as_json("A", "B wins. [[B]]")]
)
def test_what_is_an_object_of_verdicts_is_read(text: str) -> None:
    assert read("json", text).preference == 1


@pytest.mark.parametrize(
    "text",
    [
        "[[A]]", "So.\nA", "So.\n[A]", "So.\n[[a]]", f"So.\n[[{FULL_WIDTH_A}]]", f"So.\n{ZERO_WIDTH}[[A]]", "So.\n[[ A ]]",
        f"So.\n[[{ZERO_WIDTH}A]]", "So.\n[[C]]", "So.\n[[TIE]]", "So.\n[[A and B]]", "So.\n[[A]][[B]]", "So.\n[[A]] or [[B]]",
        # A grade within a sentence, and one that goes on.
        "So.\nI give it [[A]].", "So.\nVerdict: [[A]]", "So [[A]]\nThat is all.",
        # Another verdict before it, however it is written.
        "First [[B]].\nNo:\n[[A]]", "First [[b]].\n[[A]]", f"First [[{FULL_WIDTH_B}]].\n[[A]]", f"First [[{ZERO_WIDTH}B]].\n[[A]]",
        "It is [[tie]].\n[[A]]", "[[A and B]] are near.\n[[A]]", "[[B or tie]]\n[[A]]", "Answer [[answer B]]\n[[A]]", "[[C]]\n[[A]]",
        "", " ", "[[", "[[A",
    ],
)  # fmt: skip
def test_what_ends_in_no_verdict_or_contradicts_itself_is_invalid(text: str) -> None:
    choice = read("text", text)
    assert (choice.status, choice.preference) == ("invalid", None)


@pytest.mark.parametrize("text", ["So.\n[[A]]", "So.\r\n[[A]]\r\n", "So.\n\n[[A]]\n\n", "I say [[A]].\n[[A]]", "x[[1, 2], [3]]\n[[A]]",
                                  "The list [[0]] is right.\n[[A]]", "B is longer.\n[[A]]", "See [[a link to B]].\n[[A]]"])  # fmt: skip
def test_what_ends_in_one_verdict_is_read(text: str) -> None:
    choice = read("text", text)
    assert choice.preference == 1
    assert choice.rationale == text.strip().rpartition("\n")[0].strip()


@pytest.mark.parametrize("finish", ["length", "white_space"])
def test_a_text_that_was_cut_off_is_no_verdict(finish: ReplyFinish) -> None:
    choice = read("text", "So.\n[[A]]", finish=finish)
    assert (choice.status, choice.preference) == ("invalid", None)
    assert "cut off" in str(choice.rationale)


@pytest.mark.parametrize(
    ("finish", "status"),
    [("refused", "refused"), ("filtered", "filtered"), ("failed", "failed"), ("too_long", "too_long")],
)
def test_a_reply_that_is_none_says_why(finish: ReplyFinish, status: str) -> None:
    for form in RUBRICS:
        choice = read(form, "No.", finish=finish)  # type: ignore[arg-type]
        assert (choice.status, choice.preference) == (status, None)


def test_tokens_are_weighed() -> None:
    def weighed(parts: tuple[float, float] | None, order: Order = "system_first") -> Choice:
        reply = Reply(text="A", finish="length", verdict_probabilities=parts)
        (choice,) = read_choices(RUBRICS["tokens"], order, reply, 1)
        return choice

    assert weighed((0.6, 0.2)).preference == pytest.approx(0.75)
    assert weighed((0.6, 0.2), "baseline_first").preference == pytest.approx(0.25)
    assert weighed((0.0, 0.01)).preference == 0
    assert weighed((0.3, 0.3)).side == "tie"
    assert weighed(None).status == "invalid"


def test_every_criterion_has_its_verdict_or_all_have_none() -> None:
    parts = {name: {"rationale": f"on {name}", "verdict": "B"} for name in ASPECTS.rubric.criteria}
    choices = read_choices(ASPECTS, "baseline_first", Reply(text=json.dumps(parts), finish="stop"), 1)
    assert [(choice.criterion, choice.preference, choice.rationale) for choice in choices] == [
        (name, 1, f"on {name}") for name in ASPECTS.rubric.criteria
    ]
    del parts["safety"]
    choices = read_choices(ASPECTS, "baseline_first", Reply(text=json.dumps(parts), finish="stop"), 3)
    assert {choice.status for choice in choices} == {"invalid"}
    assert choices[0].rationale == "safety is missing (asked 3 times)"


@given(st.text())
def test_no_text_is_read_by_guess(text: str) -> None:
    for form in ("json", "text"):
        choice = read(form, text)
        if choice.status == "decided":
            assert form == "text"
            assert text.strip().endswith(("[[A]]", "[[B]]", "[[tie]]"))


@given(st.text(), st.sampled_from(["A", "B", "tie"]))
def test_a_rationale_decides_nothing(rationale: str, verdict: str) -> None:
    choice = read("json", as_json(verdict, rationale))
    assert choice.preference == ({"A": 1, "B": 0, "tie": 0.5}[verdict] if rationale.strip() else None)
