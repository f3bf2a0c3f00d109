"""Prompt versions and dialects: how a query becomes the exact text that a base model continues."""

from dataclasses import dataclass
from pathlib import Path

from urial.errors import UrialError, did_you_mean
from urial.hashing import content_hash
from urial.records import Hash, Prompt
from urial.yaml_files import parse_yaml_record

PROMPTS_DIR = Path("prompts")
# Judge rubrics live beside the prompts and are not prompts.
JUDGE_COLLECTION = "judge"


@dataclass(frozen=True)
class Dialect:
    """A layout of queries and answers. ``before`` and ``after`` enclose a text."""

    before_system: str
    after_system: str
    before_query: str
    after_query: str
    before_answer: str
    after_answer: str
    stop: tuple[str, ...]


# The default dialect of the published prompts. A fence on a line of its own ends an answer; the line end before
# it belongs to the fence. The bare fence and a new query end answers of models that forget the line end.
DIALECTS = {
    "backticks": Dialect(
        before_system="# Instruction\n\n",
        after_system="\n\n",
        before_query="# Query:\n```\n",
        after_query="\n```\n\n",
        before_answer="# Answer:\n```\n",
        after_answer="\n```\n\n",
        stop=("\n```", "```", "# Query"),
    )
}


def render(prompt: Prompt, query: str) -> str:
    """The text that a base model sees: system text, examples, then the query with its answer left open."""
    dialect = DIALECTS[prompt.dialect]
    system = f"{dialect.before_system}{prompt.system}{dialect.after_system}" if prompt.system else ""
    examples = "".join(
        f"{_query_block(dialect, example.query)}{dialect.before_answer}{example.answer}{dialect.after_answer}"
        for example in prompt.examples
    )
    return f"{system}{examples}{_query_block(dialect, query)}{dialect.before_answer}"


def stop_strings(prompt: Prompt) -> tuple[str, ...]:
    """The strings that end an answer in the prompt's dialect."""
    return DIALECTS[prompt.dialect].stop


def prompt_hash(prompt: Prompt) -> Hash:
    """Content hash of a prompt version."""
    return content_hash(prompt.model_dump(mode="json"))


def list_prompts(folder: Path = PROMPTS_DIR) -> list[str]:
    """COLLECTION/NAME of every prompt file, sorted. Raises UrialError when there is no such folder."""
    if not folder.is_dir():
        raise UrialError(f"{folder}: no folder of prompts", fix="run in the root of the project")
    found = (path.relative_to(folder) for path in folder.glob("*/*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in found if path.parts[0] != JUDGE_COLLECTION)


def resolve_prompt_name(name: str, collection: str | None, folder: Path = PROMPTS_DIR) -> str:
    """COLLECTION/NAME for a name as written in params.yaml. Raises UrialError with the nearest known name."""
    known = list_prompts(folder)
    if "/" in name:
        full = name
    elif collection is not None:
        full = f"{collection}/{name}"
    else:
        same = [item for item in known if item.endswith(f"/{name}")]
        if len(same) > 1:
            raise UrialError(f"prompt {name!r} is ambiguous", expected=f"one of {', '.join(same)}")
        full = same[0] if same else name
    if full not in known:
        raise UrialError(f"unknown prompt {full!r}", where=str(folder), fix=did_you_mean(full, known))
    return full


def load_prompt(name: str, folder: Path = PROMPTS_DIR) -> Prompt:
    """The prompt version COLLECTION/NAME. Raises UrialError naming file, line and field."""
    return read_prompt(folder / f"{name}.yaml")


def read_prompt(path: Path) -> Prompt:
    """The prompt version in a file. Raises UrialError naming file, line and field."""
    return parse_yaml_record(path, Prompt)


def _query_block(dialect: Dialect, query: str) -> str:
    return f"{dialect.before_query}{query}{dialect.after_query}"
