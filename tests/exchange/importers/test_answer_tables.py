"""Tables of one's own answers: found by the names of their columns, or named; chats of every common form."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.instruction_files import named, write_rows
from urial.core.errors import UrialError
from urial.exchange.importers.answer_tables import ANSWERS, CHATS, QUESTIONS, OwnAnswers, TableOptions, read_own_answers

ENDINGS = (".jsonl", ".json", ".csv", ".parquet")
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    str.strip
)


def read(folder: Path, *rows: dict[str, Any], ending: str = ".jsonl", **options: Any) -> OwnAnswers:
    return read_own_answers(write_rows(folder / f"mine{ending}", rows), TableOptions(**options))


def said(found: OwnAnswers) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(asked.turns, answers) for asked, answers in zip(found.instructions, found.answers, strict=True)]


def refusal(folder: Path, *rows: dict[str, Any], **options: Any) -> str:
    with pytest.raises(UrialError) as caught:
        read(folder, *rows, **options)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_any_pair_of_usual_names_is_found(tmp_path: Path, question: str, ending: str) -> None:
    for answer in ANSWERS:
        found = read(tmp_path, {question.title(): "Why?", answer: "So.", "other": "x"}, ending=ending)
        assert said(found) == [(("Why?",), ("So.",))]
        assert [row.id for row in found.instructions] == [named("table", "Why?")], "of the text, whatever the columns"
        assert (found.system, found.instructions[0].category) == ("mine", "regular")


def chats(*turns: tuple[str, str]) -> list[Any]:
    """A conversation in every form that a cell can have."""
    openai = [
        {"role": role, "content": text} for one in turns for role, text in zip(("user", "assistant"), one, strict=True)
    ]
    sharegpt = [
        {"from": role, "value": text} for one in turns for role, text in zip(("human", "gpt"), one, strict=True)
    ]
    parts = [{"role": one["role"], "content": [{"type": "text", "text": one["content"]}]} for one in openai]
    return [openai, sharegpt, parts, json.dumps(openai)]


@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4), st.sampled_from(CHATS))
def test_a_chat_is_the_same_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[str, str]], column: str
) -> None:
    folder = tmp_path_factory.mktemp("chat")
    questions, answers = (tuple(texts) for texts in zip(*turns, strict=True))
    for form in chats(*turns):
        assert said(read(folder, {column: form, "id": 3})) == [(questions, answers)]
    *messages, last = chats(*turns)[0]
    assert said(read(folder, {column: messages, "response": last["content"]})) == [(questions, answers)]
    assert said(read(folder, {"prompt": messages, "completion": [last]})) == [(questions, answers)]
    assert said(read(folder, {"prompt": list(questions), "response": list(answers)})) == [(questions, answers)]


def test_a_system_message_is_left_out_and_counted(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be kind."}, *chats(("Why?", "So."))[0]]
    found = read(tmp_path, {"messages": chat}, {"messages": chats(("How?", "Thus."))[0]})
    assert (said(found)[0], found.system_messages) == ((("Why?",), ("So.",)), 1)


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_a_column_can_lie_within_another(tmp_path: Path, ending: str) -> None:
    row = {"request": {"text": "Why?"}, "response": {"choices": [{"message": {"content": "So."}}]}}
    columns = {"query": "request.text", "answer": "response.choices.0.message.content"}
    assert said(read(tmp_path, row, ending=ending, columns=columns)) == [(("Why?",), ("So.",))]


def test_a_column_with_a_dot_in_its_name_is_that_column(tmp_path: Path) -> None:
    row = {"q.text": "Why?", "q": {"text": "Else?"}, "answer": "So."}
    assert said(read(tmp_path, row, columns={"query": "q.text"})) == [(("Why?",), ("So.",))]


def test_tags_ids_and_categories_are_those_of_named_columns(tmp_path: Path) -> None:
    rows = [{"q": "Why?", "a": "So.", "n": 7, "kind": "safety", "area": ["maths", "logic"]}]
    columns = {"query": "q", "answer": "a", "id": "n", "category": "kind", "topic": "area"}
    (row,) = read(tmp_path, *rows, columns=columns).instructions
    assert (row.id, row.category, row.topic) == ("7", "safety", ("maths", "logic"))
    (other,) = read(tmp_path, *rows, columns={"query": "q", "answer": "a"}, category="safety").instructions
    assert (other.id, other.category, other.topic) == (named("table", "Why?"), "safety", ())


def test_a_question_asked_twice_has_two_ids(tmp_path: Path) -> None:
    found = read(tmp_path, {"question": "Why?", "answer": "a"}, {"question": "Why?", "answer": "b"})
    assert [row.id for row in found.instructions] == [named("table", "Why?"), f"{named('table', 'Why?')}-2"]
    rows = ({"question": "Why?", "answer": "a", "n": 1}, {"question": "How?", "answer": "b", "n": 1})
    assert refusal(tmp_path, *rows, columns={"id": "n"}).startswith("mine.jsonl: two rows with the id '1'")


def test_the_system_is_the_one_that_the_file_names(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Why?", "response": "a", "model": "x/one"},
        {"prompt": "Why?", "response": "b", "model": "x/one"},
    ]
    assert read(tmp_path, *rows).system == "x-one"
    assert read(tmp_path, *rows, system="mine").system == "mine"
    rows[1]["model"] = "two"
    assert refusal(tmp_path, *rows) == (
        "mine.jsonl, column 'model': answers of x/one, two\n  expected: one system a file\n"
        "  fix: take one with `urial import completions --system NAME`"
    )
    assert said(read(tmp_path, *rows, system="two")) == [(("Why?",), ("b",))]
    assert "and none of 'three'" in refusal(tmp_path, *rows, system="three")


def test_empty_answers_are_answers_and_null_is_none(tmp_path: Path) -> None:
    assert said(read(tmp_path, {"prompt": "Why?", "response": ""}, {"prompt": "How?", "response": "x"}))[0][1] == ("",)
    assert refusal(tmp_path, {"prompt": "Why?", "response": None}, {"prompt": "How?", "response": "x"}).startswith(
        "mine.jsonl, line 1, column 'response': got None\n  expected: a text, a list of texts, or messages"
    )


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (
            [{"q": "Why?", "a": "So."}],
            {},
            "mine.jsonl: no column that holds the question\n"
            "  expected: one called instruction, prompt, question, query, input, or a chat in messages, conversations, conversation; "
            "the file has q, a\n  fix: name it with --column query=COLUMN",
        ),
        (
            [{"question": "Why?", "a": "So."}],
            {},
            "mine.jsonl: no column that holds the answer\n"
            "  expected: one called output, response, answer, completion, generation, or a chat in messages, conversations, "
            "conversation; the file has question, a\n  fix: name it with --column answer=COLUMN",
        ),
        (
            [{"instruction": "Translate.", "input": "ja", "output": "yes"}],
            {},
            "mine.jsonl: 'instruction' and 'input' may each hold the question\n  expected: one of them\n"
            "  fix: name it with --column query=COLUMN, or write what belongs together into one column",
        ),
        (
            [{"question": "1+1?", "answer": "2", "response": "3"}],
            {},
            "mine.jsonl: 'answer' and 'response' may each hold the answer\n  expected: one of them\n"
            "  fix: name it with --column answer=COLUMN, or write what belongs together into one column",
        ),
        (
            [{"question": "Why?", "answer": "So."}],
            {"query": "Question"},
            "mine.jsonl: no column 'Question', which is to hold query\n"
            "  expected: one of question, answer; of nested values a path, such as choices.0.message.content\n"
            "  fix: did you mean 'question'?",
        ),
        (
            [{"question": "Why?", "answer": "So."}],
            {"anser": "answer"},
            "no field 'anser' in a table of answers\n  fix: did you mean 'answer'?",
        ),
        (
            [{"messages": [{"role": "user", "content": "Why?"}]}],
            {},
            "mine.jsonl, line 1: messages of user\n  expected: user, assistant, and so on in turn, so that every message of the "
            "user has an answer\n  fix: where the last answer stands in a column of its own, name it with --column answer=COLUMN",
        ),
        (
            [{"messages": [{"role": "tool", "content": "x"}]}],
            {},
            "mine.jsonl, line 1, column 'messages': got {'role': 'tool', 'content': 'x'}\n"
            "  expected: a role of user, human, assistant, gpt, model, system, developer",
        ),
        (
            [{"prompt": " ", "response": "So."}],
            {},
            "mine.jsonl, line 1, column 'prompt': got ' '\n  expected: a question that is not blank, of at most 100,000 characters",
        ),
        (
            [{"prompt": ["Why?", "How?"], "response": "So."}],
            {},
            "mine.jsonl, line 1: messages of user, user, assistant\n  expected: user, assistant, and so on in turn, so that every "
            "message of the user has an answer",
        ),
        (
            [{"data": [{"question": "Why?", "answer": "So."}]}],
            {},
            "mine.jsonl: one object, with a list of objects under 'data'\n"
            "  expected: a JSON array of objects, or one object a line\n"
            "  fix: write that list alone to a file: jq '.[\"data\"]' FILE > ROWS.json",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], columns: dict[str, str], message: str
) -> None:
    assert refusal(tmp_path, *rows, columns=columns) == message


def test_columns_that_are_empty_are_not_meant(tmp_path: Path) -> None:
    """As of Alpaca's rows without an input."""
    assert said(read(tmp_path, {"instruction": "Why?", "input": "", "output": "So."})) == [(("Why?",), ("So.",))]


def outcome(folder: Path, rows: list[dict[str, Any]]) -> str:
    try:
        return f"{len(read(folder, *rows).answers)} rows"
    except UrialError as error:
        return str(error)


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["prompt", "messages", "response", "model", "input"]), CELLS)
def test_any_value_in_any_cell_gives_rows_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, column: str, value: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [{"prompt": "Why?", "response": "a"}, {"prompt": "How?", "response": "b", column: value}]
    said = outcome(folder, rows)
    assert said.startswith((f"{folder}/mine.jsonl", "2 rows"))
