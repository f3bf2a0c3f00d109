"""A pair trained for a few steps: enough to check everything about it but what it knows."""

from pathlib import Path

import pytest

from urial.microworld.training.training import train_pair
from urial.records.plans import TrainedModels

TINY = TrainedModels(kind="microworld", seed=0, documents=300, chats=24)


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with base/step-N and aligned/ of TINY; read it, do not write to it."""
    folder = tmp_path_factory.mktemp("tiny-pair")
    train_pair(TINY, 1, folder, lambda line: None)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tiny_pair: Path) -> Path:
    """Folder of the base model of TINY: its last checkpoint."""
    return max((tiny_pair / "base").iterdir(), key=lambda path: int(path.name.removeprefix("step-")))
