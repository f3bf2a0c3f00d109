"""The one string of a command line that names a model: a folder, or a hub id."""

from pathlib import Path

import pytest

from urial.core.errors import UrialError
from urial.records.model import FolderModel, GgufModel, HubModel
from urial.token_shift.files.measure_file import Models, model_folders, named_model


@pytest.mark.parametrize("name", [".", "./m", "../m", "/m", "~/m", "a/b/c"])
def test_what_cannot_be_a_hub_id_is_a_folder(name: str) -> None:
    assert named_model(name, None) == FolderModel(folder=name)
    assert named_model(name, "step-10") == FolderModel(folder=name, checkpoint="step-10")


@pytest.mark.parametrize("name", ["gpt2", "meta-llama/Llama-2-7b-hf"])
def test_what_is_no_folder_is_a_hub_id(name: str) -> None:
    assert named_model(name, None) == HubModel(hub=name)
    assert named_model(name, "v1") == HubModel(hub=name, revision="v1")


@pytest.mark.parametrize("name", ["x" * 10_000, "a\0b"])
def test_what_is_neither_folder_nor_hub_id_is_refused(name: str) -> None:
    with pytest.raises(UrialError, match="neither a file or folder that is here, nor a hub id"):
        named_model(name, None)


def test_a_folder_that_exists_is_meant_before_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gpt2").mkdir()
    assert named_model("gpt2", None) == FolderModel(folder="gpt2")


def test_a_missing_aligned_model_is_named_before_the_base_model_is_prepared(tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    base.write_bytes(b"whatever it holds, nobody has looked at it")
    models = Models(GgufModel(gguf=str(base)), FolderModel(folder=str(tmp_path / "none")))
    with pytest.raises(UrialError, match="aligned model: no folder"), model_folders(models):
        pass
