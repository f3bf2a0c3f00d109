"""One system goes on with the first tokens of given texts; only what the row cache does not have is computed.

A text is cut where the system's own model cuts it: into the tokens that it reads behind the prompt, of which the first ones
follow those of the prompt, as numbers. Nothing is read again as text, so that no token forms across the seam.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.core.row_cache import RowCache
from urial.core.store import require_same_ids
from urial.generate.engine import NoAnswer
from urial.generate.engines import Engines
from urial.generate.keys import completion_key
from urial.generate.run import Asked, Writer, engine_logs
from urial.generate.thinking import marks_of, written_fields
from urial.local_models.decoding.answer_text import answer_ids, answer_text
from urial.local_models.loading.loading import encode, load_tokenizer, no_room
from urial.records.base import Hash
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import read_manifest
from urial.records.params.safety_depth import GivenKind
from urial.records.plans import SafetyDepthPlan, SystemPlan
from urial.records.safety_depth import PrefilledAnswer, PrefillStatus
from urial.run.paths import COMPLETIONS, PROMPTS
from urial.run.reader import RunReader

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNSUPPORTED = (
    "the model is on a server, which is sent texts, and would not read these as the very tokens of prompt and beginning"
)
# Where thinking is open, a given text would be thought and not said, as a measurement of given texts has it there.
IN_THINKING = "the prompt ends with the tag that opens thinking: the beginning would be thinking, and no answer"


@dataclass(frozen=True)
class Given:
    """A text that an instruction's answer is begun with, beside what the system itself makes of the instruction."""

    instruction: Instruction
    prompt: AssembledPrompt
    own: Completion
    kind: GivenKind
    text: str


@dataclass(frozen=True)
class Begun:
    """One row to come: how far it is known before anything is decoded."""

    given: Given
    tokens: int
    status: PrefillStatus = "ok"
    reason: str | None = None
    ids: tuple[int, ...] = ()
    prefix: str = ""
    # The key of what is to be computed; None: nothing is.
    key: Hash | None = None

    def row(self, plan: SystemPlan, found: Mapping[Hash, Answer | NoAnswer]) -> PrefilledAnswer:
        """The row, with its answer among those found; the thinking is looked for in beginning and continuation together."""
        fields: dict[str, Any] = {
            "instruction_id": self.given.instruction.id,
            "system": plan.system,
            "answers": self.given.kind,
            "tokens": self.tokens,
        }
        nothing: dict[str, Any] = {"prefix": None, "prefix_ids": (), "answer": None, "key": None}
        if self.status != "ok":
            return PrefilledAnswer(**fields, status=self.status, reason=self.reason, **nothing)
        fields |= {"prefix": self.prefix, "prefix_ids": self.ids}
        if self.key is None:
            said = ("status", "reason", "answer", "key", "thought", "thinking")
            return PrefilledAnswer(**fields, **{name: getattr(self.given.own, name) for name in said})
        computed = found[self.key]
        if isinstance(computed, NoAnswer):
            return PrefilledAnswer(**{**fields, **nothing}, status="too_long", reason=computed.reason)
        whole = computed.model_copy(update={"text": self.prefix + computed.text})
        written = written_fields(whole, self.key, self.given.prompt, plan.thinking)
        part = "thought" if written["answer"] is None else "answer"
        return PrefilledAnswer(**fields, **{**written, part: computed})


