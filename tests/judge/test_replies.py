"""Replies of judges: every verdict is read as it stands, and everything else is none, with one line that says why."""

import json
from typing import Any

import pytest

from tests.rubrics import imported, make_planned, ours
from urial.core.errors import UrialError
from urial.judge.model.replies import ReplyError, parse_reply
from urial.records.judgment import REGULAR_ASPECTS, AspectScore
from urial.records.prompt import PlannedRubric

MULTI, SAFETY, SINGLE, THEIRS = ours("multi/1"), ours("safety/1"), ours("single/1"), imported()
GOOD = '{"safety": {"rationale": "It declines.", "score": 5}}'
SCORED = (AspectScore(aspect="safety", score=5, rationale="It declines."),)


def reply(**scores: Any) -> str:
    """A reply to multi/1 with these scores, and 3 for every other aspect."""
    return json.dumps({name: {"rationale": f"On {name}.", "score": scores.get(name, 3)} for name in REGULAR_ASPECTS})


def problem(planned: PlannedRubric, text: str) -> str:
    with pytest.raises(ReplyError) as caught:
        parse_reply(planned, text, None if planned.rubric.definitions is None else "depth")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300
    assert message.encode("utf-8")
    return message


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f" \r\n\t{GOOD}\n\n",
        json.dumps(json.loads(GOOD), indent=4),
        '{"safety": {"score": 5, "rationale": "It declines."}}',
        '{"safety": {"rationale": "It \\u0064eclines.", "score": 5}}',
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"\n```json \r\n{GOOD}\r\n```  \n",
        f"```json\n\n{json.dumps(json.loads(GOOD), indent=1)}\n\n  ```",
    ],
)
def test_a_verdict_is_one_object_alone_or_in_a_fence(text: str) -> None:
    assert parse_reply(SAFETY, text, None) == SCORED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the reply is empty"),
        (" \n\t", "the reply is empty"),
        ("Sure! " + GOOD, "not a JSON object alone: it begins with 'Sure! {\"safety\": {\"rationale\": \"It dec…"),
        ("5", "not a JSON object alone: it begins with '5'"),
        ("[]", "not a JSON object alone: it begins with '[]'"),
        ("\ufeff" + GOOD, "not a JSON object alone: it begins with '\\ufeff{\"safety\": {\"rationale\": \"It dec…"),
        ("<html>502</html>", "not a JSON object alone: it begins with '<html>502</html>'"),
        (GOOD + "\nI hope that helps.", "not a JSON object alone: Extra data (line 2, column 1)"),
        (GOOD + GOOD, "not a JSON object alone: Extra data (line 1, column 54)"),
        (GOOD[:-2], "not a JSON object alone: Expecting ',' delimiter (line 1, column 52)"),
        (GOOD[:30], "not a JSON object alone: Unterminated string starting at (line 1, column 26)"),
        ("{'safety': 5}", "not a JSON object alone: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ('{"safety": {"rationale": "a\nb", "score": 5}}', "not a JSON object alone: Invalid control character at (line 1, column 28)"),
        # Fences.
        (f"```json\n{GOOD}", "not a JSON object alone: it begins with '```json\\n{\"safety\": {\"rationale\": \"It …"),
        (f"```python\n{GOOD}\n```", "not a JSON object alone: it begins with '```python\\n{\"safety\": {\"rationale\": \"I…"),
        (f"```json\n{GOOD}\n```\nDone.", "not a JSON object alone: it begins with '```json\\n{\"safety\": {\"rationale\": \"It …"),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "not a JSON object alone: Extra data (line 2, column 1)"),
        ("```json\n\n```", "not a JSON object alone: it begins with ''"),
        # JSON that says two things, or nothing that can be kept.
        (GOOD[:-2] + ', "score": 1}}', "not a JSON object alone: key 'score' twice in one object"),
        (GOOD[:-1] + "," + GOOD[1:], "not a JSON object alone: key 'safety' twice in one object"),
        ('{"safety": {"rationale": {"a": 1, "\\u0061": 2}, "score": 5}}', "not a JSON object alone: key 'a' twice in one object"),
        ('{"safety": {"rationale": "r", "score": NaN}}', "not a JSON object alone: NaN is no JSON"),
        ('{"safety": {"rationale": "r", "score": -Infinity}}', "not a JSON object alone: -Infinity is no JSON"),
        ('{"safety": {"rationale": "\\ud800", "score": 5}}', "not a JSON object alone: half of a character, '\\ud800'"),
        ('{"safety": {"rationale": "r", "score": 5}, "\\udc00": 1}', "not a JSON object alone: half of a character, '\\udc00'"),
        ("\ud800" + GOOD, "not a JSON object alone: it begins with '\\ud800{\"safety\": {\"rationale\": \"It dec…"),
        # Other shapes.
        ("{}", "safety is missing"),
        ('{"safety": 5}', "safety is 5, and must be an object with 'score'"),
        ('{"safety": null}', "safety is null, and must be an object with 'score'"),
        ('{"safety": [5]}', "safety is a list, and must be an object with 'score'"),
        ('{"safety": {"rationale": "r"}}', "safety.score is missing"),
        ('{"safety": {"score": 5}}', "safety.rationale is missing"),
        ('{"safety": {"reason": "r", "score": 5}}', "safety.rationale is missing"),
        ('{"safety": {"rationale": "r", "score": 5, "note": 1}}', "safety.'note' is not asked for"),
        ('{"safety": {"rationale": "r", "score": 5}, "x\\n": 1}', "'x\\n' is not asked for"),
        ('{"Safety": {"rationale": "r", "score": 5}}', "safety is missing"),
        ('{"rationale": "r", "score": 5}', "safety is missing"),
        # Rationales.
        ('{"safety": {"rationale": "", "score": 5}}', "safety.rationale is '', and must say why"),
        ('{"safety": {"rationale": " \\n", "score": 5}}', "safety.rationale is ' \\n', and must say why"),
        ('{"safety": {"rationale": null, "score": 5}}', "safety.rationale is null, and must say why"),
        ('{"safety": {"rationale": ["r"], "score": 5}}', "safety.rationale is a list, and must be a text"),
        ('{"safety": {"rationale": true, "score": 5}}', "safety.rationale is true, and must be a text"),
    ],
)  # fmt: skip
def test_anything_else_is_no_verdict(text: str, message: str) -> None:
    assert problem(SAFETY, text) == message


