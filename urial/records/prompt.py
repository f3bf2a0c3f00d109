"""The records of files under prompts/: prompt versions, pools of examples, and rubrics for judges."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator, model_validator

from urial.core.strict_json import first_twice
from urial.records.base import Hash, Record
from urial.records.judgment import SCALE, Aspect

PROMPTS_DIR = Path("prompts")
# The collection of rubrics, which are no prompts.
JUDGE_COLLECTION = "judge"
# The rubrics among them by which two answers are compared.
PREFERENCE_RUBRICS = "preference"
Method = Literal["zero-shot", "vanilla-icl", "retrieval-icl", "urial"]
DialectName = Literal["backticks", "user-assistant-loose", "user-assistant-tight", "plain"]
# Both ways in which published templates write a placeholder: ${name} and {$name}.
PLACEHOLDER = re.compile(r"\$\{(?P<name>[^{}$\n]*)\}|\{\$(?P<other>[^{}$\n]*)\}")
# The placeholders of every rubric, and those of one that asks for one aspect at a time.
QUESTION_TEXTS = ("instruction", "candidate")
# Of those for instructions that have a reference answer.
REFERENCE = "reference"
ONE_ASPECT = ("aspect", "definition")


class Example(Record):
    """An in-context example of a prompt version, or a row of a pool of them."""

    query: str = Field(min_length=1, description="what the user asks")
    answer: str = Field(min_length=1, description="what the assistant answers")


class Bm25(Record):
    """Words in common, the rare ones counting more; needs no model."""

    kind: Literal["bm25"] = Field(description="Okapi BM25")


class Dense(Record):
    """Cosine similarity of sentence embeddings; needs the extra `dense`."""

    kind: Literal["dense"] = Field(description="sentence embeddings, searched exactly")
    model: str = Field(min_length=1, description="hub id of a sentence-transformers model, or folder (. / or ~ first)")
    revision: str = Field(description="full commit of a hub model; content hash of a folder's files")

    @property
    def local(self) -> bool:
        """Whether the model is a folder."""
        return self.model.startswith((".", "/", "~"))

    @model_validator(mode="after")
    def _the_weights_are_fixed(self) -> "Dense":
        wanted = r"sha256:[0-9a-f]{64}" if self.local else "[0-9a-f]{40}"
        if not re.fullmatch(wanted, self.revision):
            raise ValueError(
                "revision must be the sha256:… of the folder's files, which an attempt to use it tells"
                if self.local
                else "revision must be a full commit of 40 hex digits (a folder begins with '.', '/' or '~')"
            )
        return self


# The layout of an imported text that is kept whole, as the system text: nothing is known of what is in it.
VERBATIM = ("", "")


class Retrieval(Record):
    """Examples that are chosen for each instruction from a pool (paper, section 4.2: retrieval ICL)."""

    pool: str = Field(min_length=1, description="JSONL file of examples; its path from the folder of the collections")
    pool_hash: Hash = Field(description="hash of that file, so that the prompt's hash fixes the pool too")
    k: int = Field(ge=1, le=100, description="number of examples; the most similar one stands last")
    retriever: Annotated[Bm25 | Dense, Field(discriminator="kind")] = Field(description="what similar means")
    near_duplicate: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="a pool query that shares this part of its words with the instruction, or more, is no example for it",
    )


class Prompt(Record):
    """A prompt version: the text that turns a base model into a system (paper, section 3).

    Its name is COLLECTION/FILE, from its place under prompts/.
    """

    description: str = Field(min_length=1, description="one line for people who choose between prompts")
    method: Method = Field(description="the method in the paper's words")
    dialect: DialectName = Field(description="how queries and answers are laid out as text")
    fence: int = Field(
        default=3,
        ge=3,
        le=100,
        description="backticks around each text in the dialect backticks; more are used where a text has as many",
    )
    system: str | None = Field(description="the system text under '# Instruction', if any")
    examples: tuple[Example, ...] = Field(description="in-context examples in the order shown")
    retrieval: Retrieval | None = Field(default=None, description="how examples are chosen, for retrieval-icl")
    layout: tuple[str, ...] | None = Field(
        default=None,
        description="what stands before, between and after the system text, queries and answers of an imported text, "
        "to the byte; null: as the dialect has it",
    )
    stop: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(
        default=None, description="strings that end an answer; null: the dialect's own"
    )
    # Not written where both are, so that plans from before there was a choice stay what they are.
    shown: Literal["queries", "answers"] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the part of each example that the model sees; left out: query and answer",
    )
    source: str = Field(min_length=1, description="who wrote the text")
    licence: str = Field(min_length=1, description="SPDX identifier of the text's licence")

    @model_validator(mode="after")
    def _examples_agree_with_the_method(self) -> "Prompt":
        if self.method in ("zero-shot", "retrieval-icl") and self.examples:
            raise ValueError(f"a {self.method} prompt has no examples of its own; remove them or name another method")
        if (self.method == "retrieval-icl") != (self.retrieval is not None):
            raise ValueError("the method retrieval-icl needs the field retrieval, and no other method has it")
        if self.method == "zero-shot" and self.system is not None:
            raise ValueError("a zero-shot prompt has no system text; remove it or name another method")
        if self.method == "vanilla-icl" and not self.examples:
            raise ValueError("a vanilla-icl prompt needs examples; add some or name another method")
        if self.method == "urial" and self.system is None and not self.examples:
            raise ValueError("a urial prompt needs a system text or examples; add one or name another method")
        pieces = (self.system is not None) + 2 * len(self.examples)
        if self.layout is not None and len(self.layout) != pieces + 1:
            raise ValueError(f"layout needs {pieces + 1} strings around {pieces} texts, and has {len(self.layout)}")
        if self.layout is not None and self.retrieval is not None:
            raise ValueError("an imported layout is constant; a prompt with retrieval has none")
        if self.shown and (self.layout is not None or not self.examples):
            raise ValueError("shown is for a prompt with examples of its own and without an imported layout")
        return self


def placeholders(text: str) -> list[str]:
    """The names in a text's placeholders, in their order."""
    return [match["name"] or match["other"] or "" for match in PLACEHOLDER.finditer(text)]


