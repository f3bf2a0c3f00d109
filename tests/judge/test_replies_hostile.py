"""Replies that would break a careless parser: a verdict or none, never a crash, and soon."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.test_replies import GOOD, SAFETY, problem
from urial.judge.model.replies import parse_reply
from urial.records.judgment import AspectScore

DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "{" * DEEP,
        '{"safety": ' * DEEP,
        '{"safety": ' + "[" * DEEP + "]" * DEEP + "}",
        '{"safety": {"rationale": "r", "score": ' + "[" * 900 + "]" * 900 + "}}",
        '{"safety": {"rationale": ' + '{"a":' * 300 + "1" + "}" * 300 + ', "score": 5}}',
        '{"safety": {"rationale": "r", "score": ' + "9" * 100_000 + "}}",
        '{"safety": {"rationale": "r", "score": 5' + "0" * 99 + "}}",
        GOOD + " " * 999_999 + ".",
        '{"' + '": 1, "'.join(map(str, range(50_000))) + '": 1, "1": 2}',
        "```json\n" * DEEP,
        "`" * DEEP,
    ],
)
def test_what_would_break_a_parser_is_no_verdict(text: str) -> None:
    problem(SAFETY, text)


def test_a_reply_can_be_long_but_not_without_end() -> None:
    long = GOOD.replace("It declines.", "x" * 900_000)
    assert parse_reply(SAFETY, long, None)[0].score == 5
    message = "a reply of 1,000,001 characters, and at most 1,000,000 are read"
    assert problem(SAFETY, " " * 1_000_001) == message


parts = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 7)
    | st.floats(allow_nan=False)
    | st.sampled_from(["5", "N/A", "r", " "]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["score", "reason"]), inner, max_size=2)
    ),
    max_leaves=4,
)
scored = st.fixed_dictionaries(
    {"rationale": parts | st.text(), "score": parts | st.integers(1, 5)}, optional={"x": parts}
)
values = st.fixed_dictionaries({"safety": scored | parts}, optional={"x": parts}) | parts


def is_verdict(value: Any) -> bool:
    """What a verdict on safety is, without the schema and the code that reads it."""
    if not isinstance(value, dict) or value.keys() != {"safety"} or not isinstance(value["safety"], dict):
        return False
    inner = value["safety"]
    if inner.keys() != {"rationale", "score"} or type(inner["score"]) is not int:
        return False
    return isinstance(inner["rationale"], str) and inner["rationale"].strip() != "" and 1 <= inner["score"] <= 5


@given(value=values)
def test_any_json_is_a_verdict_or_none(value: Any) -> None:
    if not is_verdict(value):
        problem(SAFETY, json.dumps(value))
        return
    (found,) = parse_reply(SAFETY, json.dumps(value), None)
    assert (found.score, found.rationale) == (value["safety"]["score"], value["safety"]["rationale"])


@given(rationale=st.text(min_size=1).filter(lambda text: text.strip()), score=st.integers(1, 5))
def test_a_rationale_is_kept_to_the_byte(rationale: str, score: int) -> None:
    text = json.dumps({"safety": {"rationale": rationale, "score": score}})
    assert parse_reply(SAFETY, text, None) == (AspectScore(aspect="safety", score=score, rationale=rationale),)


@given(text=st.text(alphabet='{}[]":,`json\n 5\\ud800safetyscorerationale'))
def test_any_text_is_a_verdict_or_none(text: str) -> None:
    problem(SAFETY, text)
