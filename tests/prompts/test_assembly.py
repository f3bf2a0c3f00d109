"""Prompts as the model sees them: one BOS, the tokenizer's template, nothing cut off."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import CONTEXT, decoding, tiny_folder, tiny_tokenizer
from urial.core.errors import UrialError
from urial.local_models.loading.loading import encode
from urial.prompts.versions.assembly import assemble, too_long
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render
from urial.records.completion import AssembledPrompt
from urial.records.instruction import Instruction
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan

PROMPT = load_prompt("microworld/urial-k3")


def make_plan(**changes: Any) -> SystemPlan:
    values = {
        "system": "base-urial", "model": "base", "prompt_name": "microworld/urial-k3", "prompt": PROMPT, "prompt_hash": None,
        "decoding": decoding(), "generation": Generation(batch_size=1, on_context_overflow="error"), "threads": 1,
    }  # fmt: skip
    return SystemPlan.model_validate({**values, **changes})


CHAT = make_plan(system="aligned", model="aligned", prompt_name=None, prompt=None)


def assembled(plan: SystemPlan, queries: Sequence[str]) -> list[AssembledPrompt]:
    rows = [
        Instruction(id=f"q{n}", turns=(query,), category="regular", source="test") for n, query in enumerate(queries)
    ]
    return assemble(plan, rows, tiny_folder("llama"))


def ids_of(prompt: AssembledPrompt) -> list[int]:
    return encode(tiny_tokenizer(), prompt.text, prompt.adds_special_tokens)


@pytest.mark.parametrize("plan", [make_plan(), CHAT])
def test_prompt_has_exactly_one_bos_and_it_comes_first(plan: SystemPlan) -> None:
    for row in assembled(plan, ["What is the capital of Ardovia?", "B\n\nC", "?"]):
        ids = ids_of(row)
        assert ids[0] == tiny_tokenizer().bos_token_id
        assert ids.count(tiny_tokenizer().bos_token_id) == 1
        assert row.n_tokens == len(ids)


def test_base_prompt_is_the_prompt_version_in_its_dialect() -> None:
    (row,) = assembled(make_plan(), ["What now?"])
    assert (row.text, row.stop) == (render(PROMPT, "What now?").text, ("\n```", "```", "# Query"))
    assert row.adds_special_tokens


def test_chat_prompt_is_the_tokenizers_own_template() -> None:
    (row,) = assembled(CHAT, ["What now?"])
    assert row.text == "<bos><|user|>What now?<|assistant|>"
    assert (row.adds_special_tokens, row.stop) == (False, ())
    template = tiny_tokenizer().apply_chat_template(
        [{"role": "user", "content": "What now?"}], add_generation_prompt=True
    )
    assert ids_of(row) == template["input_ids"]


def test_rows_keep_the_instructions_order_and_names() -> None:
    rows = assembled(CHAT, ["c", "a", "b"])
    assert [(row.instruction_id, row.system) for row in rows] == [
        ("q0", "aligned"),
        ("q1", "aligned"),
        ("q2", "aligned"),
    ]


@pytest.mark.parametrize("name", ["<bos>", "<eos>", "<|assistant|>", "<|user|>"])
def test_name_of_a_special_token_in_a_query_is_ordinary_text_in_a_prompt_version(name: str) -> None:
    (row,) = assembled(make_plan(), [f"Say {name} now."])
    specials = set(tiny_tokenizer().all_special_ids) | {tiny_tokenizer().convert_tokens_to_ids(name)}
    assert [token for token in ids_of(row) if token in specials] == [tiny_tokenizer().bos_token_id]
    assert f"Say {name} now." in tiny_tokenizer().decode(ids_of(row))
    assert row.flag is None


@pytest.mark.parametrize("name", ["<bos>", "<eos>", "<|assistant|>", "<|user|>"])
def test_name_of_a_special_token_in_a_query_is_flagged_where_a_chat_template_lets_it_be_that_token(name: str) -> None:
    special = tiny_tokenizer().convert_tokens_to_ids(name)
    plain, told = assembled(CHAT, ["Say x now.", f"Say {name} now."])
    assert ids_of(told).count(special) == ids_of(plain).count(special) + 1
    assert (plain.flag, told.flag) == (None, f"the query or the history spells the special token {name!r}")


LONG = "word " * CONTEXT


def test_prompt_without_room_for_the_answer_stops_with_the_whole_story() -> None:
    with pytest.raises(UrialError) as caught:
        assembled(CHAT, ["short", LONG])
    tokens = len(
        ids_of(
            assembled(
                CHAT.model_copy(update={"generation": Generation(batch_size=1, on_context_overflow="record")}), [LONG]
            )[0]
        )
    )
    assert str(caught.value) == (
        f"system 'aligned', instruction 'q1': the prompt has {tokens:,} tokens and the answer may have 12, "
        f"but the model's context has {CONTEXT:,}\n"
        "  fix: lower decoding.max_new_tokens, choose a shorter prompt, or set generation.on_context_overflow to record"
    )


def test_recorded_prompt_is_kept_whole() -> None:
    (row,) = assembled(make_plan(generation=Generation(batch_size=1, on_context_overflow="record")), [LONG])
    assert row.text == render(PROMPT, LONG).text
    assert (row.n_tokens or 0) > CONTEXT


def test_last_token_of_the_context_can_be_used() -> None:
    row = AssembledPrompt(instruction_id="q", system="s", text="t", adds_special_tokens=True, stop=(), n_tokens=1_000)
    assert too_long(row, 1_024, 24) is None
    assert too_long(row, None, 10_000) is None
    assert too_long(row, 1_023, 24) == (
        "the prompt has 1,000 tokens and the answer may have 24, but the model's context has 1,023"
    )


# What a process that begins with nothing imported makes of a plan, without torch.
WITHOUT_TORCH = """
import json, sys
from pathlib import Path
from urial.prompts.versions.assembly import assemble, leave_torch_out
from urial.records.instruction import Instruction
from urial.records.plans import SystemPlan
plan, folder = SystemPlan.model_validate_json(sys.argv[1]), Path(sys.argv[2])
leave_torch_out(plan, folder)
rows = assemble(plan, [Instruction(id="q0", turns=("Who?", "And now?"), category="regular", source="test")], folder)
assert not sys.modules.get("torch")
print(json.dumps([row.model_dump(mode="json") for row in rows]))
"""


@pytest.mark.parametrize("plan", [make_plan(), CHAT], ids=["base", "aligned"])
def test_prompts_are_the_same_where_torch_is_left_out(plan: SystemPlan) -> None:
    folder = tiny_folder("llama")
    command = [sys.executable, "-c", WITHOUT_TORCH, plan.model_dump_json(), str(folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    row = Instruction(id="q0", turns=("Who?", "And now?"), category="regular", source="test")
    assert json.loads(done.stdout.splitlines()[-1]) == [
        row.model_dump(mode="json") for row in assemble(plan, [row], folder)
    ]
    # Nor does anybody hear of it.
    assert "PyTorch" not in done.stderr
