"""The prompt versions on file: names, loading, hashes."""

import re
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean
from urial.core.hashing import content_hash, file_hash
from urial.core.text import and_more
from urial.core.yaml_files import parse_yaml_record
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.parsing import parse_text
from urial.prompts.versions.rendering import render
from urial.records import prompt
from urial.records.base import Hash
from urial.records.prompt import JUDGE_COLLECTION, VERBATIM, Prompt

PROMPTS_DIR = prompt.PROMPTS_DIR
# What `urial prompts new` leaves to be written, and how many of these a message names.
MOST_UNFILLED = 10
UNFILLED = re.compile(r"\$\{write [^{}]*\}")


def list_prompts(folder: Path = PROMPTS_DIR) -> list[str]:
    """COLLECTION/NAME of every prompt file, sorted. Raises UrialError when there is no such folder."""
    if not folder.is_dir():
        raise UrialError("no folder of prompts", path=folder, fix="name the folder of the collections with --dir")
    paths = (path.relative_to(folder) for path in folder.glob("*/*.yaml"))
    return sorted(path.with_suffix("").as_posix() for path in paths if path.parts[0] != JUDGE_COLLECTION)


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


def prompt_path(name: str, collection: str | None = None, folder: Path = PROMPTS_DIR) -> Path:
    """The file of a prompt, by its name or by its path. Raises UrialError with the nearest known name."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    return folder / f"{resolve_prompt_name(name, collection, folder)}.yaml"


def load_prompt(name: str, folder: Path = PROMPTS_DIR) -> Prompt:
    """The prompt version COLLECTION/NAME. Raises UrialError naming file, line and field."""
    return read_prompt(folder / f"{name}.yaml")


def read_prompt(path: Path) -> Prompt:
    """The prompt version in a file. Raises UrialError naming file, line and field, or what it cannot say safely."""
    prompt = parse_yaml_record(path, Prompt)
    require_sound_texts(prompt, path)
    if prompt.retrieval is None:
        return prompt
    pool = pool_path(prompt, path)
    if not pool.is_file():
        raise UrialError(f"retrieval.pool: no file {pool}", path=path, fix="correct the path, from the folder above")
    content = hash_of_file(pool)
    if content != prompt.retrieval.pool_hash:
        raise UrialError(
            f"retrieval.pool_hash is not the hash of {pool}",
            path=path,
            expected=content,
            fix="restore the pool, or write a new prompt version for the new pool",
        )
    return prompt


def pool_path(prompt: Prompt, path: Path) -> Path:
    """The pool of a prompt that retrieves its examples, ``path`` being the prompt's file."""
    if prompt.retrieval is None:
        raise ValueError("the prompt has no pool")
    return path.absolute().parents[1] / prompt.retrieval.pool


def prompt_hash(prompt: Prompt) -> Hash:
    """Content hash of a prompt version: of all that it says, and of nothing that it leaves out."""
    return content_hash(prompt.model_dump(mode="json", exclude_none=True))


def hash_of_file(path: Path) -> Hash:
    """Hash of a file's bytes. Raises UrialError when it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error


def require_sound_texts(prompt: Prompt, path: Path | None) -> None:
    """Raises UrialError for a text that is still to be written, or that could be read as the end of its block."""
    examples = (text for item in prompt.examples for text in (item.query, item.answer))
    texts = [prompt.description, prompt.source, prompt.licence]
    if prompt.layout is None:  # an imported text is what it is
        texts += [prompt.system or "", *examples]
    if found := list(dict.fromkeys(match.group() for text in texts for match in UNFILLED.finditer(text))):
        raise UrialError(
            f"{and_more(found, MOST_UNFILLED)} {'is' if len(found) == 1 else 'are'} still to be written", path=path
        )
    if prompt.layout == VERBATIM:
        return
    dialect = DIALECTS[prompt.dialect]
    turns = [*((item.query, item.answer) for item in prompt.examples), ("a query", None)]
    try:
        # Of a prompt that shows half of its examples, these are the texts that are sound in their blocks.
        whole = prompt.model_copy(update={"shown": None})
        parsed = parse_text(render(whole, "a query").text, dialect)
        unchanged = (parsed.system, parsed.turns) == (prompt.system, turns)
    except UrialError:
        unchanged = False
    if not unchanged:
        raise UrialError(
            f"once laid out in the dialect {prompt.dialect}, its texts cannot be told apart again",
            path=path,
            expected=f"no line that begins with {dialect.query!r} or {dialect.answer!r} outside of fences, "
            "and no blank lines around a text",
        )
