"""Prompts for a model behind a server: exact where the text is ours, messages where the server lays it out."""

import json
from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.served import aligned_plan, base_plan, served_folders, served_model
from tests.tiny_models import tiny_folder
from urial.prompts.versions.assembly import Assembler, assemble, too_long
from urial.prompts.versions.rendering import render
from urial.records.completion import AssembledPrompt
from urial.records.params.file import Generation

MODEL = served_model("http://127.0.0.1:9/v1")
QUERY = 'Say "<eos>" é🙂\n```'


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return served_folders(MODEL, MODEL, tmp_path / "models")


def test_a_base_prompt_is_the_text_that_a_model_in_this_process_is_given(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = base_plan(MODEL)
    (served,) = assemble(plan, [make_query("q", turns=(QUERY,))], folders / "base")
    assert capsys.readouterr().out == "base-urial: 1 prompt, whose tokens only the server of some/model can count\n"
    (local,) = assemble(
        plan.model_copy(update={"served": None}), [make_query("q", turns=(QUERY,))], tiny_folder("llama")
    )
    assert plan.prompt is not None
    assert served.text == local.text == render(plan.prompt, QUERY).text
    assert served == local.model_copy(update={"n_tokens": None})
    assert (served.form, served.adds_special_tokens) == ("text", True)


def test_a_chat_is_messages_for_the_server_to_lay_out(folders: Path) -> None:
    (row,) = assemble(aligned_plan(MODEL), [make_query("q", turns=(QUERY,))], folders / "aligned")
    assert row == AssembledPrompt(
        instruction_id="q", system="aligned", text=row.text, form="messages", adds_special_tokens=False, stop=(),
        n_tokens=None, flag=None,
    )  # fmt: skip
    assert json.loads(row.text) == [{"role": "user", "content": QUERY}]
    assert "é🙂" in row.text


def test_a_chat_s_later_turns_are_further_messages(folders: Path) -> None:
    query = make_query("q", turns=("A?", "B?", "C?"))
    row = Assembler(aligned_plan(MODEL), folders / "aligned").prompt(query, ["a", ""])
    assert json.loads(row.text) == [
        {"role": "user", "content": "A?"}, {"role": "assistant", "content": "a"},
        {"role": "user", "content": "B?"}, {"role": "assistant", "content": ""},
        {"role": "user", "content": "C?"},
    ]  # fmt: skip


def test_an_aligned_model_can_be_given_a_prompt_version_too(folders: Path) -> None:
    prompt = base_plan(MODEL).prompt
    plan = aligned_plan(MODEL, prompt=prompt, prompt_name="microworld/urial-k0")
    (row,) = assemble(plan, [make_query("q")], folders / "aligned")
    assert (row.form, row.adds_special_tokens, row.stop) == ("text", True, ("\n```", "```", "# Query"))


def test_what_cannot_be_counted_is_never_called_too_long_here(folders: Path) -> None:
    plan = base_plan(MODEL, generation=Generation(batch_size=1, on_context_overflow="error"))
    (row,) = assemble(plan, [make_query("q", turns=("word " * 10_000,))], folders / "base")
    assert too_long(row, 16, 1) is None
    assert assemble(plan, [], folders / "base") == []
