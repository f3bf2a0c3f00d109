"""A model behind a server that the stage starts for it: vLLM or llama.cpp, on this machine.

The model's files are here, and so are its tokenizer and its end tokens: prompts are the very token ids of the in-process
engine, and an answer is read off the emitted ids by the same code. The server runs from the first row that the row cache
does not have until the stage ends, however that ends.
"""

import os
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Self

from urial.api.client import MAX_FAILURES, ApiClient, Job, NoReplyError, Outcome
from urial.api.managed_server import ManagedServer, serving
from urial.core.errors import UrialError
from urial.core.progress import waiting
from urial.generate.decoding_check import PROBE_TOKENS, require_obedience
from urial.generate.engine import NoAnswer, Request
from urial.generate.engine_programs import PROGRAMS, Emitted, Prompt, Start
from urial.generate.local_files import local_files
from urial.generate.protocol import ServerReply
from urial.local_models.decoding.answer_text import StopFinder, answer_text
from urial.local_models.decoding.batch import finished
from urial.local_models.loading.loading import context_length, encode, end_tokens_of, load_tokenizer
from urial.records.completion import Answer, Finish
from urial.records.engine import EngineSettings
from urial.records.environment import observe_engine
from urial.records.model import Limits
from urial.records.params.file import Decoding
from urial.records.plans import SystemPlan

# A later turn has a longer prompt than the first: as a rule, it then still fits.
HEADROOM = 2
FINISHES: Mapping[str, Finish] = {
    "end": "end_token",
    "stop": "stop_string",
    "length": "length",
    "unfinished": "unknown",
}


@dataclass(frozen=True)
class _Running:
    """A server that runs, and how it was started."""

    start: Start
    server: ManagedServer
    client: ApiClient


