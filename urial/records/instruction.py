"""One query to answer, with the tags that reports group by."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from urial.records.base import Record, Text

# Longer than any real instruction (the longest of Just-Eval has 1,642), short enough to stop a mistaken file.
MAX_TURN_CHARACTERS = 100_000


# Many more than the aliases of any name in a published set.
MAX_ACCEPTED, MAX_ACCEPTED_CHARACTERS = 1_000, 1_000

# What reports and summaries group instructions by.
TagKind = Literal["task", "topic", "source", "category"]


class Instruction(Record):
    """One query to answer, with the tags that reports group by."""

    id: str = Field(min_length=1, max_length=200, description="unique within its set")
    turns: tuple[Annotated[str, Field(pattern=r"\S", max_length=MAX_TURN_CHARACTERS)], ...] = Field(
        min_length=1, description="the user's messages, first to last"
    )
    category: Literal["regular", "safety"] = Field(description="which aspects are judged")
    task: tuple[str, ...] = Field(default=(), description="kinds of work asked for, such as info-seek")
    topic: tuple[str, ...] = Field(default=(), description="fields of knowledge, such as nature")
    difficulty: str | None = Field(default=None, description="as tagged by the source, if it was")
    reference: str | None = Field(default=None, description="a true answer, where one is known")
    accepted: tuple[Annotated[str, Field(pattern=r"\S", max_length=MAX_ACCEPTED_CHARACTERS)], ...] = Field(
        default=(),
        max_length=MAX_ACCEPTED,
        exclude_if=lambda value: not value,
        description="known answers to the first message, in as few words as say it, any of which is right; left out: none is known",
    )
    source: str = Field(description="where the instruction comes from")


# Endings of the files that rows are read from, on disk or in a repository of the hub.
FILE_ENDINGS = (".jsonl", ".json", ".csv", ".parquet")

# A path inside a repository: no step begins with a dot, so that none leads out of it.
HubFile = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\.(jsonl|json|csv|parquet)$")
]


class MicroworldSet(Record):
    """The held-out queries of the embedded pair's world."""

    kind: Literal["microworld"] = Field(description="held-out queries of the micro-world")


class JsonlSet(Record):
    """A JSONL file of instruction records (schemas/instruction.json)."""

    kind: Literal["jsonl"] = Field(description="instruction records of this project")
    source: Text = Field(description="path of the file")


class RowSource(Record):
    """Rows of a file, or of a data set on the hub; the fields about the hub have no effect on a file."""

    source: Text = Field(description="path of a .jsonl, .json, .csv or .parquet file, or the hub id OWNER/NAME")
    revision: str | None = Field(default=None, description="hub: commit, branch or tag; null: main, resolved by plan")
    config: Text | None = Field(default=None, description="hub: configuration of the data set; null: its default")
    split: Text | None = Field(default=None, description="hub: split; null: the one that this kind is published in")
    file: HubFile | None = Field(default=None, description="hub: read this file of the repository instead of a split")

    @model_validator(mode="after")
    def _a_file_has_no_splits(self) -> Self:
        if self.file and (self.split or self.config):
            raise ValueError("a file of a repository is read whole: name file, or split and config, not both")
        return self


class JustEvalSet(RowSource):
    """Just-Eval-Instruct as published."""

    kind: Literal["just-eval"] = Field(description="rows of Just-Eval-Instruct")


class AlpacaEvalSet(RowSource):
    """AlpacaEval as published; its model answers are not kept."""

    kind: Literal["alpaca-eval"] = Field(description="rows of AlpacaEval")


class MtBenchSet(RowSource):
    """MT-Bench, as FastChat's question.jsonl or as HuggingFaceH4/mt_bench_prompts."""

    kind: Literal["mt-bench"] = Field(description="rows of MT-Bench, several turns each")


class LimaSet(RowSource):
    """LIMA as published."""

    kind: Literal["lima"] = Field(description="rows of LIMA, some of several turns")


class Columns(Record):
    """Which column holds which field of an instruction; null: none does."""

    query: Text | None = Field(default=None, description="the query; null: instruction, unless turns is named")
    turns: Text | None = Field(default=None, description="instead of query: a list of the user's messages")
    id: Text | None = Field(default=None, description="unique in the set; null: the set's name and the row's number")
    category: Text | None = Field(default=None, description="regular or safety; null: the set's category")
    task: Text | None = Field(default=None, description="kinds of work asked for: a list of tags, or one tag")
    topic: Text | None = Field(default=None, description="fields of knowledge: a list of tags, or one tag")
    difficulty: Text | None = Field(default=None, description="as tagged by the source")
    reference: Text | None = Field(default=None, description="a true answer")
    accepted: Text | None = Field(default=None, description="known answers: a list of texts, or one text")
    source: Text | None = Field(default=None, description="where the instruction comes from; null: the set's name")

    @model_validator(mode="after")
    def _one_column_asks(self) -> Self:
        if self.query and self.turns:
            raise ValueError("name query or turns, not both")
        return self


class TableSet(RowSource):
    """Any table with a column of queries."""

    kind: Literal["table"] = Field(description="rows of any table, described by columns")
    columns: Columns = Field(default=Columns(), description="which column holds what")
    category: Literal["regular", "safety"] = Field(
        default="regular", description="which aspects are judged, of rows whose own column does not say"
    )


PublishedSet = JustEvalSet | AlpacaEvalSet | MtBenchSet | LimaSet
InstructionSet = Annotated[MicroworldSet | JsonlSet | PublishedSet | TableSet, Field(discriminator="kind")]
