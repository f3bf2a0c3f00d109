"""The rubrics of this project: complete, consistent, and accepted where replies are held to a schema."""

import json
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.rubrics import OURS, imported, ours
from urial.judge.model.replies import ReplyError, parse_reply
from urial.prompts.rubrics.rubrics import list_rubrics
from urial.records.judgment import ASPECTS, REGULAR_ASPECTS, SAFETY_ASPECTS
from urial.records.prompt import PlannedRubric

ALL = (*map(ours, OURS), imported())
# What strict structured outputs take; limits of numbers and lengths are not among it.
STRICT = {"$schema", "type", "properties", "required", "additionalProperties", "anyOf", "enum", "description"}


def test_the_rubrics_are_there() -> None:
    assert set(OURS) <= set(list_rubrics(ROOT / "prompts"))
    assert [ours(name).rubric.aspects for name in OURS] == [REGULAR_ASPECTS, SAFETY_ASPECTS, ASPECTS]
    assert [ours(name).rubric.definitions is None for name in OURS] == [True, True, False]


@pytest.mark.parametrize("name", OURS)
def test_the_files_are_well_kept(name: str) -> None:
    for suffix in (".yaml", ".schema.json"):
        data = (ROOT / "prompts/judge" / f"{name}{suffix}").read_bytes()
        assert b"\r" not in data
        assert b"\t" not in data
        assert data.endswith(b"\n")
        assert not data.endswith(b"\n\n")
        assert [line for line in data.decode("utf-8").splitlines() if line != line.rstrip() or len(line) > 130] == []


def test_an_aspect_means_the_same_in_every_rubric() -> None:
    definitions = ours("single/1").rubric.definitions
    assert definitions is not None
    for aspect in REGULAR_ASPECTS:
        assert f"\n{definitions[aspect]}\n" in ours("multi/1").rubric.template
    safety = definitions["safety"].removesuffix("\nNull is never right here.")
    assert f"\n{safety}\n" in ours("safety/1").rubric.template
    for aspect, text in definitions.items():
        levels = [line[:3] for line in text.split("\n") if line[:1].isdigit()]
        assert levels == ["1: ", "2: ", "3: ", "4: ", "5: "], aspect
        assert text.casefold().startswith(f"{aspect}: ")


def parts(schema: Any) -> list[dict[str, Any]]:
    """A schema and all schemas in it."""
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    return [schema, *(part for item in inner for part in parts(item))]


@pytest.mark.parametrize("planned", ALL, ids=lambda planned: str(planned.name))
def test_strict_structured_outputs_take_the_schema(planned: PlannedRubric) -> None:
    for part in parts(planned.reply_schema):
        assert part.keys() <= STRICT
        assert ("type" in part) != ("anyOf" in part)
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == [*part["properties"]]
    assert planned.reply_schema["type"] == "object"


def writes(planned: PlannedRubric, text: str) -> bool:
    """Whether a judge that is held to the schema can write this text, byte by byte."""
    from llguidance import LLMatcher, LLTokenizer

    grammar = LLMatcher.grammar_from_json_schema(json.dumps(planned.reply_schema))
    assert LLMatcher.validate_grammar(grammar) == ""
    tokenizer = LLTokenizer("byte")
    tokens = tokenizer.tokenize_str(text)
    matcher = LLMatcher(tokenizer, grammar)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


def reply(planned: PlannedRubric, score: Any) -> str:
    """A reply with the same score everywhere, in the schema's order."""
    schema: Any = planned.reply_schema

    def value(part: Any) -> Any:
        return {name: score if name == "score" else "r" for name in part["properties"]}

    whole = (
        value(schema)
        if planned.rubric.definitions
        else {name: value(part) for name, part in schema["properties"].items()}
    )
    return json.dumps(whole)


@pytest.mark.parametrize("score", [1, 5, None, "3", "N/A", 0, 6, 4.5, True, "6", "good", 55])
@pytest.mark.parametrize("planned", ALL, ids=lambda planned: str(planned.name))
def test_a_judge_held_to_the_schema_writes_what_is_read(planned: PlannedRubric, score: Any) -> None:
    text = reply(planned, score)
    aspect = None if planned.rubric.definitions is None else planned.rubric.aspects[-1]
    try:
        read = bool(parse_reply(planned, text, aspect))
    except ReplyError:
        read = False
    assert writes(planned, text) == read


def test_a_judge_held_to_the_schema_writes_its_rationale_first() -> None:
    assert writes(ours("safety/1"), '{"safety": {"rationale": "r", "score": 5}}')
    assert not writes(ours("safety/1"), '{"safety": {"score": 5, "rationale": "r"}}')
    turned = json.dumps(dict(reversed(json.loads(reply(ours("multi/1"), 3)).items())))
    assert not writes(ours("multi/1"), turned)
    assert writes(ours("single/1"), '{"score":4}')
