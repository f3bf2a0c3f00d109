"""What several test modules measure."""

from pathlib import Path

import pytest

from tests.tiny_models import save_folder, tiny_folder, tiny_model


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of a pair of random models with one tokenizer; read them, do not write to them."""
    aligned = save_folder(tmp_path_factory.mktemp("aligned"), tiny_model("llama", seed=5), "aligned")
    return {"base": tiny_folder("llama"), "aligned": aligned}
