"""Instructions of several turns: each later one sees the system's own earlier answers, to the byte."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.prompts.test_assembly import CHAT, PROMPT, make_plan
from tests.tiny_models import CONTEXT, decoding, tiny_folder, tiny_tokenizer
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.generate.run import generate, lacking
from urial.local_models.loading.loading import encode
from urial.prompts.versions.assembly import Assembler, assemble
from urial.prompts.versions.rendering import render
from urial.records.completion import Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan
from urial.records.prompt import Bm25, Example, Retrieval

RECORD = Generation(batch_size=4, on_context_overflow="record")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


def instruction(name: str, *turns: str) -> Instruction:
    return Instruction(id=name, turns=turns, category="regular", source="test")


ROWS = [
    instruction("one", "What is the capital of Ardovia?"),
    instruction("two", "What is the flag of Ardovia?", "And of Quelmark?"),
    instruction("three", "A?", "B?", "C?"),
]


def answered(plan: SystemPlan, rows: list[Instruction], cache: RowCache) -> list[Completion]:
    folder = tiny_folder("llama")
    return generate(plan, rows, assemble(plan, rows, folder), folder, cache)


def text_of(turn: Completion | LaterTurn) -> str:
    assert turn.answer is not None
    return turn.answer.text


def prompt_of(turn: LaterTurn) -> str:
    assert turn.prompt is not None
    return turn.prompt.text


def short(**changes: Any) -> SystemPlan:
    plan = make_plan(generation=RECORD, decoding=decoding(max_new_tokens=5), **changes)
    return plan.model_copy(update={"prompt": PROMPT.model_copy(update={"examples": ()})}) if plan.prompt else plan


def test_a_later_turn_sees_the_first_answer_in_the_prompts_dialect(cache: RowCache) -> None:
    plan = short()
    one, two, three = answered(plan, ROWS, cache)
    assert [len(row.later_turns) for row in (one, two, three)] == [0, 1, 2]
    assert plan.prompt is not None
    (second,) = two.later_turns
    history = [("What is the flag of Ardovia?", text_of(two))]
    assert prompt_of(second) == render(plan.prompt, "And of Quelmark?", history).text
    history = [("A?", text_of(three)), ("B?", text_of(three.later_turns[0]))]
    assert prompt_of(three.later_turns[1]) == render(plan.prompt, "C?", history).text


def test_an_aligned_model_sees_it_through_its_chat_template(cache: RowCache) -> None:
    plan = CHAT.model_copy(update={"generation": RECORD, "decoding": decoding(max_new_tokens=5)})
    (row,) = answered(plan, ROWS[1:2], cache)
    messages = [
        {"role": "user", "content": "What is the flag of Ardovia?"},
        {"role": "assistant", "content": text_of(row)},
        {"role": "user", "content": "And of Quelmark?"},
    ]
    template = tiny_tokenizer().apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert prompt_of(row.later_turns[0]) == template
    assert row.later_turns[0].prompt is not None
    assert not row.later_turns[0].prompt.adds_special_tokens


def test_a_second_run_takes_every_turn_from_the_cache(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answered(short(), ROWS, cache)
    monkeypatch.setattr(
        "urial.generate.transformers_batch.TransformersEngine", lambda *_: pytest.fail("the engine was loaded")
    )
    assert answered(short(), ROWS, cache) == before


def test_the_model_is_loaded_once_for_all_turns(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    from urial.generate import transformers_batch

    loaded: list[Path] = []
    original = transformers_batch.TransformersEngine

    def counting(*arguments: Any) -> transformers_batch.TransformersEngine:
        loaded.append(arguments[0])
        return original(*arguments)

    monkeypatch.setattr(transformers_batch, "TransformersEngine", counting)
    answered(short(), ROWS, cache)
    assert len(loaded) == 1


def test_what_the_cache_lacks_is_what_would_be_computed(cache: RowCache) -> None:
    plan, folder = short(), tiny_folder("llama")

    def left(rows: list[Instruction]) -> int:
        return lacking(plan, rows, assemble(plan, rows, folder), folder, cache)

    counts = [left(ROWS)]
    for known in (1, 2, 3):
        answered(plan, ROWS[:known], cache)
        counts.append(left(ROWS))
    assert counts == [6, 5, 3, 0]
    # An earlier turn that is not the one asked before leaves the later ones to be computed, too.
    assert left([instruction("three", "A?", "B?", "D?")]) == 1
    assert left([instruction("three", "Z?", "B?", "C?")]) == 3
    # No answer is computed to what is too long, nor to what follows it.
    assert left([instruction("q", "word " * CONTEXT, "And then?")]) == 0


def test_what_follows_a_turn_without_an_answer_says_so(cache: RowCache) -> None:
    (row,) = answered(short(), [instruction("q", "word " * CONTEXT, "And then?", "And now?")], cache)
    assert row.status == "too_long"
    assert row.later_turns == (
        LaterTurn(status="no_history", reason="turn 1 has no answer", answer=None, key=None, prompt=None),
        LaterTurn(status="no_history", reason="turn 2 has no answer", answer=None, key=None, prompt=None),
    )


def test_a_later_turn_without_room_is_recorded_or_stops_the_run_as_the_plan_says(cache: RowCache) -> None:
    rows = [instruction("q", "Hello?", "word " * CONTEXT)]
    (row,) = answered(short(), rows, cache)
    (later,) = row.later_turns
    assert (row.status, later.status) == ("ok", "too_long")
    assert later.prompt is not None
    reason = (
        f"the prompt has {later.prompt.n_tokens:,} tokens and the answer may have 5, "
        f"but the model's context has {CONTEXT:,}"
    )
    assert later.reason == reason
    # Known before anything is generated, however short the first answer may be.
    plan = short().model_copy(update={"generation": Generation(batch_size=1, on_context_overflow="error")})
    with pytest.raises(UrialError) as caught:
        assemble(plan, rows, tiny_folder("llama"))
    assert plan.prompt is not None
    least = render(plan.prompt, rows[0].turns[1], [("Hello?", "")]).text
    tokens = len(encode(tiny_tokenizer(), least, True))
    assert str(caught.value) == (
        f"system 'base-urial', instruction 'q', turn 2: the prompt has {tokens:,} tokens and the answer may have 5, "
        f"but the model's context has {CONTEXT:,}\n"
        "  fix: lower decoding.max_new_tokens, choose a shorter prompt, or set generation.on_context_overflow to record"
    )


def test_a_later_turn_that_turns_out_too_long_stops_the_run_too(cache: RowCache) -> None:
    plan = short().model_copy(update={"generation": Generation(batch_size=1, on_context_overflow="error")})
    empty = len(assemble(plan, [instruction("q", "x", "y")], tiny_folder("llama"))[0].text)
    rows = [instruction("q", "x", "word " * ((CONTEXT - empty) // 3))]
    while True:  # as long as it can be behind an empty first answer
        longer = [instruction("q", "x", rows[0].turns[1] + "a b ")]
        try:
            assemble(plan, longer, tiny_folder("llama"))
        except UrialError:
            break
        rows = longer
    with pytest.raises(UrialError, match=r"^system 'base-urial', instruction 'q', turn 2: the prompt has "):
        answered(plan, rows, cache)


def test_examples_are_retrieved_once_and_are_none_of_the_turns(tmp_path: Path) -> None:
    queries = ["What is one?", "What is two?", "Say three", "Tell four", "Name five"]
    write_jsonl(tmp_path / "pool.jsonl", [Example(query=query, answer=f"A: {query}") for query in queries])
    retrieval = Retrieval(
        pool="pool.jsonl", pool_hash=file_hash(tmp_path / "pool.jsonl"), k=2, retriever=Bm25(kind="bm25")
    )
    changes = {"method": "retrieval-icl", "system": None, "examples": (), "retrieval": retrieval}
    plan = make_plan(generation=RECORD).model_copy(update={"prompt": PROMPT.model_copy(update=changes)})
    assembler = Assembler(plan, tiny_folder("llama"), tmp_path)
    asked = instruction("q", "What is one?", "what is TWO")
    first, second = assembler.prompt(asked), assembler.prompt(asked, ["1"])
    assert first.retrieved == second.retrieved
    assert not {1, 2} & set(first.retrieved)
    assert second.text.startswith(first.text)
    alone = assembler.prompt(instruction("q", "What is one?"))
    assert 2 in alone.retrieved


def test_prompts_of_other_instructions_are_refused(cache: RowCache) -> None:
    plan = short()
    prompts = assemble(plan, ROWS[:1], tiny_folder("llama"))
    with pytest.raises(UrialError) as caught:
        generate(plan, ROWS[:2], prompts, tiny_folder("llama"), cache)
    assert str(caught.value) == (
        "prompts: 1 instruction has no row, first 'two'\n"
        "  expected: one row an instruction, in their order\n  fix: run `dvc repro`"
    )
