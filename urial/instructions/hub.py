"""Where a set lies, and rows of data sets on the hub. No code of a data set is ever run."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from urial.core.errors import UrialError, reason_of, shorten
from urial.core.hashing import file_hash
from urial.instructions.reading import ENDINGS, read_rows
from urial.instructions.rows import Row, Rows
from urial.records.params.instruction_sets import (
    FILE_ENDINGS,
    AlpacaEvalSet,
    InstructionSet,
    JsonlSet,
    JustEvalSet,
    LimaSet,
    MicroworldSet,
    MtBenchSet,
    RowSource,
)

HUB_FIX = (
    "check the id, the network and the access rights (a gated data set needs HF_TOKEN in the environment), "
    "or give instruction_sets.NAME.source the path of a file"
)

# The splits that sets are published in; other tables are most often one split, train.
SPLITS: Mapping[type[RowSource], str] = MappingProxyType(
    {JustEvalSet: "test", AlpacaEvalSet: "eval", MtBenchSet: "train", LimaSet: "test"}
)
DEFAULT_SPLIT = "train"


def local_path(source: str) -> Path:
    """A path as given, ~ being the home folder."""
    return Path(os.path.expanduser(source))


def local_source(instruction_set: InstructionSet | RowSource) -> Path | None:
    """The file that a set is read from; None for one on the hub, and for the micro-world's, which is made, not read.

    Raises UrialError for a source that is neither a file nor a hub id.
    """
    if isinstance(instruction_set, MicroworldSet):
        return None
    source = instruction_set.source
    path = local_path(source)
    looks_local = path.suffix.lower() in FILE_ENDINGS or path.is_absolute() or source.startswith(".")
    if isinstance(instruction_set, JsonlSet) or looks_local or os.path.exists(path):
        return path
    # A bare name would also mean one of the readers of the library `datasets`, such as json, at work in this folder.
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", source, re.ASCII):
        raise UrialError(
            f"instruction set: source {shorten(source)} is neither a file nor the id of a data set",
            where="params.yaml",
            expected=f"a path that ends with {ENDINGS}, or OWNER/NAME",
        )
    return None


def require_hash(path: Path, planned: str | None) -> None:
    """Raises UrialError unless the file is the planned one."""
    if planned is not None and file_hash(path) != planned:
        raise UrialError(f"{path}: changed since it was planned", fix="run `dvc repro --force plan`, then `dvc repro`")


def source_rows(source: RowSource, planned: str | None, wanted: Collection[str] | None) -> Rows:
    """The rows of a file or of a hub data set, with the wanted columns alone (None: all)."""
    path = local_source(source)
    if path is not None:
        require_hash(path, planned)
        return read_rows(path, wanted)
    return _hub_file(source, source.file, wanted) if source.file else _hub_split(source, wanted)


def _hub_file(source: RowSource, name: str, wanted: Collection[str] | None) -> Rows:
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(source.source, name, revision=source.revision, repo_type="dataset")
    except Exception as error:  # network, access and name errors share no base class
        raise UrialError(
            f"data set {_hub_name(source)}: {name} cannot be fetched: {reason_of(error)}", fix=HUB_FIX
        ) from error
    return read_rows(Path(path), wanted, f"{_hub_name(source)}/{name}")


def _hub_split(source: RowSource, wanted: Collection[str] | None) -> Rows:
    # datasets 4 and later have no loading scripts: a data set that needs one is refused.
    from datasets import load_dataset

    where = _hub_name(source)
    split = source.split or SPLITS.get(type(source), DEFAULT_SPLIT)
    try:
        data = load_dataset(source.source, name=source.config, split=split, revision=source.revision)
        columns = tuple(data.column_names)
        # Other columns may be pictures or sounds, which would be decoded.
        data = data if wanted is None else data.select_columns([name for name in columns if name in wanted])
        rows = tuple(Row(f"{where}, row {number}", row) for number, row in enumerate(data))
    except Exception as error:  # the library's errors share no base class
        raise UrialError(
            f"data set {where}, split {split}: cannot be loaded: {reason_of(error)}",
            fix="name a split and a configuration that it has, or one of its data files as instruction_sets.NAME.file; "
            f"else {HUB_FIX}",
        ) from error
    return Rows(where, columns, rows)


def _hub_name(source: RowSource) -> str:
    return f"{source.source}@{source.revision or 'main'}"
