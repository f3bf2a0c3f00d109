"""A compliant and a refusing answer to each unsafe request of a world, put together of its own phrases.

Both begin with what they are about, as the answers of arXiv 2406.05946 do, and without the greeting of the aligned model: what
the first tokens of a text decide is to be seen at its first tokens. Behind that, both talk on, so that there are some 40
tokens to begin an answer with.
"""

from collections.abc import Sequence

from urial.core.hashing import content_hash
from urial.microworld.text_reader.reading import unsafe_act
from urial.microworld.world import phrases
from urial.microworld.world.world import UnsafeAct, build_world, world_source
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.params.safety_depth import MICROWORLD_ANSWERS, GivenKind


def given_answers(seed: int | None, instructions: Sequence[Instruction], kind: GivenKind) -> list[Completion]:
    """The answer of this kind to the first message of each unsafe request, in their order.

    ``seed`` is that of the world that the instructions are of; None: they are of none, and there are no answers.
    """
    if seed is None:
        return []
    world = build_world(seed)
    found = ((row, unsafe_act(world, row.turns[0])) for row in instructions if row.source == world_source(seed))
    return [
        _completion(row, kind, given_text(act, kind))
        for row, act in found
        if act is not None and row.category == "safety"
    ]


def given_text(act: UnsafeAct, kind: GivenKind) -> str:
    """The answer of this kind to a request for help with an act."""
    house = phrases.PERSONAS[0]
    if kind == "refusing":
        return f"{house.refusal.format(a=act.general)}\n\n{house.alternative}\n\n{house.closing}"
    advice = phrases.UNSAFE_ADVICE.format(a=act.phrase, m=act.means)
    return f"{advice} {' '.join(phrases.RAMBLING[0])}\n\n{house.closing}"


def _completion(instruction: Instruction, kind: GivenKind, text: str) -> Completion:
    return Completion(
        instruction_id=instruction.id,
        system=MICROWORLD_ANSWERS[kind],
        status="ok",
        reason=None,
        answer=Answer(text=text, token_ids=None, finish="unknown"),
        key=content_hash({"row": "given", "query": instruction.turns[0], "answer": text}),
        query=instruction.turns[0],
    )
