"""A model behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, a provider's.

Its answers are the texts that the in-process engine would give if the server had the same weights. Stop strings are
looked for here as well, so that they end an answer in exactly the same way.

Most servers give what fits where the context ends before the answer may, and say nothing. Such a row is too long, as in
process: by the server's own context and its count of the prompt, or where it tells no context, by its count of the answer.
"""

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import takewhile

from pydantic import JsonValue

from urial.api.client import MAX_FAILURES, ApiClient, Job, Outcome, StatusError
from urial.api.served_model import ServedModel, read_served_model
from urial.core.errors import UrialError, shorten
from urial.core.progress import waiting
from urial.generate.decoding_check import require_obedience
from urial.generate.engine import NoAnswer, Request
from urial.generate.protocol import FilteredError, ServerReply, path_of, read_answer, request_body
from urial.local_models.loading.loading import no_room
from urial.records.completion import Answer
from urial.records.model import BYTES_A_TOKEN, ServerReference
from urial.records.params.file import Decoding


class OpenAIEngine:
    """See the module."""

    def __init__(self, model: ServerReference, fails_when_too_long: bool = False) -> None:
        """Whether a row that is too long counts as failed is the caller's choice.

        Raises UrialError for what is no address or no key.
        """
        self.model = model
        self.client = ApiClient(model.server, model.key_variable, model.limits)
        self._failures = frozenset({"failed", "too_long"} if fails_when_too_long else {"failed"})
        # Temperatures for which the server was tried out.
        self._probed: set[float] = set()
        self._said_uncounted = False
        # What the server says of itself, once it has answered.
        self.served = ServedModel()
        # The model's name in its replies; None: no reply has one yet.
        self._replied: str | None = None

    @property
    def context_window(self) -> int | None:
        """What params.yaml says, unless the server says less; None: neither does."""
        contexts = [item for item in (self.model.context_window, self.served.context_window) if item is not None]
        return min(contexts, default=None)

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """See Engine.complete. Before the first answer, the server is tried out once for its temperature by a few small requests.

        Ends early after MAX_FAILURES failed rows, when what is under way is answered, after a status that concerns all
        requests, and after a reply of another model. Raises UrialError when the server ignores or refuses a decoding
        parameter, or gives no first answer.
        """
        if wanted and decoding.temperature not in self._probed:
            with waiting(f"trying out {self.client.address}"):
                require_obedience(self._ask, requests[wanted[0]], decoding, self.client.address)
                self.served = read_served_model(self.model)
            self._probed.add(decoding.temperature)
            if str(self.served):
                print(f"{self.client.address}: {self.served}", flush=True)
        failed = 0
        started = takewhile(lambda _: failed < MAX_FAILURES, wanted)
        jobs = (self._job(index, requests[index], decoding) for index in started)

        def concerns_one_row(error: StatusError) -> bool:
            return error.filtered or error.leaves_no_room(decoding.max_new_tokens)

        try:
            with closing(self.client.run(jobs, row_error=concerns_one_row)) as outcomes:
                for outcome in outcomes:
                    index = outcome.key
                    answer = self._answer(outcome, requests[index], decoding)
                    failed += isinstance(answer, NoAnswer) and answer.kind in self._failures
                    yield index, answer
                    if isinstance(answer, NoAnswer) and answer.kind == "refused":
                        return
        except StatusError as error:
            if not isinstance(error.key, int):
                raise
            yield error.key, NoAnswer("refused", error.what, error.fix)

    def _ask(self, request: Request, decoding: Decoding, further: Mapping[str, object]) -> ServerReply:
        """One reply, to a body with ``further`` parameters in it."""
        body = {**request_body(self.model.model, request, decoding), **further}
        found = self.client.ask(path_of(request), body)
        self._another_model(found)
        try:
            return read_answer(found, request)
        except ValueError as error:
            raise UrialError(f"{self.client.address}: {self._no_completion(error)}", fix=_NO_COMPLETION_FIX) from None

    def _job(self, index: int, request: Request, decoding: Decoding) -> Job[int]:
        tokens = len(request.text.encode("utf-8", "replace")) // BYTES_A_TOKEN + decoding.max_new_tokens
        return Job(index, path_of(request), request_body(self.model.model, request, decoding), tokens)

    def _answer(self, outcome: Outcome[int], request: Request, decoding: Decoding) -> Answer | NoAnswer:
        if outcome.body is None:
            return _no_reply(outcome, decoding)
        if another := self._another_model(outcome.body):
            return NoAnswer("refused", f"{self.client.address}: {another}", _ANOTHER_MODEL_FIX)
        try:
            reply = read_answer(outcome.body, request, names_stop_strings=self.served.names_stop_strings)
        except FilteredError as error:
            return NoAnswer("filtered", f"{self.client.address}: {error}")
        except ValueError as error:
            return NoAnswer("failed", f"{self.client.address}: {self._no_completion(error)}", _NO_COMPLETION_FIX)
        return self._without_room(reply, decoding) or Answer(text=reply.text, token_ids=None, finish=reply.finish)

    def _another_model(self, body: Mapping[str, JsonValue]) -> str | None:
        """Why a reply counts for nothing: it has another model's name than those before. None: it has theirs, or none.

        A server can be started anew with another model in the middle of a run, and some answer whatever name is asked for.
        """
        replied = body.get("model")
        if not isinstance(replied, str) or not replied:
            return None
        self._replied = self._replied or replied
        if replied == self._replied:
            return None
        return f"{shorten(replied)} replied, and {shorten(self._replied)} before"

    def _without_room(self, reply: ServerReply, decoding: Decoding) -> NoAnswer | None:
        """Why the answer is not the whole one, where the context or the server's count of its tokens says so."""
        counted, most = reply.completion_tokens, decoding.max_new_tokens
        if self.model.context_window is not None and reply.prompt_tokens is None:
            return NoAnswer(
                "failed",
                f"{self.client.address}: the server does not count the tokens of prompts",
                "set the model's context_window to null in params.yaml: it cannot be kept to",
            )
        if reply.prompt_tokens is not None and (reason := no_room(reply.prompt_tokens, most, self.context_window)):
            return NoAnswer("too_long", reason)
        if reply.finish != "length":
            return None
        if counted is not None and counted < most:
            where = "its context, or a limit of its own, ends there"
            return NoAnswer("too_long", f"the server ended the answer after {counted:,} of {most:,} tokens: {where}")
        if (
            counted is None
            and (self.context_window is None or reply.prompt_tokens is None)
            and not self._said_uncounted
        ):
            self._said_uncounted = True
            unknown = "an answer that its context cuts off cannot be told from one of decoding.max_new_tokens"
            print(f"{self.client.address}: it counts no tokens: {unknown}", file=sys.stderr, flush=True)
        return None

    def _no_completion(self, error: ValueError) -> str:
        return f"the server sent no completion: {error}"


_ANOTHER_MODEL_FIX = (
    "let the server have one model under this name for the whole run; finished answers are in the row cache"
)
_NO_COMPLETION_FIX = "look into the server's log; its address usually ends in /v1"


def _no_reply(outcome: Outcome[int], decoding: Decoding) -> NoAnswer:
    error = outcome.error
    if error is None:
        raise TypeError("an outcome without body has an error")
    if isinstance(error, StatusError) and error.filtered:
        return NoAnswer("filtered", f"a content filter declined the prompt: {error.what}")
    if isinstance(error, StatusError) and error.leaves_no_room(decoding.max_new_tokens):
        return NoAnswer("too_long", error.what)
    return NoAnswer("failed", error.what, error.fix)
