"""A model behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, a provider's.

Its answers are the texts that the in-process engine would give if the server had the same weights. Stop strings are
looked for here as well, so that they end an answer in exactly the same way.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import takewhile

from urial.api.client import MAX_FAILURES, ApiClient, Job, Outcome, StatusError
from urial.core.errors import UrialError
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
        self._probed = False

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """See Engine.complete. Before the first answer, the server is tried out once by a few small requests.

        Ends early after MAX_FAILURES failed rows, when what is under way is answered. Raises UrialError when the server
        ignores or refuses a decoding parameter, and for a status that concerns all requests.
        """
        if wanted and not self._probed:
            require_obedience(self._ask, requests[wanted[0]], decoding, self.client.address)
            self._probed = True
        failed = 0
        started = takewhile(lambda _: failed < MAX_FAILURES, wanted)
        jobs = (self._job(index, requests[index], decoding) for index in started)
        with closing(self.client.run(jobs, row_error=_concerns_one_row)) as outcomes:
            for outcome in outcomes:
                index = outcome.key
                answer = self._answer(outcome, requests[index], decoding)
                failed += isinstance(answer, NoAnswer) and answer.kind in self._failures
                yield index, answer

    def _ask(self, request: Request, decoding: Decoding, further: Mapping[str, object]) -> ServerReply:
        """One reply, to a body with ``further`` parameters in it."""
        body = {**request_body(self.model.model, request, decoding), **further}
        found = self.client.ask(path_of(request), body)
        try:
            return read_answer(found, request)
        except ValueError as error:
            raise UrialError(f"{self.client.address}: {self._no_completion(error)}", fix=_NO_COMPLETION_FIX) from None

    def _job(self, index: int, request: Request, decoding: Decoding) -> Job[int]:
        tokens = len(request.text.encode("utf-8", "replace")) // BYTES_A_TOKEN + decoding.max_new_tokens
        return Job(index, path_of(request), request_body(self.model.model, request, decoding), tokens)

    def _answer(self, outcome: Outcome[int], request: Request, decoding: Decoding) -> Answer | NoAnswer:
        if outcome.body is None:
            return _refused(outcome)
        try:
            reply = read_answer(outcome.body, request)
        except FilteredError as error:
            return NoAnswer("filtered", f"{self.client.address}: {error}")
        except ValueError as error:
            return NoAnswer("failed", f"{self.client.address}: {self._no_completion(error)}", _NO_COMPLETION_FIX)
        return self._without_room(reply, decoding) or Answer(text=reply.text, token_ids=None, finish=reply.finish)

    def _without_room(self, reply: ServerReply, decoding: Decoding) -> NoAnswer | None:
        if self.model.context_window is None:
            return None
        if reply.prompt_tokens is None:
            return NoAnswer(
                "failed",
                f"{self.client.address}: the server does not count the tokens of prompts",
                "set the model's context_window to null in params.yaml: it cannot be kept to",
            )
        reason = no_room(reply.prompt_tokens, decoding.max_new_tokens, self.model.context_window)
        return NoAnswer("too_long", reason) if reason else None

    def _no_completion(self, error: ValueError) -> str:
        return f"the server sent no completion: {error}"


_NO_COMPLETION_FIX = "look into the server's log; its address usually ends in /v1"


def _concerns_one_row(error: StatusError) -> bool:
    return error.exceeds_context or error.filtered


def _refused(outcome: Outcome[int]) -> NoAnswer:
    error = outcome.error
    if error is None:
        raise TypeError("an outcome without body has an error")
    if isinstance(error, StatusError) and error.filtered:
        return NoAnswer("filtered", f"a content filter declined the prompt: {error.what}")
    if isinstance(error, StatusError) and error.exceeds_context:
        return NoAnswer("too_long", error.what)
    return NoAnswer("failed", error.what, error.fix)
