"""A pair trained for a few steps: enough to check everything about it but what it knows."""

from pathlib import Path

import pytest

from urial.microworld.training.training import TrainingSettings, train_pair

TINY = TrainingSettings(seed=0, threads=1, max_documents=300, max_chats=24, chat_epochs=1, checkpoints=True)


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with base/ and aligned/ of TINY; read it, do not write to it."""
    folder = tmp_path_factory.mktemp("tiny-pair")
    train_pair(TINY, folder, lambda line: None)
    return folder
