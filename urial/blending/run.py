"""Answers every instruction with two or three models together, computing only what the row cache does not have."""

import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from urial.blending.engine import BlendedEngine, BlendRequest
from urial.blending.keys import BlendedModels, PromptPair, blended_key
from urial.blending.room import Contexts, pair_too_long, require_recorded
from urial.core.hashing import content_hash
from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.core.store import write_json
from urial.core.text import counted
from urial.generate.engine import NoAnswer, Request
from urial.generate.thinking import stop_marks
from urial.generate.turns import Outcome, completions_of
from urial.local_models.loading.loading import context_length, gguf_hashes, gguf_of_hub
from urial.prompts.versions.assembly import Assembler, assemble
from urial.records.base import Hash, Role
from urial.records.blend import PlannedRule
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import MANIFEST, HubWeights, ModelManifest, PlannedHub, PlannedLocal, read_manifest
from urial.records.params.file import Decoding
from urial.records.plans import BlendPlan, SystemPlan


@dataclass(frozen=True)
class BlendFolders:
    """Where the manifests of a blend's models lie."""

    base: Path
    helper: Path
    # None: the rule names none.
    untuned: Path | None


@contextmanager
def blend_folders(blend: BlendPlan, folders: Mapping[Role, Path]) -> Iterator[BlendFolders]:
    """The models of a blend; ``folders`` are those of the study's. A model that only the blend names has one for the while."""
    with tempfile.TemporaryDirectory(prefix="urial-blend-") as name:
        helper = _folder(blend.helper.model, "aligned", Path(name, "helper")) if blend.helper.model else None
        untuned = _folder(blend.untuned, "base", Path(name, "untuned")) if blend.untuned else None
        yield BlendFolders(folders["base"], helper or folders["aligned"], untuned)


def _folder(model: PlannedLocal, role: Role, folder: Path) -> Path:
    # Loading a folder or a file checks that it is still the planned one; a commit fixes those of a hub model.
    source = model
    if isinstance(model, PlannedHub):
        files = gguf_hashes(gguf_of_hub(model)) if model.gguf_file else {}
        source = HubWeights(**dict(model), files=files)
    write_json(folder / MANIFEST, ModelManifest.model_validate({"role": role, "source": source}))
    return folder


def blended_prompts(plan: SystemPlan, instructions: Sequence[Instruction], folders: BlendFolders) -> list[PromptPair]:
    """What both models are asked of each instruction's first turn, in their order. Raises UrialError as ``assemble``."""
    base = assemble(plan, instructions, folders.base)
    return list(map(PromptPair, base, assemble(plan.of_helper, instructions, folders.helper)))


def blend(
    plan: SystemPlan,
    instructions: Sequence[Instruction],
    prompts: Sequence[PromptPair],
    folders: BlendFolders,
    cache: RowCache,
    *,
    rule: PlannedRule,
) -> list[Completion]:
    """One completion an instruction, in their order; ``prompts`` are those of the first turns.

    A later turn shows both models the blend's own earlier answers. Finished answers are in the cache at once.
    """
    return completions_of(_Blender(plan, rule, folders, cache), plan.system, instructions, prompts)


def turn_keys(
    plan: SystemPlan,
    rule: PlannedRule,
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
    folders: BlendFolders,
) -> list[list[Hash | None]]:
    """The key of each turn's answer, by what the turns before say; None: there is no prompt, or it is too long."""
    with tempfile.TemporaryDirectory(prefix="urial-keys-") as scratch, RowCache(Path(scratch)) as cache:
        blender = _Blender(plan, rule, folders, cache)
        return [
            [
                blender.keys([blender.prompt(asked, said)], [asked])[0] if len(said) == number else None
                for number, said in enumerate(_said_before(row))
            ]
            for asked, row in zip(instructions, completions, strict=True)
        ]


def _said_before(row: Completion) -> Iterator[list[str]]:
    """The answers before each turn; fewer than the turns where one has none."""
    said: list[str] = []
    for turn in (row, *row.later_turns):
        yield list(said)
        said += [turn.split()[1]] if turn.answer else []