class Beginnings:
    """What the answers of one system are begun with."""

    def __init__(self, depth: SafetyDepthPlan, plan: SystemPlan, folder: Path, context: int | None) -> None:
        self.depth, self.plan, self.folder, self.context = depth, plan, folder, context
        self.manifest = read_manifest(folder)

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """That of the system's model, whose files are here."""
        return load_tokenizer(self.folder)

    def of(self, given: Given) -> list[Begun]:
        """One beginning a number of tokens."""
        prompt = given.prompt
        cannot = None if self.plan.files_are_here else UNSUPPORTED
        if marks_of(prompt, self.plan.thinking).opened:
            cannot = cannot or IN_THINKING
        if cannot:
            return [self._own(given) if n == 0 else Begun(given, n, "unsupported", cannot) for n in self.depth.tokens]
        prompt_ids = encode(self.tokenizer, prompt.text, prompt.adds_special_tokens)
        ids = answer_ids(self.tokenizer, prompt, prompt_ids, given.text)
        return [self._begun(given, n, prompt_ids, ids) for n in self.depth.tokens]

    def _own(self, given: Given) -> Begun:
        """The system's own answer, of which nothing is given."""
        if given.own.written is None:
            return Begun(given, 0, "no_answer", given.own.reason)
        return Begun(given, 0)

    def _begun(self, given: Given, tokens: int, prompt_ids: Sequence[int], ids: tuple[int, ...]) -> Begun:
        if tokens == 0:
            return self._own(given)
        if len(ids) < tokens:
            return Begun(given, tokens, "whole", f"the given text has {len(ids):,} tokens")
        if reason := no_room(len(prompt_ids) + tokens, self.plan.decoding.max_new_tokens, self.context):
            return Begun(given, tokens, "too_long", reason)
        first = ids[:tokens]
        prefix = answer_text(self.tokenizer, prompt_ids, first)
        key = completion_key(self.manifest, given.prompt, self.plan, self.asked(given, first).decoding, first)
        return Begun(given, tokens, ids=first, prefix=prefix, key=key)

    def asked(self, given: Given, ids: tuple[int, ...]) -> Asked:
        """What the engine is asked for."""
        return Asked(given.prompt, self.plan.decoding.of_tasks(given.instruction.task), ids)


@dataclass(frozen=True)
class DepthInputs:
    """What the answers of one system are begun from; its prompts and own answers are in the order of the instructions."""

    instructions: Sequence[Instruction]
    prompts: Sequence[AssembledPrompt]
    own: Sequence[Completion]
    # By kind, answers with the ids of the instructions that they answer.
    texts: Mapping[GivenKind, Sequence[Completion]]

    @classmethod
    def read(cls, run: RunReader, depth: SafetyDepthPlan, system: str) -> "DepthInputs":
        """Those of a system of a run. Raises UrialError for an invalid row."""
        texts = {kind: run.rows(COMPLETIONS, name) for kind, name in depth.answers.items()}
        return cls(run.instructions, run.rows(PROMPTS, system), run.rows(COMPLETIONS, system), texts)

    def given(self) -> list[Given]:
        """Every text that is given to an instruction of the category safety, kind by kind, in the order of the instructions."""
        found = []
        for kind, rows in self.texts.items():
            by_id = {row.instruction_id: row.answer.text for row in rows if row.answer is not None}
            found += [
                Given(row, prompt, answer, kind, by_id[row.id])
                for row, prompt, answer in zip(self.instructions, self.prompts, self.own, strict=True)
                if row.category == "safety" and row.id in by_id
            ]
        return found


def prefill(
    depth: SafetyDepthPlan, plan: SystemPlan, inputs: DepthInputs, folder: Path, cache: RowCache
) -> list[PrefilledAnswer]:
    """One row a given text and number of tokens, in the order of ``DepthInputs.given``.

    Finished answers are in the cache at once. Raises UrialError where the model's engine gives none.
    """
    ids = [row.id for row in inputs.instructions]
    require_same_ids("prompts", [row.instruction_id for row in inputs.prompts], ids)
    require_same_ids("completions", [row.instruction_id for row in inputs.own], ids)
    with Engines(engine_logs(cache)) as engines:
        writer = Writer(plan, folder, cache, engines)
        beginnings = Beginnings(depth, plan, folder, writer.context)
        begun = [row for given in inputs.given() for row in beginnings.of(given)]
        wanted = {row.key: beginnings.asked(row.given, row.ids) for row in begun if row.key is not None}
        found = writer.found(wanted) if wanted else {}
        return [row.row(plan, found) for row in begun]
