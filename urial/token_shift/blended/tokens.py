"""The answers of a blend as tokens, words and labels, read as the token shift reads answers, with what the helper supplied."""

from collections.abc import Sequence
from pathlib import Path

from urial.local_models.loading.loading import load_tokenizer, text_config
from urial.records.blended_tokens import BlendedAnswer, BlendedTokens
from urial.records.completion import AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.params.token_shift import TokenShiftParams
from urial.records.plans import SystemPlan, TokenShiftPlan
from urial.records.token_shift import ShiftMeasurement
from urial.token_shift.measure.answers import AnswerReader
from urial.token_shift.measure.inputs import ShiftInputs

# What a first and a later turn have in common.
_OF_ATTEMPT = Completion.model_fields.keys() & LaterTurn.model_fields.keys()


def blended_tokens(
    plan: SystemPlan,
    instructions: Sequence[Instruction],
    prompts: Sequence[AssembledPrompt],
    completions: Sequence[Completion],
    base: Path,
) -> list[BlendedTokens]:
    """A row an instruction, in their order; ``base`` is the folder of the model whose tokens the answers are.

    Raises UrialError where an answer's tokens are not its text.
    """
    turns = [_turn(plan, instructions, prompts, completions, base)]
    for number in range(max((len(row.later_turns) for row in completions), default=0)):
        asked, later, indices = [], [], []
        for index, row in enumerate(completions):
            turn = row.later_turns[number] if number < len(row.later_turns) else None
            if turn is not None and turn.prompt is not None:
                indices.append(index)
                asked.append(turn.prompt)
                later.append(
                    Completion(
                        instruction_id=row.instruction_id,
                        system=row.system,
                        **{field: getattr(turn, field) for field in _OF_ATTEMPT},
                    )
                )
        read = _turn(plan, [instructions[index] for index in indices], asked, later, base)
        turns.append(dict.fromkeys(range(len(completions))) | dict(zip(indices, read.values(), strict=True)))
    return [
        BlendedTokens(
            instruction_id=row.instruction_id,
            system=row.system,
            turns=tuple(turns[number][index] for number in range(1 + len(row.later_turns))),
        )
        for index, row in enumerate(completions)
    ]


def _turn(
    plan: SystemPlan,
    instructions: Sequence[Instruction],
    prompts: Sequence[AssembledPrompt],
    completions: Sequence[Completion],
    base: Path,
) -> dict[int, BlendedAnswer | None]:
    """The answers of one turn, by their place among ``completions``; None where there is none."""
    if not any(row.answer for row in completions):
        return dict.fromkeys(range(len(completions)))
    own = plan.system
    measurement = ShiftMeasurement(name=own, answers=own, base_system=own, aligned_system=own)
    known, own_end = int(text_config(base).vocab_size), load_tokenizer(base).eos_token_id
    readable = [_with_own_end(row, known, own_end) for row in completions]
    inputs = ShiftInputs(instructions, readable, prompts, prompts, measurement)
    # Read with the tokenizer of the base alone, in the place of the model that wrote the answers; nothing is measured.
    reader = AnswerReader(_plan(plan), inputs, {"base": base, "aligned": base}, base=False)
    return {index: _answer(reader, index, row) for index, row in enumerate(completions)}


def _with_own_end(row: Completion, known: int, own_end: int | None) -> Completion:
    """The row as the base, which has so many ``known`` tokens, can read it: an end token that only the helper has is its own."""
    ids = row.answer.token_ids if row.answer else None
    if row.answer is None or not ids or ids[-1] < known or own_end is None or row.answer.finish != "end_token":
        return row
    return row.model_copy(update={"answer": row.answer.model_copy(update={"token_ids": (*ids[:-1], own_end)})})


def _plan(plan: SystemPlan) -> TokenShiftPlan:
    nothing = TokenShiftParams(answer_system=plan.system, base_systems=(), top_k=1, memory_mib=1)
    seed = plan.blend.microworld_seed if plan.blend else None
    return TokenShiftPlan(token_shift=nothing, microworld_seed=seed, threads=plan.threads, server=None)


def _answer(reader: AnswerReader, index: int, row: Completion) -> BlendedAnswer | None:
    answer = row.answer
    if answer is None or answer.token_ids is None or answer.interventions is None:
        return None
    columns = reader.rows(index, range(len(answer.token_ids)))
    kinds = columns["kind"]
    return BlendedAnswer(
        tokens=tuple(columns["token"]),
        words=tuple(columns["word_index"]),
        labels=tuple(columns["label"]),
        kinds=None if None in kinds else tuple(kinds),
        interventions=answer.interventions,
    )