class _Blender:
    """Gets answers from the row cache, or from the models, which are loaded for the rest."""

    def __init__(self, plan: SystemPlan, rule: PlannedRule, folders: BlendFolders, cache: RowCache) -> None:
        if plan.blend is None:
            raise TypeError(f"{plan.system} is no blend")
        self.plan, self.rule, self.folders, self.cache = plan, rule, folders, cache
        self.models = BlendedModels.of(
            plan.blend, {"base": read_manifest(folders.base), "aligned": read_manifest(folders.helper)}
        )
        untuned = context_length(folders.untuned) if folders.untuned else None
        self.contexts = Contexts(context_length(folders.base), context_length(folders.helper), untuned)
        self.engine: BlendedEngine | None = None
        self.assemblers: tuple[Assembler, Assembler] | None = None

    def prompt(self, instruction: Instruction, answers: Sequence[str]) -> PromptPair:
        """Of a later turn. Raises UrialError when either has no room, unless the plan records such rows."""
        if self.assemblers is None:
            self.assemblers = (
                Assembler(self.plan, self.folders.base),
                Assembler(self.plan.of_helper, self.folders.helper),
            )
        base, helper = (assembler.prompt(instruction, answers) for assembler in self.assemblers)
        for assembler, prompt in zip(self.assemblers, (base, helper), strict=True):
            assembler.require_room(prompt, len(answers) + 1)
        return PromptPair(base, helper)

    def recorded(self, prompt: PromptPair) -> AssembledPrompt:
        """The base's: the helper's follows from the plan and the answers."""
        return prompt.base

    def outcomes(self, prompts: Sequence[PromptPair], instructions: Sequence[Instruction]) -> list[Outcome]:
        """What becomes of each prompt, in their order, which is that of their instructions.

        Raises UrialError where a model has no room, unless the plan records such rows.
        """
        keys, decodings = self.keys(prompts, instructions), self._decodings(instructions)
        reasons = [pair_too_long(pair, self.contexts, self.plan) for pair in prompts]
        named = {row.id: reason for row, reason in zip(instructions, reasons, strict=True) if reason}
        require_recorded(self.plan, named)
        keyed = {key: (pair, both) for key, pair, both in zip(keys, prompts, decodings, strict=True) if key}
        found = self._found(keyed)
        return [
            Outcome("too_long", reason=reason) if key is None else self._outcome(key, found[key], pair)
            for pair, key, reason in zip(prompts, keys, reasons, strict=True)
        ]

    def _outcome(self, key: Hash, found: Answer | NoAnswer, pair: PromptPair) -> Outcome:
        if isinstance(found, NoAnswer):
            return Outcome("too_long", reason=found.reason)
        return Outcome.written(found, key, pair.base, self.plan.thinking)

    def keys(self, prompts: Sequence[PromptPair], instructions: Sequence[Instruction]) -> list[Hash | None]:
        """The key of each prompt's answer; None: the prompt is too long for one."""
        return [
            blended_key(self.models, self.rule, pair, *decodings, thinking=self.plan.thinking)
            if pair_too_long(pair, self.contexts, self.plan) is None
            else None
            for pair, decodings in zip(prompts, self._decodings(instructions), strict=True)
        ]

    def _decodings(self, instructions: Sequence[Instruction]) -> list[tuple[Decoding, Decoding]]:
        return [decodings_of(self.plan, row) for row in instructions]

    def _found(
        self, keyed: Mapping[Hash, tuple[PromptPair, tuple[Decoding, Decoding]]]
    ) -> dict[Hash, Answer | NoAnswer]:
        """The answer of every key, from the cache, or computed now and kept there; or that the helper has no room for it."""
        keys = list(keyed)
        found: dict[Hash, Answer | NoAnswer] = {**self.cache.get(keys, Answer)}
        wanted = [index for index, key in enumerate(keys) if key not in found]
        known = counted(len(found), "answer")
        print(f"{self.plan.system}: {known} from the row cache, {len(wanted)} to compute", flush=True)
        if not wanted:
            return found
        requests = [_request(key, pair, self.plan) for key, (pair, _) in keyed.items()]
        with closing(self._computed(requests, wanted, [both for _, both in keyed.values()])) as finished:
            for index, answer in progress(finished, len(wanted), self.plan.system):
                found[keys[index]] = answer
                if isinstance(answer, Answer):
                    self.cache.put(keys[index], answer)
        missing = {
            keyed[key][0].base.instruction_id: row.reason for key, row in found.items() if isinstance(row, NoAnswer)
        }
        require_recorded(self.plan, missing)
        return found

    def _computed(
        self, requests: Sequence[BlendRequest], wanted: Sequence[int], decodings: Sequence[tuple[Decoding, Decoding]]
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """Answers as they are finished, one pair of temperatures after the other."""
        alike: dict[tuple[float, float], list[int]] = {}
        for index in wanted:
            base, helper = decodings[index]
            alike.setdefault((base.temperature, helper.temperature), []).append(index)
        if self.engine is None:
            self.engine = BlendedEngine(
                self.folders.base,
                self.folders.helper,
                self.rule,
                self.plan.threads,
                self.plan.generation.batch_size,
                untuned=self.folders.untuned,
            )
        for indices in alike.values():
            yield from self.engine.complete(requests, indices, *decodings[indices[0]])


def decodings_of(plan: SystemPlan, instruction: Instruction) -> tuple[Decoding, Decoding]:
    """The base's decoding of an instruction's answers, and the helper's."""
    return plan.decoding.of_tasks(instruction.task), plan.of_helper.decoding.of_tasks(instruction.task)


def _request(key: Hash, pair: PromptPair, plan: SystemPlan) -> BlendRequest:
    # The key already holds the seed; with its digits, every row draws its own numbers.
    row_seed = int(content_hash([plan.decoding.seed, key])[-12:], 16)
    base, helper = (
        Request(
            prompt.text,
            prompt.adds_special_tokens,
            prompt.stop,
            row_seed,
            prompt.form,
            marks=stop_marks(prompt, plan.thinking),
        )
        for prompt in (pair.base, pair.helper)
    )
    return BlendRequest(base, helper)
