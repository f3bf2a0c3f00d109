"""A model of a pair, as params.yaml names it: the fields of one engine do not go with the other."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.records.params.file import ParamsFile, read_params
from urial.records.params.limits import Limits
from urial.records.params.models import PairModel
from urial.records.params.studies import ModelsStudy

TEXT = (ROOT / "params.yaml").read_text("utf-8")
BASE = "base: {id: meta-llama/Llama-2-7b-hf}"


def read(folder: Path, base: str) -> ParamsFile:
    assert TEXT.count(BASE) == 1
    path = folder / "params.yaml"
    path.write_text(TEXT.replace(BASE, base), "utf-8")
    return read_params(path)


def test_a_model_behind_a_server_is_one_line(tmp_path: Path) -> None:
    params = read(tmp_path, "base: {id: meta-llama/Llama-2-7b-hf, engine: openai, server: http://localhost:8000/v1}")
    pair = params.studies["llama-2-7b"]
    assert isinstance(pair, ModelsStudy)
    assert pair.base == PairModel(
        id="meta-llama/Llama-2-7b-hf", engine="openai", server="http://localhost:8000/v1", key_variable="OPENAI_API_KEY",
        context=None, limits=Limits(), revision=None,
    )  # fmt: skip
    assert (pair.aligned.engine, pair.aligned.server) == ("transformers", None)


FULL = "{id: m, engine: openai, server: http://h/v1, key_variable: MY_KEY, context: 4096, limits: {concurrency: 64}}"


def test_every_field_can_be_set(tmp_path: Path) -> None:
    pair = read(tmp_path, f"base: {FULL}").pairs["llama-2-7b"]
    assert isinstance(pair, ModelsStudy)
    assert (pair.base.key_variable, pair.base.context, pair.base.limits.concurrency) == ("MY_KEY", 4096, 64)
    assert PairModel.model_validate_json(pair.base.model_dump_json()) == pair.base


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("{id: m, engine: openai}", "engine openai needs a server"),
        ("{id: m, engine: openai, server: http://h/v1, revision: main}",
         "engine openai takes no revision: its server has one model of an id"),
        ("{id: m, server: http://h/v1}", "server needs engine: openai"),
        ("{id: m, key_variable: MY_KEY}", "key_variable needs engine: openai"),
        ("{id: m, context: 4096}", "context needs engine: openai"),
        ("{id: m, limits: {retries: 1}}", "limits needs engine: openai"),
    ],
)  # fmt: skip
def test_fields_that_would_be_ignored_are_refused(tmp_path: Path, base: str, message: str) -> None:
    with pytest.raises(UrialError) as caught:
        read(tmp_path, f"base: {base}")
    assert f"field 'studies.llama-2-7b.base': {message}, got {{'id': 'm'" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine": "vllm"}, "field 'studies.llama-2-7b.base.engine': input should be 'transformers' or 'openai'"),
        ({"sever": "x"}, "unknown field 'studies.llama-2-7b.base.sever'; did you mean 'server'?"),
        ({"context": 0}, "field 'studies.llama-2-7b.base.context': input should be greater than or equal to 1, got 0"),
        ({"server": "''"}, "field 'studies.llama-2-7b.base.server': string should have at least 1 character, got ''"),
        ({"limits": "{concurency: 3}"}, "unknown field 'studies.llama-2-7b.base.limits.concurency'; did you mean 'concurrency'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    fields = {"id": "m", "engine": "openai", "server": "http://h/v1", **change}
    with pytest.raises(UrialError) as caught:
        read(tmp_path, "base: {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}")
    assert message in str(caught.value)
