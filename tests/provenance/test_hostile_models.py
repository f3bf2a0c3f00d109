"""A model folder whose files name code of their own: none of it is run, and nobody is asked whether it may be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import save_folder, tiny_model, tiny_tokenizer
from urial.core.errors import UrialError
from urial.local_models.loading.loading import end_tokens_of, load_model, load_tokenizer, named_tokenizer, text_config

CODE = """\
from pathlib import Path
Path(__file__).with_name("marker").touch()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded model whose configuration and tokenizer are classes of a module beside them."""
    made = save_folder(tmp_path_factory.mktemp("hostile") / "model", tiny_model("llama"))
    (made / "code.py").write_text(CODE, "utf-8")
    maps = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    edit(made / "config.json", {"auto_map": maps, "model_type": "own"})
    edit(made / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["code.Own", None]}, "tokenizer_class": "Own"})
    return made


def edit(path: Path, changes: dict[str, Any]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.parametrize(
    ("what", "load"),
    [
        ("configuration", text_config), ("model", lambda folder: load_model(folder, 1)),
        ("tokenizer", load_tokenizer), ("tokenizer", lambda folder: named_tokenizer(str(folder))),
        ("configuration", lambda folder: end_tokens_of(without_generation(folder), tiny_tokenizer())),
    ],
    ids=["configuration", "model", "tokenizer", "tokenizer by name", "end tokens"],
)  # fmt: skip
def test_no_code_of_a_model_is_run(
    folder: Path, what: str, load: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> str:
        pytest.fail("somebody is asked")

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(UrialError) as error:
        load(folder)
    assert error.value.what.startswith(
        f"{what} {folder} cannot be loaded: The repository {folder} contains custom code which must be executed to "
        "correctly load the model."
    )
    assert error.value.fix == "get the folder's files anew, all of them; code that comes with a model is never run"
    assert not list(folder.rglob("marker"))


def without_generation(folder: Path) -> Path:
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder


def test_end_tokens_are_those_of_the_generation_configuration(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "model", tiny_model("llama"))
    edit(folder / "generation_config.json", {"eos_token_id": [5, 6]})
    assert end_tokens_of(folder, tiny_tokenizer()) == {5, 6, tiny_tokenizer().eos_token_id}