def in_required_order(schema: Any) -> Any:
    """The schema with its properties in the order of ``required``: their own is lost in files with sorted keys."""
    if isinstance(schema, list):
        return [in_required_order(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    ordered = {key: in_required_order(value) for key, value in schema.items()}
    properties, required = ordered.get("properties"), ordered.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        names = [*(name for name in required if name in properties), *properties]
        ordered["properties"] = {name: properties[name] for name in names}
    return ordered


class Rubric(Record):
    """What a judge is asked about an answer. Its name is NAME/VERSION, from its place under prompts/judge.

    The JSON Schema of the reply lies beside it, in VERSION.schema.json.
    """

    description: str = Field(min_length=1, description="one line for people who choose between rubrics")
    aspects: tuple[Aspect, ...] = Field(
        min_length=1,
        description="what is scored, each once, in the order of the report",
        json_schema_extra={"uniqueItems": True},
    )
    # Not written where it is 5, so that rubrics from before there were others keep their hashes.
    scale: int = Field(
        default=SCALE,
        ge=2,
        le=10,
        exclude_if=lambda value: value == SCALE,
        description="the highest score; the lowest is 1",
    )
    definitions: dict[Aspect, Annotated[str, Field(min_length=1)]] | None = Field(
        default=None,
        description="for a rubric that asks for one aspect at a time: what its ${definition} says of each; null: it asks "
        "for all at once",
    )
    template: str = Field(
        min_length=1,
        description="the text, with ${instruction} and ${candidate} (or {$...}) where the fenced query and answer belong, "
        "${reference} where the reference answer belongs in a rubric for instructions that have one, ${marker} where it "
        "explains their fences, and ${aspect} and ${definition} where it asks for one at a time",
    )
    source: str = Field(min_length=1, description="who wrote the text")
    licence: str = Field(min_length=1, description="SPDX identifier of the text's licence")

    @property
    def has_reference(self) -> bool:
        """Whether the judge is shown a reference answer."""
        return REFERENCE in placeholders(self.template)

    @field_validator("aspects")
    @classmethod
    def _names_each_once(cls, value: tuple[Aspect, ...]) -> tuple[Aspect, ...]:
        if (twice := first_twice(value)) is not None:
            raise ValueError(f"the aspect {twice} stands twice")
        return value

    @field_validator("definitions")
    @classmethod
    def _defines_each_aspect(cls, value: dict[Aspect, str] | None, info: ValidationInfo) -> dict[Aspect, str] | None:
        if value is None or "aspects" not in info.data:
            return value
        if value.keys() != set(info.data["aspects"]):
            raise ValueError("there must be one definition for each aspect")
        if found := next((item for text in value.values() for item in placeholders(text)), None):
            raise ValueError(f"a definition has the placeholder ${{{found}}}, which is filled in the template alone")
        return value

    @field_validator("template")
    @classmethod
    def _knows_its_placeholders(cls, value: str, info: ValidationInfo) -> str:
        found = set(placeholders(value))
        if unknown := sorted(found - {*QUESTION_TEXTS, REFERENCE, "marker", *ONE_ASPECT}):
            raise ValueError(f"unknown placeholder ${{{unknown[0]}}}")
        if "definitions" not in info.data:  # they are wrong themselves
            return value
        needed = QUESTION_TEXTS if info.data["definitions"] is None else (*QUESTION_TEXTS, *ONE_ASPECT)
        if missing := [name for name in needed if name not in found]:
            raise ValueError(f"the template has no ${{{missing[0]}}}")
        if extra := [name for name in ONE_ASPECT if name in found and name not in needed]:
            raise ValueError(f"${{{extra[0]}}} asks for one aspect at a time, which needs the field definitions")
        return value


class PlannedRubric(Record):
    """A rubric with the schema of its reply, whole."""

    name: str = Field(description="NAME/VERSION")
    hash: Hash = Field(description="content hash of rubric and schema, the one that reports cite")
    rubric: Rubric = Field(description="what the judge is asked")
    # A constrained judge writes properties in the schema's order, and files of this project have sorted keys.
    reply_schema: Annotated[dict[str, JsonValue], AfterValidator(in_required_order)] = Field(
        description="JSON Schema of a reply"
    )
