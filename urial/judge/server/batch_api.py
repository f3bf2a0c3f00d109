"""Batches on a server: submitted once, found again after a restart, and read when they have ended.

The row cache holds the id of a batch for every request in it, and the server holds the hash of its request file. So no
batch is submitted twice, whenever the process is killed.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field, JsonValue

from urial.api.client import ApiClient, NoReplyError, StatusError
from urial.api.completions import CHAT_PATH
from urial.core.errors import UrialError, shorten
from urial.core.hashing import bytes_hash, content_hash
from urial.core.row_cache import RowCache
from urial.records.base import Hash, Record
from urial.records.params.judges import OpenAIJudge

POLL_SECONDS = 30.0
WINDOW = "24h"
UNDER_WAY = ("validating", "in_progress", "finalizing", "cancelling")
ENDED = ("completed", "failed", "expired", "cancelled")
# What our own batches are found by in the server's list.
LABEL = "urial_requests"
# More batches than an account has.
MAX_PAGES = 1_000


class BatchMembership(Record):
    """Which batch a request is in, where its answer is fetched."""

    batch: str = Field(min_length=1, description="id of the batch that the request is in")


class BatchApi:
    """The batches of one judge."""

    def __init__(self, client: ApiClient, judge: OpenAIJudge, cache: RowCache) -> None:
        self.client = client
        self.judge = judge
        self.cache = cache
        self._submitted_now: set[str] = set()

    def recorded(self, names: Iterable[str]) -> dict[str, str]:
        """The batch on record of each request that has one."""
        keys = {name: membership_key(self.client.address, name) for name in names}
        recorded = self.cache.get(keys.values(), BatchMembership)
        return {name: recorded[key].batch for name, key in keys.items() if key in recorded}

    def submit(self, part: Mapping[str, bytes]) -> str:
        """The id of a batch of these requests, by name: a new one, or one whose id could not be kept."""
        data = b"".join(part.values())
        digest = bytes_hash(data)
        batch = self._listed(digest)
        if batch is None:
            batch = self._create(data, digest)
            self._say(f"batch {batch} of {len(part):,} requests submitted")
        # All or none: a batch that is not on record is found again by its requests.
        membership = BatchMembership(batch=batch)
        self.cache.put_all({membership_key(self.client.address, name): membership for name in (*part, batch)})
        self._submitted_now.add(batch)
        return batch

    def results(self, batch: str) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
        """Name and result of every request in a batch, when it has ended, in whatever order.

        Raises UrialError, after the results that there are, when a batch of this run failed or was cancelled. One of
        an earlier run that is gone has none.
        """
        try:
            ended = self._ended(batch)
            for field in ("output_file_id", "error_file_id"):
                if isinstance(ended.get(field), str) and ended[field]:
                    for line in self.client.download(f"/files/{ended[field]}/content").splitlines():
                        try:
                            result = json.loads(line)
                        except ValueError:
                            # Its request is then among those without a result, and is asked again.
                            continue
                        if isinstance(result, dict) and isinstance(result.get("custom_id"), str):
                            yield result["custom_id"], result
        except StatusError as error:
            if error.status != 404 or batch in self._submitted_now:
                raise
            self._say(f"batch {batch} of an earlier run is not there any more; its requests are made again")
            return
        if batch in self._submitted_now and ended["status"] in ("failed", "cancelled"):
            why = self.client.redacted(json.dumps(ended.get("errors")))
            raise UrialError(
                f"{self.client.address}: batch {batch} was {ended['status']}: {shorten(why, 300)}",
                fix="correct what it names, then run again: the rest is submitted anew",
            )

    def _create(self, data: bytes, digest: Hash) -> str:
        """The id of a new batch. A request for one that was perhaps heard is not made again before a look at the list."""
        limits = self.judge.limits
        once = ApiClient(self.judge.server, self.judge.key_variable, limits.model_copy(update={"retries": 0}))
        request = {
            "input_file_id": self.client.upload("requests.jsonl", data, "batch").get("id"),
            "endpoint": f"/v1{CHAT_PATH}",
            "completion_window": WINDOW,
            "metadata": {LABEL: digest},
        }
        for attempt in range(limits.retries + 1):
            try:
                return self._id(once.ask("/batches", request))
            except NoReplyError:
                time.sleep(POLL_SECONDS)
                if (batch := self._listed(digest)) is not None:
                    return batch
                if attempt == limits.retries:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _listed(self, digest: Hash) -> str | None:
        """A batch of exactly these requests whose id could not be kept because the process was killed."""
        query = {"limit": "100"}
        for _ in range(MAX_PAGES):
            page = self.client.get("/batches", query)
            data = page.get("data")
            batches = [batch for batch in data if isinstance(batch, dict)] if isinstance(data, list) else []
            for batch in batches:
                metadata = batch.get("metadata")
                if isinstance(metadata, dict) and metadata.get(LABEL) == digest:
                    name = self._id(batch)
                    if not self.recorded([name]):
                        return name
            if not page.get("has_more") or not batches:
                return None
            query["after"] = str(page.get("last_id") or batches[-1].get("id"))
        return None

    def _ended(self, batch: str) -> dict[str, JsonValue]:
        said = None
        while True:
            state = self.client.get(f"/batches/{batch}")
            status, counts = state.get("status"), state.get("request_counts")
            if status in ENDED:
                return state
            if status not in UNDER_WAY:
                raise UrialError(
                    f"{self.client.address}: batch {batch} has the unknown status {shorten(status)}",
                    fix="does the server have OpenAI's batch API?",
                )
            progress = "progress unknown"
            if isinstance(counts, dict):
                progress = f"{counts.get('completed')} of {counts.get('total')} done, {counts.get('failed')} failed"
            report = f"batch {batch}: {status}, {progress}"
            if report != said:
                self._say(report)
                said = report
            time.sleep(POLL_SECONDS)

    def _id(self, batch: Mapping[str, JsonValue]) -> str:
        found = batch.get("id")
        if not isinstance(found, str) or not found:
            raise UrialError(f"{self.client.address}: the server named no batch", fix="does it have a batch API?")
        return found

    def _say(self, what: str) -> None:
        print(f"{self.client.address}: {what}", flush=True)


def membership_key(address: str, name: str) -> Hash:
    """Content address of the batch of a request, or of a batch itself, on a server."""
    return content_hash({"row": "batch", "server": address, "name": name})
