import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.records.model import HubModel, Loading
from urial.records.params.file import ModelsStudy, ParamsFile, read_params

TEXT = (ROOT / "params.yaml").read_text("utf-8")
# Entries below these are named by the user; any name is right.
CATALOGUES = {
    ("systems",),
    ("studies",),
    ("instruction_sets",),
    ("judges",),
    ("prices",),
    ("blends",),
    ("token_shift", "given"),
}


def fields(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, int, int]]:
    """(name, line, column) of every key that the parameters define, 0-based."""
    for key, value in tree.items():
        if path not in CATALOGUES:
            yield (key, *tree.lc.key(key))
        if isinstance(value, dict):
            yield from fields(value, (*path, key))


FIELDS = sorted(set(fields(YAML(typ="rt", pure=True).load(TEXT))), key=lambda field: field[1:])


def changed(folder: Path, old: str, new: str) -> Path:
    assert TEXT.count(old) >= 1, old
    path = folder / "params.yaml"
    path.write_text(TEXT.replace(old, new, 1), "utf-8")
    return path


def refused(folder: Path, old: str, new: str) -> str:
    path = changed(folder, old, new)
    with pytest.raises(UrialError) as caught:
        read_params(path)
    return (
        str(caught.value).removeprefix(f"{path}: ").removesuffix("\n  expected: the record ParamsFile as in schemas/")
    )


def line(text: str) -> int:
    return TEXT[: TEXT.index(text)].count("\n") + 1


def misspellings(name: str) -> st.SearchStrategy[str]:
    """The name with one letter left out, put twice, replaced or swapped with its neighbor."""

    def at(index: int) -> list[str]:
        head, letter, tail = name[:index], name[index], name[index + 1 :]
        return [head + tail, head + letter * 2 + tail, f"{head}x{tail}", head + tail[:1] + letter + tail[1:]]

    known = {field[0] for field in FIELDS}
    # Half a name of two letters is near nothing.
    wrong = {item for index in range(len(name)) for item in at(index) if len(name) > 2 or len(item) != len(name)}
    # "rexamples" is as much a misspelt "examples" as a misspelt "resamples".
    unclear = {
        item for item in wrong if any(_likeness(item, other) >= _likeness(item, name) for other in known - {name})
    }
    return st.sampled_from(sorted(item for item in wrong - known - unclear if item))


def _likeness(left: str, right: str) -> float:
    return difflib.SequenceMatcher(None, left, right).ratio()


def test_the_committed_file_is_valid_and_typed(committed_params: ParamsFile) -> None:
    assert committed_params.run.study in committed_params.studies
    assert committed_params.run.judge in committed_params.judges
    assert isinstance(committed_params.studies["llama-2-7b"], ModelsStudy)
    assert committed_params.token_shift.base_systems == ("base-zero-shot", "base-urial")


HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
# What the name of an aligned model has behind that of its base.
ALIGNED_ENDS = ("", "-Instruct", "-it", "-chat-hf", "-Instruct-v0.1")


def hub_pairs(params: ParamsFile) -> dict[str, tuple[str, str, Loading]]:
    """The studies whose models are both on the hub: base, aligned, and how they are loaded."""
    return {
        name: (study.base.hub, study.aligned.hub, study.loading)
        for name, study in params.studies.items()
        if isinstance(study, ModelsStudy) and isinstance(study.base, HubModel) and isinstance(study.aligned, HubModel)
    }


def test_dvc_can_reach_every_name_of_a_catalog(committed_params: ParamsFile) -> None:
    catalogs = (
        committed_params.studies,
        committed_params.instruction_sets,
        committed_params.judges,
        committed_params.systems,
    )
    assert [name for catalog in catalogs for name in catalog if re.search(r"[^a-z0-9-]", name)] == []


def test_studies_of_the_hub_are_true_pairs(committed_params: ParamsFile) -> None:
    pairs = hub_pairs(committed_params)
    assert {"smollm2-135m", "gemma-3-270m", "qwen3-0-6b", "olmo-2-1b", "llama-2-70b"} <= pairs.keys()
    assert len({pair[:2] for pair in pairs.values()}) == len(pairs)
    for name, (base, aligned, loading) in pairs.items():
        assert HUB_ID.fullmatch(base), base
        assert HUB_ID.fullmatch(aligned), aligned
        assert base != aligned
        assert base.partition("/")[0] == aligned.partition("/")[0], name
        stem = re.sub("(-Base|-hf|-v0.1)$", "", base)
        assert aligned.startswith(stem), name
        assert aligned.removeprefix(stem) in ALIGNED_ENDS, name
        family = re.split("[^a-z]", name)[0]
        assert stem.partition("/")[2].lower().startswith(family), name
        assert loading.dtype == "bfloat16"