NUMBERS = "1, 2, 3, 4, 5"
DIGITS = '"1", "2", "3", "4", "5"'
ODD = ["0", "6", "-1", "4.0", "5e0", "4.5", "true", "false", "10" * 30, "1e99", '""', '" 5"', '"5.0"', '"5/5"', '"five"',
       '"n/a"', '"NA"', '"０"', '"6"', "[5]", '{"score": 5}', '"[1 to 5]"']  # fmt: skip


@pytest.mark.parametrize(
    ("score", "said"), [*((odd, None) for odd in ODD), ('"5"', None), ("null", None), ('"N/A"', None)]
)
def test_our_safety_takes_whole_numbers_alone(score: str, said: None) -> None:
    text = '{"safety": {"rationale": "r", "score": ' + score + "}}"
    assert problem(SAFETY, text).endswith(f", and must be one of {NUMBERS}")


@pytest.mark.parametrize("score", [*ODD, '"5"', '"N/A"'])
def test_our_other_rubrics_take_null_too(score: str) -> None:
    assert problem(SINGLE, '{"score": ' + score + "}").endswith(f"and must be one of {NUMBERS}, null")
    text = reply().replace('"score": 3', f'"score": {score}', 1)
    assert problem(MULTI, text).startswith("helpfulness.score is ")


@pytest.mark.parametrize("score", [*ODD, "null"])
def test_published_templates_take_strings_and_not_applicable(score: str) -> None:
    text = '{"helpfulness": {"reason": "r", "score": ' + score + '}, "depth": {"reason": "r", "score": "3"}}'
    assert problem(THEIRS, text).endswith(f'and must be one of {NUMBERS}, {DIGITS}, "N/A"')


def test_all_aspects_are_read_in_the_rubric_s_order() -> None:
    said = json.loads(reply(clarity=5, factuality=None, depth=1))
    text = json.dumps(dict(reversed(said.items())))
    expected = tuple(
        AspectScore(
            aspect=name,
            status="not_applicable" if name == "factuality" else "scored",
            score={"clarity": 5, "factuality": None, "depth": 1}.get(name, 3),
            rationale=f"On {name}.",
        )
        for name in REGULAR_ASPECTS
    )
    assert parse_reply(MULTI, text, None) == expected


def test_missing_and_further_aspects_are_named() -> None:
    said = json.loads(reply())
    assert problem(MULTI, json.dumps({**said, "safety": said["depth"]})) == "'safety' is not asked for"
    del said["engagement"]
    assert problem(MULTI, json.dumps(said)) == "engagement is missing"


def test_one_aspect_at_a_time_is_a_score_alone() -> None:
    assert parse_reply(SINGLE, '{"score":4}', "depth") == (AspectScore(aspect="depth", score=4, rationale=None),)
    assert parse_reply(SINGLE, '{"score": null}', "factuality") == (
        AspectScore(aspect="factuality", status="not_applicable", score=None, rationale=None),
    )
    assert problem(SINGLE, '{"score": 4, "rationale": "r"}') == "'rationale' is not asked for"


def test_published_replies_are_read_as_they_come() -> None:
    text = '{"helpfulness": {"reason": "", "score": "4"}, "depth": {"reason": "A poem.", "score": "N/A"}}'
    assert parse_reply(THEIRS, text, None) == (
        AspectScore(aspect="helpfulness", score=4, rationale=None),
        AspectScore(aspect="depth", status="not_applicable", score=None, rationale="A poem."),
    )


def test_a_rubric_is_asked_in_its_own_form_alone() -> None:
    for planned, aspect, message in (
        (MULTI, "depth", "rubric multi/1 asks for all its aspects at once\n  fix: name no aspect"),
        (SINGLE, None, f"rubric single/1 asks for one aspect at a time\n  expected: one of {', '.join((*REGULAR_ASPECTS, 'safety'))}"),
    ):  # fmt: skip
        with pytest.raises(UrialError) as caught:
            parse_reply(planned, reply(), aspect)  # type: ignore[arg-type]
        assert str(caught.value) == message


def test_what_else_a_schema_asks_for_holds_too() -> None:
    planned = make_planned(SAFETY.rubric.template)
    part: Any = planned.model_copy(deep=True).reply_schema
    part["properties"]["safety"]["properties"]["rationale"]["maxLength"] = 3
    strict = planned.model_copy(update={"reply_schema": part})
    assert parse_reply(strict, GOOD.replace("It declines.", "No."), None)[0].rationale == "No."
    assert problem(strict, GOOD) == "safety.rationale: 'It declines.' is too long"
