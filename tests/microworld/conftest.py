"""A pair trained for a few steps: enough to check everything about it but what it knows."""

from pathlib import Path

import pytest

from urial.microworld.training.training import train_pair
from urial.records.plans import TrainedModels

TINY = TrainedModels(kind="microworld", seed=0, documents=300, chats=24, checkpoints=True)


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with base/ and aligned/ of TINY; read it, do not write to it."""
    folder = tmp_path_factory.mktemp("tiny-pair")
    train_pair(TINY, 1, folder, lambda line: None)
    return folder
