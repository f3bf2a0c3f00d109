"""Jobs, a client for them, and a server that sends each job's index back."""

from collections.abc import Iterator
from typing import Any

from tests.faulty_server import Asked, FaultyServer, Reply, answers
from urial.api.client import ApiClient, Job
from urial.records.model import Limits

# The environment variable with the key, which is not set unless a test sets it.
KEY = "URIAL_TEST_KEY"
CANARY = "sk-canary-0123456789"
PATH = "/chat/completions"


def client(server: FaultyServer, **limits: Any) -> ApiClient:
    """Four at a time unless the limits say otherwise, from the first on."""
    given = Limits(**{"concurrency": 4, **limits})
    return ApiClient(server.url, KEY, given, start=given.concurrency)


def jobs(count: int) -> Iterator[Job[str]]:
    """job 0, job 1, ..."""
    return (Job(f"job {index}", PATH, {"index": index}) for index in range(count))


def echo(asked: Asked) -> Reply:
    """What makes sure that every job gets its own reply."""
    return answers({"index": asked.body["index"]})
