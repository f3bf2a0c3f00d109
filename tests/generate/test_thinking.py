"""Thinking that no answer follows is no answer: in process, on servers and in later turns; stop strings do not fire in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_model import FakeModel
from tests.faulty_server import Asked, Reply, answers, serving_faulty
from tests.prompts.test_assembly import CHAT, make_plan
from tests.tiny_models import decoding, save_folder, tiny_folder, tiny_model
from urial.api.completions import STORY
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.thinking import Marks, ThinkingSpan
from urial.generate.keys import completion_key
from urial.generate.run import generate, lacking
from urial.generate.thinking import marks_of, stop_marks, written_fields
from urial.judge.scores.case import case_of
from urial.prompts.versions.assembly import assemble
from urial.records.completion import Answer, AssembledPrompt, Completion, Finish
from urial.records.instruction import Instruction
from urial.records.model import Limits, ModelManifest, ServerModel, ServerReference, read_manifest
from urial.records.params.file import Generation
from urial.records.params.models import Thinking
from urial.records.plans import SystemPlan

HASH = "sha256:" + "0" * 64
RECORD = Generation(batch_size=4, on_context_overflow="record")
# As DeepSeek-R1's, which opens thinking, and drops it from a history; and as Qwen3's, which leaves it to the caller.
BODY = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>"
    "{{ message['content'].split('</think>')[-1] }}{% endfor %}<|assistant|>"
)
OPENS = BODY + "{{ '<think>\n' }}"
LEAVES = BODY + "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
ONE = Instruction(id="one", turns=("A?", "B?"), category="regular", source="test")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_template(tmp_path_factory.mktemp("opening"), OPENS)


def with_template(folder: Path, template: str) -> Path:
    save_folder(folder, tiny_model("llama", seed=1), "aligned")
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def prompt_of(text: str, **changes: Any) -> AssembledPrompt:
    fields = {"instruction_id": "one", "system": "s", "text": text, "adds_special_tokens": False, "stop": ()}
    return AssembledPrompt.model_validate({**fields, "n_tokens": 5, **changes})


def chat_plan(**changes: Any) -> SystemPlan:
    return CHAT.model_copy(update={"generation": RECORD, "decoding": decoding(max_new_tokens=5), **changes})


@pytest.mark.parametrize(
    ("prompt", "thinking", "marks"),
    [
        (prompt_of("<|assistant|>"), None, Marks(None, False)),
        (prompt_of("<|assistant|><think>\n"), None, Marks(("<think>", "</think>"), True)),
        (prompt_of("<|assistant|><think>\n\n</think>\n\n"), None, Marks(None, False)),
        (prompt_of("[THINK]"), Thinking(tags=("[THINK]", "[/THINK]")), Marks(("[THINK]", "[/THINK]"), True)),
        (prompt_of("<think>"), Thinking(tags=("[THINK]", "[/THINK]")), Marks(("[THINK]", "[/THINK]"), False)),
        # What the study says goes before what is seen; and of a server's layout nothing is seen.
        (prompt_of("<think>"), Thinking(opened=False), Marks(None, False)),
        (prompt_of("[{}]", form="messages"), Thinking(opened=False), Marks(None, False)),
        (prompt_of("[{}]", form="messages"), None, Marks()),
        (prompt_of("[{}]", form="messages"), Thinking(opened=True), Marks(None, True)),
        (None, None, Marks()),
    ],
)
def test_the_prompt_says_whether_it_opens_thinking(
    prompt: AssembledPrompt | None, thinking: Thinking | None, marks: Marks
) -> None:
    assert marks_of(prompt, thinking) == marks


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("a b", "length", "the length limit came within the thinking, of 3 characters: there is no answer"),
        ("a", "end_token", "an end token came within the thinking, of 1 character: there is no answer"),
        ("", "stop", "an end token or a stop string came within the thinking, of 0 characters: there is no answer"),
        (
            "ab</think>\n",
            "length",
            "the length limit came right behind the thinking, of 2 characters: there is no answer",
        ),
        (
            "ab</think>\n",
            "end_token",
            "an end token came right behind the thinking, of 2 characters: there is no answer",
        ),
        ("<think>\n\n</think>\n\nc", "end_token", None),
        ("ab</think>c", "length", None),
    ],
)
def test_thinking_that_nothing_follows_is_no_answer(text: str, finish: Finish, reason: str | None) -> None:
    answer = Answer(text=text, token_ids=None, finish=finish)
    row = Completion(instruction_id="one", system="s", **written_fields(answer, HASH, prompt_of("<think>")))
    assert (row.reason, row.written, row.key) == (reason, answer, HASH)
    assert (row.status, row.answer) == (("ok", answer) if reason is None else ("only_thinking", None))
    # It is judged, compared and counted nowhere, and shown and measured as what it is.
    assert (case_of(ONE, row, None) is None) == (reason is not None)
    assert Completion.model_validate_json(row.model_dump_json()) == row


@pytest.mark.parametrize("text", ["The tag that ends a thought is </think>", "It is </think>.", "a</think>b"])
def test_an_answer_may_speak_of_the_closing_tag_where_no_thinking_was_opened(text: str) -> None:
    answer = Answer(text=text, token_ids=None, finish="end_token")
    row = Completion(instruction_id="one", system="s", **written_fields(answer, HASH, prompt_of("# Answer:\n")))
    assert (row.status, row.thinking, row.split()) == ("ok", None, (None, text))
    case = case_of(ONE.model_copy(update={"turns": ("A?",)}), row, None)
    assert case is not None
    assert (case.text, case.thinking) == (text, None)


def test_a_row_without_thinking_is_what_it_was() -> None:
    answer = Answer(text="Hello.", token_ids=(1,), finish="length")
    row = Completion(instruction_id="one", system="s", **written_fields(answer, HASH, prompt_of("")))
    assert json.loads(row.model_dump_json()) == {
        "instruction_id": "one", "system": "s", "status": "ok", "reason": None, "key": HASH, "later_turns": [],
        "answer": {"text": "Hello.", "token_ids": [1], "finish": "length"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"status": "ok", "thought": {}, "answer": None}, "only_thinking needs thought, key and reason and no answer"),
        ({"status": "only_thinking", "thought": None, "answer": {}}, "status ok needs answer and key and no reason"),
        ({"status": "ok", "answer": {}, "reason": None, "thinking": [0, 9, 9]}, "within what was written"),
        ({"status": "ok", "answer": {}, "reason": None, "thinking": [2, 1, 3]}, "in this order"),
        ({"status": "too_long", "answer": None, "key": None, "thinking": [0, 1, 1]}, "within what was written"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(fields: dict[str, Any], problem: str) -> None:
    answer = {"text": "abc", "token_ids": None, "finish": "length"}
    row = {"instruction_id": "one", "system": "s", "reason": "r", "key": HASH, "later_turns": [], **fields}
    row = {name: answer if value == {} else value for name, value in row.items()}
    with pytest.raises(ValueError, match=problem):
        Completion.model_validate_json(json.dumps(row))


def test_a_template_that_opens_thinking_is_found_out_and_a_cut_thought_ends_the_conversation(
    opening: Path, cache: RowCache
) -> None:
    plan = chat_plan()
    prompts = assemble(plan, [ONE], opening)
    assert prompts[0].text.endswith("<|assistant|><think>\n")
    (row,) = generate(plan, [ONE], prompts, opening, cache)
    assert row.status == "only_thinking"
    assert row.thought is not None
    assert row.thought.token_ids is not None
    assert len(row.thought.token_ids) == 5
    assert row.thinking == ThinkingSpan(0, len(row.thought.text), len(row.thought.text))
    assert row.reason is not None
    assert row.reason.startswith("the length limit came within the thinking, of ")
    (later,) = row.later_turns
    assert (later.status, later.reason, later.prompt) == ("no_history", "turn 1 has no answer", None)
    # From the cache it is the same, and nothing is lacking.
    assert lacking(plan, [ONE], prompts, opening, cache) == 0
    assert generate(plan, [ONE], prompts, opening, cache) == [row]


def test_a_template_is_told_whether_to_think_by_the_name_that_it_reads(tmp_path: Path) -> None:
    folder = with_template(tmp_path / "m", LEAVES)
    told = chat_plan(thinking=Thinking(enabled=False))
    assert assemble(told, [ONE], folder)[0].text.endswith("<|assistant|><think>\n\n</think>\n\n")
    assert assemble(chat_plan(thinking=Thinking(enabled=True)), [ONE], folder)[0].text.endswith("<|assistant|>")
    (folder / "chat_template.jinja").write_text(LEAVES.replace("enable_thinking", "thinking"), "utf-8")
    assert assemble(told, [ONE], folder)[0].text.endswith("</think>\n\n")
    (folder / "chat_template.jinja").write_text(BODY + "{{ messages[0].thinking }}", "utf-8")
    with pytest.raises(UrialError) as caught:
        assemble(told, [ONE], folder)
    assert str(caught.value) == (
        "system 'aligned': the tokenizer's chat template reads none of enable_thinking, thinking\n"
        "  expected: one that can be told whether to think\n"
        "  fix: remove studies.NAME.thinking.enabled"
    )


def test_keys_of_rows_are_what_they_were_unless_what_thinking_says_can_change_the_row() -> None:
    folder = tiny_folder("llama")
    manifest = read_manifest(folder)
    plan, thinking = make_plan(), Thinking(tags=("[A]", "[B]"))
    thoughtful = plan.model_copy(update={"thinking": thinking})
    stopped, free = prompt_of("x", stop=("\n",)), prompt_of("x")
    assert completion_key(manifest, free, thoughtful) == completion_key(manifest, free, plan)
    assert completion_key(manifest, stopped, thoughtful) != completion_key(manifest, stopped, plan)
    assert stop_marks(stopped, None) is None
    served = ModelManifest(role="aligned", source=ServerModel(server="http://localhost:1/v1", model="m"))
    chat = prompt_of("[]", form="messages", n_tokens=None)
    told = plan.model_copy(update={"thinking": Thinking(enabled=False)})
    assert completion_key(served, chat, told) != completion_key(served, chat, plan)
    assert completion_key(served, chat, thoughtful) == completion_key(served, chat, plan)


def served_plan(url: str, **changes: Any) -> SystemPlan:
    quick = Limits(concurrency=2, retries=0, timeout_seconds=5)
    return chat_plan(server=ServerReference(server=url, model="m", limits=quick), date=None, **changes)


def served_rows(
    reply: dict[str, Any], tmp_path: Path, cache: RowCache, **changes: Any
) -> tuple[Completion, list[Asked]]:
    """The row of a server that always replies so, and what it was asked."""

    def script(asked: Asked) -> Reply:
        probe = STORY in asked.text
        return FakeModel().reply(asked) if probe else answers({"choices": [{"index": 0, **reply}]})

    with serving_faulty(script) as server:
        folder = tmp_path / "served"
        folder.mkdir(exist_ok=True)
        source = ServerModel(server=server.url, model="m")
        (folder / "manifest.json").write_text(ModelManifest(role="aligned", source=source).model_dump_json(), "utf-8")
        plan = served_plan(server.url, **changes)
        (row,) = generate(plan, [ONE], assemble(plan, [ONE], folder), folder, cache)
        return row, list(server.asked)


def test_a_server_that_sends_thinking_apart_and_no_content(tmp_path: Path, cache: RowCache) -> None:
    message = {"role": "assistant", "content": None, "reasoning_content": "Let me see."}
    row, _ = served_rows({"message": message, "finish_reason": "length"}, tmp_path, cache)
    assert (row.status, row.split()) == ("only_thinking", ("Let me see.", ""))


def test_a_history_has_no_thinking_and_a_server_is_told_whether_to_think(tmp_path: Path, cache: RowCache) -> None:
    message = {"role": "assistant", "content": "Tea.", "reasoning_content": "Tea or milk?"}
    reply = {"message": message, "finish_reason": "stop"}
    row, asked = served_rows(reply, tmp_path, cache, thinking=Thinking(enabled=False))
    assert (row.status, row.split()) == ("ok", ("Tea or milk?", "Tea."))
    (later,) = row.later_turns
    assert later.prompt is not None
    assert [item["content"] for item in json.loads(later.prompt.text)] == ["A?", "Tea.", "B?"]
    told = [item.body.get("chat_template_kwargs") for item in asked if "messages" in item.body]
    assert told == [{"enable_thinking": False, "thinking": False}] * len(told) != []


def test_a_server_within_whose_text_thinking_is_never_closed_needs_to_be_known_to_open_it(
    tmp_path: Path, cache: RowCache
) -> None:
    reply = {"message": {"role": "assistant", "content": "Let me"}, "finish_reason": "length"}
    assert served_rows(reply, tmp_path, cache)[0].status == "ok"
    known = served_rows(reply, tmp_path, cache, thinking=Thinking(opened=True))[0]
    assert (known.status, known.split()) == ("only_thinking", ("Let me", ""))