class ManagedEngine:
    """See the module. A context manager: at its end there is no server, and no log unless it is needed."""

    def __init__(self, plan: SystemPlan, settings: EngineSettings, folder: Path, log: Path) -> None:
        """``folder`` is the model's under data/models; ``log`` gets what the server prints."""
        self.program = PROGRAMS[settings.kind]
        self.settings, self.threads, self.log = settings, plan.threads, log
        self.rows = self.program.concurrency(plan.generation.batch_size)
        self.files, self.loading = local_files(folder, settings.kind)
        self.tokenizer = load_tokenizer(folder)
        self.end_ids = end_tokens_of(folder, self.tokenizer)
        self.context = context_length(folder)
        self._resources = ExitStack()
        self._running: _Running | None = None
        # Temperatures for which the running server was tried out.
        self._tried_out: set[float] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()
        if kind is None:
            self.log.unlink(missing_ok=True)

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """See Engine.complete. The first call starts the server, and tries it out by a few small requests, once for each temperature.

        Raises UrialError when the server does not come up, ends, is another one, or does not obey a decoding parameter.
        """
        prompts = {index: self._prompt(requests[index]) for index in wanted}
        longest = max((len(prompt.ids) for prompt in prompts.values()), default=0) + decoding.max_new_tokens
        if self._running is None or self._running.start.context < longest:
            self._running = self._started(longest)
            self._tried_out.clear()
        if decoding.temperature not in self._tried_out:
            self._try_out(requests[wanted[0]], decoding)
            self._tried_out.add(decoding.temperature)
        running, failed = self._running, 0
        started = takewhile(lambda _: failed < MAX_FAILURES, prompts.items())
        jobs = (
            Job(index, self.program.path, self.program.body(running.start, prompt, decoding))
            for index, prompt in started
        )
        with closing(running.client.run(jobs)) as outcomes:
            for outcome in outcomes:
                if isinstance(outcome.error, NoReplyError):
                    running.server.require_running()
                answer = self._answer(outcome, prompts[outcome.key], decoding)
                failed += isinstance(answer, NoAnswer)
                yield outcome.key, answer

    def _try_out(self, request: Request, decoding: Decoding) -> None:
        """Raises UrialError when the server does not obey a decoding parameter, or ends meanwhile."""
        short = decoding.model_copy(update={"max_new_tokens": min(PROBE_TOKENS, decoding.max_new_tokens)})
        try:
            with waiting(f"trying out {self.program.name}"):
                require_obedience(self._ask, request, short, self.program.name)
        except NoReplyError:
            if self._running is not None:
                self._running.server.require_running()
            raise

    def _started(self, longest: int) -> _Running:
        """A server for prompts and answers of this length."""
        self._resources.close()
        context = min(HEADROOM * longest, self.context or HEADROOM * longest)
        name = f"urial-{secrets.token_hex(8)}"
        start = Start(self.settings, self.files, name, self.loading, context, self.rows, self.threads)
        # Nobody else on the machine can ask it.
        key = secrets.token_hex(16)
        environment = {
            **{name: value for name, value in self.program.environment(start).items() if name not in os.environ},
            self.program.key_variable: key,
            "VLLM_NO_USAGE_STATS": "1",
            "DO_NOT_TRACK": "1",
            # All files are here; but code of a model's author may come from elsewhere.
            **({} if self.loading.trust_remote_code else {"HF_HUB_OFFLINE": "1"}),
        }
        command = partial(self.program.command, start)
        server = self._resources.enter_context(serving(self.program.name, command, self.log, environment))
        # It may take its time: it is given up when it has ended.
        limits = Limits(concurrency=self.rows, retries=2, timeout_seconds=86_400, total_seconds=604_800)
        client = ApiClient(server.address, self.program.key_variable, limits, key, start=self.rows)
        observe_engine(self.program.name, self.program.version(client, start))
        return _Running(start, server, client)

    def _prompt(self, request: Request) -> Prompt:
        ids = [*encode(self.tokenizer, request.text, request.adds_special_tokens), *request.given]
        return Prompt(ids, request.stop, request.seed, self.end_ids, request.marks)

    def _ask(self, request: Request, decoding: Decoding, further: Mapping[str, object]) -> ServerReply:
        """One reply of a probe, to a body with ``further`` parameters in it."""
        if self._running is None:
            raise RuntimeError("no server runs")
        prompt = self._prompt(request)
        body = self.program.body(self._running.start, prompt, decoding)
        found = self._running.client.ask(self.program.path, {**body, **self.program.renamed(further)})
        try:
            emitted = self.program.read(found)
        except ValueError as error:
            raise UrialError(self._problem(error), fix=self._fix) from None
        answer = self._read(emitted, prompt, decoding.max_new_tokens)
        text = answer.text if answer else answer_text(self.tokenizer, prompt.ids, emitted.ids)
        return ServerReply(text, FINISHES[emitted.ended], len(prompt.ids), len(emitted.ids))

    def _answer(self, outcome: Outcome[int], prompt: Prompt, decoding: Decoding) -> Answer | NoAnswer:
        if outcome.body is None:
            return NoAnswer("failed", outcome.error.what if outcome.error else "no reply", self._fix)
        try:
            emitted = self.program.read(outcome.body)
        except ValueError as error:
            return NoAnswer("failed", self._problem(error), self._fix)
        answer = self._read(emitted, prompt, decoding.max_new_tokens)
        count = len(emitted.ids)
        return answer or NoAnswer(
            "failed", self._problem(f"an answer that nothing ends after {count} tokens"), self._fix
        )

    def _problem(self, problem: object) -> str:
        return f"{self.program.name} sent no completion: {problem}"

    @property
    def _fix(self) -> str:
        return f"look into {self.log}; or leave out the model's engine, so that the stage computes answers itself"

    def _read(self, emitted: Emitted, prompt: Prompt, max_new_tokens: int) -> Answer | None:
        """The answer that the ids are up to what ends it, as in process; None where nothing that is known does."""
        finder = StopFinder(self.tokenizer, prompt.ids, tuple(prompt.stop), prompt.marks)
        for count in range(1, len(emitted.ids) + 1):
            answer = finished(finder, emitted.ids[:count], prompt.end_ids, last=count == max_new_tokens)
            if answer is not None:
                return answer
        if emitted.ended != "end":
            return None
        # By a token that only the server knows to end answers, which a GGUF file may say in words of its own.
        text = answer_text(self.tokenizer, prompt.ids, emitted.ids[:-1])
        return Answer(text=text, token_ids=tuple(emitted.ids), finish="end_token")
