"""What the commands about the row cache say, and the row of an exported file."""

from pydantic import Field, JsonValue

from urial.exchange.row_cache.kinds import Kind
from urial.records.base import Hash, Record


class SharedRow(Record):
    """A line of an exported file but its last."""

    kind: Kind = Field(description="what the row is")
    key: Hash = Field(description="content address: the hash of everything that can change the row")
    hash: Hash = Field(description="hash of the row's canonical JSON under its key")
    row: dict[str, JsonValue] = Field(description="the record of the kind")


class SharedEnd(Record):
    """The last line of an exported file, which one that was cut off or changed does not have."""

    rows: int = Field(ge=0, description="lines before it")
    hash: Hash = Field(description="hash of their bytes, line ends included")


class KindSize(Record):
    """How much of the cache the rows of one kind are."""

    rows: int = Field(ge=0, description="rows")
    bytes: int = Field(ge=0, description="bytes of their JSON")


class CacheSummary(Record):
    """What is in the row cache."""

    path: str = Field(description="its file")
    file_bytes: int = Field(ge=0, description="size of the file; 0: there is none yet")
    kinds: dict[str, KindSize] = Field(description="by kind; `unknown`: what `urial cache check` would name")


class Exported(Record):
    """What was exported."""

    file: str = Field(description="the file")
    kinds: dict[Kind, int] = Field(description="rows of each kind")
    missing: int = Field(ge=0, description="rows of the run's completions that are not in the cache")
    notes: tuple[str, ...] = Field(description="what is not known of the run, and why")


class Imported(Record):
    """What an import did."""

    rows: int = Field(ge=0, description="different rows in the files")
    new: int = Field(ge=0, description="rows that the cache did not have")
    known: int = Field(ge=0, description="rows that it had already, and the same")
    kept: int = Field(ge=0, description="conflicts in which the cache's row was kept")
    replaced: int = Field(ge=0, description="conflicts in which the imported row was taken")


class BrokenRow(Record):
    """A row that is not sound."""

    key: str = Field(description="its key")
    problem: str = Field(description="what is wrong")
    damaged: bool = Field(description="whether it was sound once; else another version of urial may know it")


class Verification(Record):
    """What there is to say of every row."""

    path: str = Field(description="the cache's file")
    sound: int = Field(ge=0, description="rows that are records of their kind")
    unhashed: int = Field(
        ge=0, description="those among them without a hash to compare with: an older version kept them"
    )
    database: tuple[str, ...] = Field(description="what SQLite finds wrong with the file; empty: nothing")
    broken: tuple[BrokenRow, ...] = Field(description="rows that are not sound")


class Pruned(Record):
    """What was removed, or would be."""

    dry_run: bool = Field(description="whether nothing was removed")
    kinds: dict[str, KindSize] = Field(description="what was chosen, by kind")
    left: int = Field(ge=0, description="rows that stay")
    undated: int = Field(ge=0, description="rows that stay because an older version did not note when it kept them")
    freed_bytes: int | None = Field(description="by how much the file shrank; null: nothing was removed")
    notes: tuple[str, ...] = Field(description="what is not known of the run, and why")
