"""The prompt versions on file: names, loading, hashes, and the index of what is released."""

import re
from pathlib import Path

from urial.errors import UrialError, did_you_mean
from urial.hashing import content_hash, file_hash
from urial.prompt_records import JudgeTemplate, Prompt, Released, ReleasedIndex
from urial.prompts.dialects import DIALECTS
from urial.prompts.parsing import parse_text
from urial.prompts.rendering import render
from urial.records import Hash
from urial.store import read_json, write_json
from urial.yaml_files import parse_yaml_record

PROMPTS_DIR = Path("prompts")
# Templates for judges live beside the prompts and are not prompts.
JUDGE_COLLECTION = "judge"
INDEX = "released.json"
# What `urial prompts new` leaves to be written.
UNFILLED = re.compile(r"\$\{write [^{}]*\}")


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
    _check_texts(prompt, path)
    if prompt.retrieval is not None:
        _check_pool(pool_path(prompt, path), prompt.retrieval.pool_hash, path)
    return prompt


def pool_path(prompt: Prompt, path: Path) -> Path:
    """The pool of a prompt that retrieves its examples, ``path`` being the prompt's file."""
    if prompt.retrieval is None:
        raise ValueError("the prompt has no pool")
    return path.absolute().parents[1] / prompt.retrieval.pool


def prompt_hash(prompt: Prompt) -> Hash:
    """Content hash of a prompt version: of all that it says, and of nothing that it leaves out."""
    return content_hash(prompt.model_dump(mode="json", exclude_none=True))


def released(folder: Path = PROMPTS_DIR) -> dict[str, Released]:
    """The index of released prompts by name; empty where there is none."""
    path = folder / INDEX
    return dict(read_json(path, ReleasedIndex).prompts) if path.exists() else {}


def release(names: list[str], folder: Path = PROMPTS_DIR) -> None:
    """Add prompts to the index. Raises UrialError for one that is in it with another content."""
    index = released(folder)
    for name in names:
        entry = _entry(folder / f"{name}.yaml")
        if index.get(name, entry) != entry:
            raise _changed(name)
        index[name] = entry
    write_json(folder / INDEX, ReleasedIndex(prompts=dict(sorted(index.items()))))


def lint_prompts(folder: Path = PROMPTS_DIR) -> list[str]:
    """What is wrong with the prompts of a folder, one message a problem."""
    problems = []
    names = list_prompts(folder)
    index = released(folder)
    for name in names:
        try:
            entry = _entry(folder / f"{name}.yaml")
            if index.get(name, entry) != entry:
                raise _changed(name)
        except UrialError as error:
            problems.append(str(error))
    for path in sorted((folder / JUDGE_COLLECTION).glob("*.yaml")):
        try:
            parse_yaml_record(path, JudgeTemplate)
        except UrialError as error:
            problems.append(str(error))
    missing = sorted(index.keys() - set(names))
    problems += [str(UrialError(f"{name}: released, and its file is gone", fix="restore it")) for name in missing]
    return problems


def _entry(path: Path) -> Released:
    return Released(file=_file_hash(path), prompt=prompt_hash(read_prompt(path)))


def _file_hash(path: Path) -> Hash:
    try:
        return file_hash(path)
    except OSError as error:
        raise UrialError(f"{path}: cannot be read: {error.strerror}", fix="check the path") from error


def _changed(name: str) -> UrialError:
    return UrialError(
        f"{name}: changed after its release, and numbers may cite it",
        expected="the file as it was released",
        fix="restore it, and give the new version a name of its own",
    )


def _check_texts(prompt: Prompt, path: Path) -> None:
    examples = (text for item in prompt.examples for text in (item.query, item.answer))
    texts = [prompt.description, prompt.source, prompt.licence]
    if prompt.layout is None:  # an imported text is what it is
        texts += [prompt.system or "", *examples]
    if found := next((match for text in texts if (match := UNFILLED.search(text))), None):
        raise UrialError(f"{path}: {found.group()} is still to be written")
    try:
        parsed = parse_text(render(prompt, "a query").text, DIALECTS[prompt.dialect])
    except UrialError as error:
        raise _ambiguous(path, prompt) from error
    turns = [*((item.query, item.answer) for item in prompt.examples), ("a query", None)]
    if (parsed.system, parsed.turns) != (prompt.system, turns):
        raise _ambiguous(path, prompt)


def _ambiguous(path: Path, prompt: Prompt) -> UrialError:
    dialect = DIALECTS[prompt.dialect]
    return UrialError(
        f"{path}: once laid out in the dialect {prompt.dialect}, its texts cannot be told apart again",
        expected=f"no line that begins with {dialect.query!r} or {dialect.answer!r} outside of fences, "
        "and no blank lines around a text",
    )


def _check_pool(pool: Path, planned: Hash, path: Path) -> None:
    if not pool.is_file():
        raise UrialError(f"{path}: retrieval.pool: no file {pool}", fix="correct the path, from the folder above")
    found = _file_hash(pool)
    if found != planned:
        raise UrialError(
            f"{path}: retrieval.pool_hash is not the hash of {pool}",
            expected=found,
            fix="restore the pool, or write a new prompt version for the new pool",
        )
