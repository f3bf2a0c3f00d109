"""The index of released prompt versions and rubrics, and what is wrong with those on file."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.core.store import read_json, write_json
from urial.prompts.preferences.rubrics import list_preference_rubrics, preference_rubric_hash, read_preference_rubric
from urial.prompts.rubrics.rubrics import list_rubrics, load_rubric, rubric_names, schema_path
from urial.prompts.versions.library import hash_of_file, list_prompts, prompt_hash, read_prompt, resolve_prompt_name
from urial.records.base import Hash
from urial.records.prompt import JUDGE_COLLECTION, PROMPTS_DIR
from urial.records.released import Released, ReleasedIndex

INDEX = "released.json"


def rubric_name(name: str) -> str | None:
    """NAME/VERSION where this is judge/NAME/VERSION; None: it is no rubric's name."""
    prefix = f"{JUDGE_COLLECTION}/"
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def released(folder: Path = PROMPTS_DIR) -> dict[str, Released]:
    """The index by name; empty where there is none."""
    path = folder / INDEX
    return dict(read_json(path, ReleasedIndex).prompts) if path.exists() else {}


def release(names: list[str], folder: Path = PROMPTS_DIR) -> list[str]:
    """Add prompts and rubrics to the index; their full names.

    Raises UrialError for an unknown name, and for one that is in the index with another content.
    """
    index = released(folder)
    full = [name if rubric_name(name) is not None else resolve_prompt_name(name, None, folder) for name in names]
    for name in full:
        index[name] = _unchanged_entry(name, folder, index)
    write_json(folder / INDEX, ReleasedIndex(prompts=dict(sorted(index.items()))))
    return full


def lint_prompts(folder: Path = PROMPTS_DIR, released_only: bool = False) -> list[str]:
    """What is wrong with the prompts and rubrics of a folder, or with those that are released, one message a problem."""
    problems = []
    names = [*list_prompts(folder), *(f"{JUDGE_COLLECTION}/{name}" for name in rubric_names(folder))]
    index = released(folder)
    for name in [name for name in names if name in index or not released_only]:
        try:
            _unchanged_entry(name, folder, index)
        except UrialError as error:
            problems.append(str(error))
    judge = folder / JUDGE_COLLECTION
    known = set(judge.glob("*/*.yaml")) | {schema_path(judge / f"{name}.yaml") for name in list_rubrics(folder)}
    for path in () if released_only else sorted(judge.rglob("*")):
        if path.suffix in (".yaml", ".yml", ".json") and path not in known:
            expected = "NAME/VERSION.yaml and NAME/VERSION.schema.json"
            problems.append(str(UrialError("belongs to no rubric", path=path, expected=expected)))
    missing = sorted(index.keys() - set(names))
    return problems + [str(UrialError(f"{name}: released, and its file is gone", fix="restore it")) for name in missing]


def _unchanged_entry(name: str, folder: Path, index: dict[str, Released]) -> Released:
    """What the index has to say of a file. Raises UrialError when it says something else."""
    path, rubric = folder / f"{name}.yaml", rubric_name(name)
    content = _content_hash(rubric, folder) if rubric is not None else prompt_hash(read_prompt(path))
    entry = Released(file=hash_of_file(path), prompt=content)
    if index.get(name, entry) != entry:
        raise UrialError(
            f"{name}: changed after its release, and numbers may cite it",
            expected="the file as it was released",
            fix="restore it, and give the new version a name of its own",
        )
    return entry


def _content_hash(rubric: str, folder: Path) -> Hash:
    if rubric in list_preference_rubrics(folder):
        return preference_rubric_hash(read_preference_rubric(rubric, folder))
    return load_rubric(rubric, folder).hash
