"""The record of a rubric by which a judge model compares two answers."""

from typing import Annotated

from pydantic import Field, JsonValue, ValidationInfo, field_validator

from urial.core.strict_json import first_twice
from urial.records.base import Hash, Record
from urial.records.preference import Criterion, VerdictForm
from urial.records.prompt import placeholders

# What the template has to hold, and what its part for later messages has.
TEMPLATE_PARTS = ("conversation", "instruction", "answer_a", "answer_b", "marker", "reply")
LATER_TURNS_PARTS = ("turns",)


class PreferenceRubric(Record):
    """What a judge is asked about two answers. Its name is preference/VERSION, from its place under prompts/judge.

    The JSON Schema of a reply follows from its criteria: of each a rationale and then the verdict.
    """

    description: str = Field(min_length=1, description="one line for people who choose between rubrics")
    criteria: tuple[Criterion, ...] = Field(
        min_length=1,
        description="what the answers are compared by, each once, in the order of a reply",
        json_schema_extra={"uniqueItems": True},
    )
    template: str = Field(
        min_length=1,
        description="the text, with ${instruction}, ${answer_a} and ${answer_b} where the fenced query and answers belong, "
        "${conversation} where the messages before the query do, ${marker} where it explains their fences, and ${reply}",
    )
    later_turns: str = Field(
        min_length=1,
        description="what stands for ${conversation} where a later message was answered, with ${turns} for the messages and "
        "answers before; of a first message nothing stands there",
    )
    replies: dict[VerdictForm, Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="what stands for ${reply}, by the form of the verdict that is asked for"
    )
    source: str = Field(min_length=1, description="who wrote the text")
    licence: str = Field(min_length=1, description="SPDX identifier of the text's licence")

    @field_validator("criteria")
    @classmethod
    def _names_each_once(cls, value: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        if (twice := first_twice(value)) is not None:
            raise ValueError(f"the criterion {twice} stands twice")
        return value

    @field_validator("template", "later_turns")
    @classmethod
    def _has_its_placeholders(cls, value: str, info: ValidationInfo) -> str:
        expected = TEMPLATE_PARTS if info.field_name == "template" else LATER_TURNS_PARTS
        found = placeholders(value)
        if unknown := sorted(set(found) - {*expected, "marker"}):
            raise ValueError(f"unknown placeholder ${{{unknown[0]}}}")
        if missing := [name for name in expected if name not in found]:
            raise ValueError(f"there is no ${{{missing[0]}}}")
        if twice := [name for name in expected if name != "marker" and found.count(name) > 1]:
            raise ValueError(f"${{{twice[0]}}} stands twice")
        return value

    @field_validator("replies")
    @classmethod
    def _one_criterion_or_json(cls, value: dict[VerdictForm, str], info: ValidationInfo) -> dict[VerdictForm, str]:
        if found := next((item for text in value.values() for item in placeholders(text)), None):
            raise ValueError(f"a reply has the placeholder ${{{found}}}, and is filled in as it is")
        several = len(info.data.get("criteria", ())) > 1
        if several and (other := [form for form in value if form != "json"]):
            raise ValueError(f"a verdict of the form {other[0]} is of one criterion, and there are several")
        return value


class PlannedPreferenceRubric(Record):
    """A rubric for preferences, whole, with the form of the verdict that is asked for."""

    name: str = Field(description="preference/VERSION")
    hash: Hash = Field(description="content hash of the rubric, the one that reports cite")
    verdict: VerdictForm = Field(description="the form of the verdict")
    rubric: PreferenceRubric = Field(description="what the judge is asked")

    @property
    def reply_schema(self) -> dict[str, JsonValue]:
        """The JSON Schema of a reply in the form json: of each criterion a rationale, and then the verdict."""
        choice: dict[str, JsonValue] = {
            "type": "object",
            "properties": {"rationale": {"type": "string"}, "verdict": {"type": "string", "enum": ["A", "B", "tie"]}},
            "required": ["rationale", "verdict"],
            "additionalProperties": False,
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": dict.fromkeys(self.rubric.criteria, choice),
            "required": list(self.rubric.criteria),
            "additionalProperties": False,
        }
