"""The answers of a blend as tokens: every turn is read as the row has it, thinking included."""

from typing import Any

import pytest

from tests.prompts.test_assembly import make_plan
from tests.tiny_models import tiny_folder, tiny_tokenizer
from tests.token_shift.contexts import HASH, encoded, make_prompt
from urial.core.thinking import ThinkingSpan
from urial.generate.thinking import written_fields
from urial.records.blend import Interventions
from urial.records.blended_tokens import BlendedAnswer
from urial.records.completion import Answer, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.token_shift.blended.tokens import blended_tokens

THOUGHT = "<think>The capital is Karmost."
ANSWER = f"{THOUGHT}</think>It is Karmost."
PROMPT = make_prompt(0, "mixed", "Q", adds=True)


def written(text: str) -> Answer:
    ids = (*encoded(text), 2)
    return Answer(
        text=text, token_ids=ids, finish="end_token", interventions=Interventions(starts=(), supplied=(), changed=())
    )


def read(*texts: str) -> tuple[BlendedAnswer | None, ...]:
    return read_answers(*map(written, texts))


def read_answers(*answers: Answer) -> tuple[BlendedAnswer | None, ...]:
    rows = [written_fields(answer, HASH) for answer in answers]
    turns = tuple(LaterTurn(prompt=PROMPT, **fields) for fields in rows[1:])
    completion = Completion(instruction_id="q0", system="mixed", later_turns=turns, **rows[0])
    asked = Instruction(id="q0", turns=("Q",) * len(rows), category="regular", source="test")
    (row,) = blended_tokens(make_plan(system="mixed"), [asked], [PROMPT], [completion], tiny_folder("llama"))
    return row.turns


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_turn_that_is_only_thinking_has_no_tokens_and_the_others_do(place: int) -> None:
    texts = ["It is Karmost."] * 3
    texts[place] = THOUGHT
    found = read(*texts)
    assert [turn is None for turn in found] == [number == place for number in range(3)]


def test_an_answer_that_the_helper_ended_at_once_has_no_tokens() -> None:
    ended = Interventions(starts=(0,), supplied=(), changed=())
    (found,) = read_answers(Answer(text="", token_ids=(), finish="end_token", interventions=ended))
    assert found is not None
    assert (found.tokens, found.words, found.labels, found.interventions) == ((), (), (), ended)


def test_thinking_is_read_alike_in_every_turn() -> None:
    first, later = read(ANSWER, ANSWER)
    assert first is not None
    assert first == later
    # By other tags than those that are known, the row alone says where the thinking is.
    text = f"[T]{ANSWER[7:30]}[/T]It is Karmost."
    span = ThinkingSpan(3, text.index("[/T]"), text.index("It"))
    attempt: dict[str, Any] = {"status": "ok", "reason": None, "answer": written(text), "key": HASH, "thinking": span}
    turn = LaterTurn(prompt=PROMPT, **attempt)
    completion = Completion(instruction_id="q0", system="mixed", later_turns=(turn,), **attempt)
    asked = Instruction(id="q0", turns=("Q", "Q"), category="regular", source="test")
    (row,) = blended_tokens(make_plan(system="mixed"), [asked], [PROMPT], [completion], tiny_folder("llama"))
    assert row.turns[0] == row.turns[1]


def test_an_end_token_that_the_base_does_not_have_is_read_as_its_own() -> None:
    answer = written("It is Karmost.")
    ids = answer.token_ids or ()
    own, foreign = (
        read_answers(answer.model_copy(update={"token_ids": (*ids[:-1], end)}))
        for end in (2, 10 * len(tiny_tokenizer()))
    )
    assert own == foreign