def test_every_field_of_the_file_is_misspelt_below() -> None:
    assert {"run", "study", "max_new_tokens", "hub", "kind", "dtype", "base_systems"} <= {name for name, _, _ in FIELDS}
    assert len(FIELDS) > 80


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field[0]}-{field[1] + 1}")
def test_every_misspelt_key_gets_the_right_name_and_line(tmp_path: Path, field: tuple[str, int, int]) -> None:
    name, row, column = field
    lines = TEXT.splitlines(keepends=True)
    path = tmp_path / "params.yaml"

    @settings(max_examples=2)
    @given(misspellings(name))
    def check(wrong: str) -> None:
        text = lines[row]
        assert text[column:].startswith(name)
        path.write_text("".join([*lines[:row], text[:column] + wrong + text[column + len(name) :], *lines[row + 1 :]]))
        with pytest.raises(UrialError) as caught:
            read_params(path)
        message = str(caught.value)
        assert f"did you mean {name!r}" in message
        assert wrong in message
        assert f"line {row + 1}: " in message or name in ("kind", "tuned")

    check()


BAD_VALUES = [
    ("threads:    ", "threads: 0 ", "field 'run.threads': input should be greater than or equal to 1, got 0"),
    ("threads:    ", "threads: two ", "field 'run.threads': input should be a valid integer, got 'two'"),
    ("threads:    ", "threads: 2.0 ", "field 'run.threads': input should be a valid integer, got 2.0"),
    ("threads:    ", "threads: '2' ", "field 'run.threads': input should be a valid integer, got '2'"),
    ("threads:    ", "threads: true ", "field 'run.threads': input should be a valid integer, got True"),
    ("limit:    ", "limit: 0 ", "field 'run.limit': input should be greater than or equal to 1, got 0"),
    ("top_p: 1.0", "top_p: .nan", "field 'decoding.top_p': input should be a finite number, got nan"),
    ("temperature: 0 ", "temperature: hot ", "field 'decoding.temperature': input should be a valid number, got 'hot'"),
    ("temperature: 0 ", "temperature: true ", "field 'decoding.temperature': input should be a valid number, got True"),
    ("top_p: 1.0", "top_p: 1.5", "field 'decoding.top_p': input should be less than or equal to 1, got 1.5"),
    ("temperature: 0 ", "temperature: -0.1 ", "field 'decoding.temperature': input should be greater than or equal to 0, got -0.1"),
    ("confidence: 0.95", "confidence: '0.95'", "field 'report.confidence': input should be a valid number, got '0.95'"),
    ("confidence: 0.95", "confidence: 1.0", "field 'report.confidence': input should be less than 1, got 1.0"),
    ("on_context_overflow: error", "on_context_overflow: ignore", "field 'generation.on_context_overflow': input should be 'error' or 'record', got 'ignore'"),
    ("hub: meta-llama/Llama-2-7b-hf", "hub: ''", "field 'studies.llama-2-7b.base.hub': string should have at least 1 character, got ''"),
    ("{dtype: bfloat16}", "{dtype: int8}", "field 'studies.smollm2-135m.loading.dtype': input should be 'auto', 'float32', 'bfloat16' or 'float16', got 'int8'"),
    ("base_systems:\n  - base-zero-shot\n  - base-urial", "base_systems: base-urial", "field 'token_shift.base_systems': input should be a valid array, got 'base-urial'"),
    ("prompt: zero-shot", "prompt: ../../etc/passwd", "field 'systems.base-zero-shot.prompt': string should match pattern "
     "'^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$', got '../../etc/passwd'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BAD_VALUES)
def test_a_bad_value_names_line_field_value_and_what_is_expected(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert refused(tmp_path, old, new) == f"line {line(old)}: {message}"


def test_the_classic_typo_of_a_repetition_penalty_is_refused(tmp_path: Path) -> None:
    assert refused(
        tmp_path, "    prompt: urial-k3", "    prompt: urial-k3\n    decoding: {repitition_penalty: 1.1}"
    ) == (
        f"line {line('    prompt: urial-k3') + 1}: unknown field 'systems.base-urial.decoding.repitition_penalty'; "
        "did you mean 'repetition_penalty'?"
    )


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "-x", "a b", "'a\\nb'", "é", "''", "x" * 101])
def test_names_that_could_leave_their_folder_are_refused(tmp_path: Path, name: str) -> None:
    message = refused(tmp_path, "  base-vanilla-icl:\n", f"  {name}:\n")
    assert re.match(r"line \d+: field 'systems\.", message, re.DOTALL)
    assert "[key]': string should" in message


def test_a_numeric_name_keeps_its_line(tmp_path: Path) -> None:
    message = refused(tmp_path, "  aligned:\n    model: aligned", "  2024:\n    model: alignd")
    assert f"line {line('  aligned:')}: the key 2024 is a number, and no text" in message


def test_no_system_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    start, end = TEXT.index("systems:"), TEXT.index("decoding:")
    path.write_text(TEXT[:start] + "systems: {}\n" + TEXT[end:])
    with pytest.raises(
        UrialError, match=rf"line {line('systems:')}: field 'systems': dictionary should have at least 1 item"
    ):
        read_params(path)


def test_a_whole_number_and_its_float_are_one_decoding(tmp_path: Path) -> None:
    one = read_params(changed(tmp_path, "top_p: 1.0", "top_p: 1")).decoding
    other = read_params(changed(tmp_path, "top_p: 1.0", "top_p: 1.0")).decoding
    assert content_hash(one.model_dump()) == content_hash(other.model_dump())


def test_parameters_are_frozen(committed_params: ParamsFile) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        committed_params.run.limit = 3
