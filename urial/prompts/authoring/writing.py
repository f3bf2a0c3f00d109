"""Prompt versions as YAML that people can read: block texts wherever they keep every character."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from urial.core.errors import UrialError
from urial.core.store import require_free, write_text
from urial.core.yaml_files import MAX_BYTES, parse_yaml_record
from urial.prompts.rubrics.rubrics import read_reply_schema, schema_path
from urial.records.prompt import Example, Prompt, Rubric

_NEW = "choose another name; a prompt version is never replaced"


def scaffold(origin: Prompt | None) -> Prompt:
    """A prompt version to begin with. No run accepts it while it holds a ``${write …}``."""
    description, source = "${write one line for people who choose between prompts}", "${write who wrote the text}"
    if origin is not None:
        return origin.model_copy(update={"description": description, "source": source})
    return Prompt(
        description=description,
        method="urial",
        dialect="backticks",
        # So that answers can hold ordinary code blocks.
        fence=4,
        system="${write the system text}",
        examples=(Example(query="${write a query}", answer="${write its answer}"),),
        source=source,
        licence="${write the SPDX identifier of its licence}",
    )


def write_prompt(path: Path, record: Prompt | Rubric) -> None:
    """Write a new file. Raises UrialError when there is one already: a released version is never replaced."""
    require_free(path, fix=_NEW)
    write_text(path, prompt_yaml(record))
    try:
        if parse_yaml_record(path, type(record)) != record:
            raise UrialError(
                "YAML cannot hold this text to the byte", path=path, fix="take control characters out of it"
            )
    except UrialError:
        path.unlink()
        raise


def write_rubric(path: Path, rubric: Rubric, schema: Mapping[str, object]) -> None:
    """Write a new rubric with the schema of its reply beside it. Raises UrialError when there is one of them already."""
    beside = schema_path(path)
    require_free(beside, fix=_NEW)
    write_prompt(path, rubric)
    try:
        # Not sorted: people read it in the order in which a judge writes.
        write_text(beside, f"{json.dumps(schema, indent=2, ensure_ascii=False, allow_nan=False)}\n")
        read_reply_schema(beside, rubric)
    except UrialError:
        path.unlink()
        beside.unlink(missing_ok=True)
        raise


def prompt_yaml(record: Prompt | Rubric) -> str:
    """The record as YAML; fields at their default are left out."""
    yaml = YAML(typ="rt", pure=True)
    # No line is folded: ruamel loses spaces where it folds.
    yaml.width = MAX_BYTES
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(_styled(record.model_dump(mode="json", exclude_defaults=True)), stream)
    return stream.getvalue()


def _styled(value: object) -> object:
    if isinstance(value, dict):
        return {key: _styled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_styled(item) for item in value]
    if not isinstance(value, str):
        return value
    readable = all(character == "\n" or character.isprintable() for character in value)
    if not readable or value != value.strip("\n") or value.startswith(" "):
        return DoubleQuotedScalarString(value)
    return LiteralScalarString(value) if "\n" in value else value
