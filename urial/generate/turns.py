"""Turn by turn: what becomes of every instruction of a system, whoever writes its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

from urial.core.row_cache import RowCache
from urial.core.thinking import ThinkingSpan
from urial.generate.thinking import written_fields
from urial.records.base import Hash, Name
from urial.records.completion import Answer, AssembledPrompt, Completion, CompletionStatus, LaterTurn
from urial.records.instruction import Instruction
from urial.records.params.models import Thinking
from urial.records.plans import SystemPlan

# A prompt, or those of all models that answer together.
Asked = TypeVar("Asked")


@dataclass(frozen=True)
class Outcome:
    """What became of one prompt."""

    status: CompletionStatus
    reason: str | None = None
    answer: Answer | None = None
    key: Hash | None = None
    thought: Answer | None = None
    thinking: ThinkingSpan | None = None

    @classmethod
    def written(cls, answer: Answer, key: Hash, prompt: AssembledPrompt, thinking: Thinking | None) -> "Outcome":
        """Of what was written behind a prompt: an answer, or thinking that nothing follows."""
        return cls(**written_fields(answer, key, prompt, thinking))

    def fields(self) -> dict[str, Any]:
        """As a completion has them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def said(self) -> str | None:
        """The answer without its thinking, as most chat templates have it in a history; None: there is none."""
        if self.answer is None:
            return None
        return self.answer.text if self.thinking is None else self.thinking.split(self.answer.text)[1]


class Writer(Protocol[Asked]):
    """What answers the prompts of one system."""

    plan: SystemPlan

    def prompt(self, instruction: Instruction, answers: Sequence[str]) -> Asked:
        """The prompt of a later turn, behind these answers. Raises UrialError when it has no room that it must have."""
        ...

    def outcomes(self, prompts: Sequence[Asked], instructions: Sequence[Instruction]) -> list[Outcome]:
        """What becomes of each prompt, in their order, which is that of their instructions."""
        ...

    def keys(self, prompts: Sequence[Asked], instructions: Sequence[Instruction]) -> list[Hash | None]:
        """The key of each prompt's answer; None: the prompt is too long for one."""
        ...

    def recorded(self, prompt: Asked) -> AssembledPrompt:
        """The prompt as the row of a later turn has it."""
        ...


def completions_of(
    writer: Writer[Asked], system: Name, instructions: Sequence[Instruction], prompts: Sequence[Asked]
) -> list[Completion]:
    """One completion an instruction, in their order; ``prompts`` are those of the first turns.

    A later turn sees the system's own earlier answers, without their thinking.
    """
    first = writer.outcomes(prompts, instructions)
    later = _later_turns(writer, instructions, first)
    return [
        Completion(instruction_id=row.id, system=system, later_turns=tuple(turns), **outcome.fields())
        for row, outcome, turns in zip(instructions, first, later, strict=True)
    ]


def lacking_of(
    writer: Writer[Asked], instructions: Sequence[Instruction], prompts: Sequence[Asked], cache: RowCache
) -> int:
    """The number of answers that would be computed: those that the cache lacks, and all turns after such a one."""
    count, ready = 0, [(row, prompt, list[str]()) for row, prompt in zip(instructions, prompts, strict=True)]
    while ready:
        keys = writer.keys([prompt for _, prompt, _ in ready], [row for row, _, _ in ready])
        found = cache.get(filter(None, keys), Answer)
        later = []
        for (row, prompt, answers), key in zip(ready, keys, strict=True):
            # A prompt that is too long has no answer, nor have the turns after it.
            if key is not None and key not in found:
                count += len(row.turns) - len(answers)
            elif key is not None and len(row.turns) > len(answers) + 1:
                outcome = Outcome.written(found[key], key, writer.recorded(prompt), writer.plan.thinking)
                if outcome.said is not None:
                    said = [*answers, outcome.said]
                    later.append((row, writer.prompt(row, said), said))
        ready = later
    return count


def _later_turns(
    writer: Writer[Asked], instructions: Sequence[Instruction], first: Sequence[Outcome]
) -> list[list[LaterTurn]]:
    """Turn by turn, so that all rows of a turn are decoded together."""
    later: list[list[LaterTurn]] = [[] for _ in instructions]
    answers = [[] if outcome.said is None else [outcome.said] for outcome in first]
    for turn in range(1, max((len(row.turns) for row in instructions), default=1)):
        asked = [number for number, row in enumerate(instructions) if len(row.turns) > turn]
        ready = [number for number in asked if len(answers[number]) == turn]
        prompts = [writer.prompt(instructions[number], answers[number]) for number in ready]
        found = writer.outcomes(prompts, [instructions[number] for number in ready])
        outcomes = {
            number: (writer.recorded(prompt), outcome)
            for number, prompt, outcome in zip(ready, prompts, found, strict=True)
        }
        for number in asked:
            prompt, outcome = outcomes.get(number, (None, Outcome("no_history", f"turn {turn} has no answer")))
            later[number].append(LaterTurn(prompt=prompt, **outcome.fields()))
            if outcome.said is not None:
                answers[number].append(outcome.said)
    return later
