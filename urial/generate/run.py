"""Answers every instruction with one system, computing only what the row cache does not have."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.core.store import require_same_ids
from urial.core.text import counted
from urial.generate.engine import NoAnswer, Request
from urial.generate.engines import Engines
from urial.generate.keys import completion_key
from urial.generate.thinking import stop_marks
from urial.generate.turns import Outcome, completions_of, lacking_of
from urial.local_models.loading.loading import context_length
from urial.prompts.versions.assembly import NO_ROOM_FIX, Assembler, too_long
from urial.records.base import Hash
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import read_manifest
from urial.records.params.file import Decoding
from urial.records.plans import SystemPlan

# Why a row has no answer, the worst first.
SERIOUS = ("refused", "failed", "too_long", "filtered")
REFUSED_FIX = "correct what the server names, or use another server; finished answers are in the row cache"
FILTERED_FIX = "leave these instructions out, or use a server without a filter; all other answers are in the row cache"


@dataclass(frozen=True)
class Asked:
    """A prompt, how its answer is decoded, and the tokens that it is begun with."""

    prompt: AssembledPrompt
    decoding: Decoding
    given: tuple[int, ...] = ()


def generate(
    plan: SystemPlan,
    instructions: Sequence[Instruction],
    prompts: Sequence[AssembledPrompt],
    model_folder: Path,
    cache: RowCache,
    *,
    engines: Engines | None = None,
) -> list[Completion]:
    """One completion an instruction, in their order; ``prompts`` are those of the first turns.

    A later turn sees the system's own earlier answers. Finished answers are in the cache at once. ``engines`` are those that
    stay open for further systems; None: there are none.
    """
    require_same_ids("prompts", [row.instruction_id for row in prompts], [row.id for row in instructions])
    with ExitStack() as stack:
        writer = Writer(plan, model_folder, cache, engines or stack.enter_context(Engines(engine_logs(cache))))
        return completions_of(writer, plan.system, instructions, prompts)


def engine_logs(cache: RowCache) -> Path:
    """The folder for what servers print that generating starts."""
    return cache.path.parent / "engines"


def lacking(
    plan: SystemPlan,
    instructions: Sequence[Instruction],
    prompts: Sequence[AssembledPrompt],
    model_folder: Path,
    cache: RowCache,
) -> int:
    """The number of answers that ``generate`` would compute: those that the cache lacks, and all turns after such a one."""
    writer = Writer(plan, model_folder, cache, Engines(engine_logs(cache)))
    return lacking_of(writer, instructions, prompts, cache)


class Writer:
    """Gets answers from the row cache, or from a model that is loaded, or a server that is asked, for the rest."""

    def __init__(self, plan: SystemPlan, model_folder: Path, cache: RowCache, engines: Engines) -> None:
        self.plan = plan
        self.model_folder = model_folder
        self.cache = cache
        self.manifest = read_manifest(model_folder)
        self.context = context_length(model_folder) if plan.files_are_here else None
        self.engines = engines
        self.assembler: Assembler | None = None

    def prompt(self, instruction: Instruction, answers: Sequence[str]) -> AssembledPrompt:
        """The prompt of a later turn. Raises UrialError when it has no room, unless the plan records such rows."""
        self.assembler = self.assembler or Assembler(self.plan, self.model_folder)
        prompt = self.assembler.prompt(instruction, answers)
        self.assembler.require_room(prompt, len(answers) + 1)
        return prompt

    def recorded(self, prompt: AssembledPrompt) -> AssembledPrompt:
        """The prompt, which is the only one."""
        return prompt

    def outcomes(self, prompts: Sequence[AssembledPrompt], instructions: Sequence[Instruction]) -> list[Outcome]:
        """What becomes of each prompt, in their order, which is that of their instructions."""
        decodings, keys = self._decodings(instructions), self.keys(prompts, instructions)
        keyed = {
            key: Asked(prompt, decoding) for key, prompt, decoding in zip(keys, prompts, decodings, strict=True) if key
        }
        found = self.found(keyed)
        return [
            Outcome("too_long", reason=self._too_long(prompt))
            if key is None
            else self._outcome(key, found[key], prompt)
            for prompt, key in zip(prompts, keys, strict=True)
        ]

    def _outcome(self, key: Hash, found: Answer | NoAnswer, prompt: AssembledPrompt) -> Outcome:
        if isinstance(found, NoAnswer):
            return Outcome("too_long", reason=found.reason)
        return Outcome.written(found, key, prompt, self.plan.thinking)

    def keys(self, prompts: Sequence[AssembledPrompt], instructions: Sequence[Instruction]) -> list[Hash | None]:
        """The key of each prompt's answer; None: the prompt is too long for one."""
        return [
            completion_key(self.manifest, prompt, self.plan, decoding) if self._too_long(prompt) is None else None
            for prompt, decoding in zip(prompts, self._decodings(instructions), strict=True)
        ]

    def _too_long(self, prompt: AssembledPrompt) -> str | None:
        return too_long(prompt, self.context, self.plan.decoding.max_new_tokens)

    def _decodings(self, instructions: Sequence[Instruction]) -> list[Decoding]:
        return [self.plan.decoding.of_tasks(row.task) for row in instructions]

    def found(self, keyed: Mapping[Hash, Asked]) -> dict[Hash, Answer | NoAnswer]:
        """The answer of every key, from the cache, or computed now and kept there; or that its prompt is too long.

        Raises UrialError where a server gives no answer that can be used.
        """
        keys = list(keyed)
        found: dict[Hash, Answer | NoAnswer] = {**self.cache.get(keys, Answer)}
        wanted = [index for index, key in enumerate(keys) if key not in found]
        print(
            f"{self.plan.system}: {counted(len(found), 'answer')} from the row cache, {len(wanted)} to compute",
            flush=True,
        )
        if not wanted:
            return found
        requests = [_request(key, asked, self.plan) for key, asked in keyed.items()]
        decodings = [asked.decoding for asked in keyed.values()]
        missing: dict[int, NoAnswer] = {}
        with closing(self._complete(requests, wanted, decodings)) as finished:
            for index, answer in progress(finished, len(wanted), self.plan.system):
                found[keys[index]] = answer
                if isinstance(answer, Answer):
                    self.cache.put(keys[index], answer)
                elif answer.kind != "too_long" or self.plan.generation.on_context_overflow == "error":
                    # Others under way are paid for: they are kept first.
                    missing[index] = answer
        if missing:
            raise self._error({keyed[keys[index]].prompt.instruction_id: missing[index] for index in sorted(missing)})
        return found

    def _complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decodings: Sequence[Decoding]
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """As the engine does, one temperature after the other; what a server refuses before the rows names the system."""
        alike: dict[float, list[int]] = {}
        for index in wanted:
            alike.setdefault(decodings[index].temperature, []).append(index)
        try:
            for indices in alike.values():
                left = set(indices)
                engine = self.engines.of(self.plan, self.model_folder)
                for index, answer in engine.complete(requests, indices, decodings[indices[0]]):
                    left.discard(index)
                    yield index, answer
                # A server that is given up is given up for all temperatures.
                if left:
                    return
        except UrialError as error:
            if self.plan.server is None:
                raise
            raise error.about(f"system {self.plan.system!r}", REFUSED_FIX) from error

    def _error(self, missing: dict[str, NoAnswer]) -> UrialError:
        """The first of the most serious kind, by the instructions' ids, with the number of others of its kind."""
        kind = next(kind for kind in SERIOUS if any(item.kind == kind for item in missing.values()))
        alike = [(query, item) for query, item in missing.items() if item.kind == kind]
        query, first = alike[0]
        others = f" (and {len(alike) - 1} more so)" if len(alike) > 1 else ""
        fixes = {"too_long": NO_ROOM_FIX, "filtered": FILTERED_FIX}
        return UrialError(
            f"system {self.plan.system!r}, instruction {query!r}: {first.reason}{others}",
            fix=first.fix or fixes.get(kind, REFUSED_FIX),
        )


def _request(key: Hash, asked: Asked, plan: SystemPlan) -> Request:
    # The key already holds the seed; with its digits, every row draws its own numbers.
    row_seed = int(content_hash([plan.decoding.seed, key])[-12:], 16)
    prompt = asked.prompt
    return Request(
        prompt.text, prompt.adds_special_tokens, prompt.stop, row_seed, prompt.form, asked.given,
        marks=stop_marks(prompt, plan.thinking), thinks=plan.thinks,
    )  # fmt: skip
