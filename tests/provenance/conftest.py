"""The run of record for the tests of this folder."""

from pathlib import Path

import pytest

from tests.clones import Clone


@pytest.fixture(scope="session")
def record(record_clone: Clone) -> Path:
    """Its folder, never to be changed."""
    return record_clone.folder
