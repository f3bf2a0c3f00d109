"""No key unless a test sets one, short waits between attempts, and nothing left open."""

import gc
import threading
import warnings
from collections.abc import Iterator

import pytest

from tests.api.asking import KEY
from urial.api import retrying


@pytest.fixture(autouse=True)
def no_key_and_no_time_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.delenv("OPENAI_CUSTOM_HEADERS", raising=False)
    monkeypatch.setattr(retrying, "BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr(retrying, "MAX_BACKOFF_SECONDS", 0.01)


@pytest.fixture
def nothing_is_left_open(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No task, socket, loop or thread outlives a run."""
    # What earlier tests left is not this one's.
    gc.collect()
    before = threading.active_count()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(item.message) for item in caught if issubclass(item.category, (ResourceWarning, RuntimeWarning))] == []
    assert [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"] == []
    assert threading.active_count() <= before
