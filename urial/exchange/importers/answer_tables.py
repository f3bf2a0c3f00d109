"""Answers of one's own: a table of any columns with a question and an answer a row, or chats, and what they answer.

What a cell holds tells itself: a text, a list of texts (one a turn), or the messages of a chat, of which the user's are the
question and the others the answers. Ids are made of what is asked, as those of instructions in a table are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.strict_json import first_twice, strict_json
from urial.core.text import and_more, as_name
from urial.instructions.formats import Category
from urial.instructions.reading import Row, Rows, cell, is_query, read_rows, refuse_wrapped
from urial.instructions.table import from_table
from urial.records.instruction import Columns, Instruction, TableSet

# As people call the columns, whatever the case of their letters.
QUESTIONS = ("instruction", "prompt", "question", "query", "input")
ANSWERS = ("output", "response", "answer", "completion", "generation")
CHATS = ("messages", "conversations", "conversation")
SYSTEMS = ("generator", "model", "model_id")
# Of an instruction, which a column may hold beside the question.
TAGS = tuple(name for name in Columns.model_fields if name not in ("query", "turns"))
FIELDS = ("query", "answer", "system", *TAGS)
KIND = "table"
ROLES: Mapping[str, str] = {
    "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant",
    "system": "system", "developer": "system",
}  # fmt: skip
MESSAGES = "a text, a list of texts, or messages such as [{role: user, content: ...}, {role: assistant, content: ...}]"


@dataclass(frozen=True)
class TableOptions:
    """What a table leaves open."""

    # The column of a field of FIELDS; the others are found by their names.
    columns: Mapping[str, str] = field(default_factory=dict)
    # Of rows whose own column does not say.
    category: Category = "regular"
    # The system whose rows are read, where a column names several; else what it is called. None: as the file says.
    system: str | None = None


@dataclass(frozen=True)
class OwnAnswers:
    """The rows of a table: what each asks, and an answer to each of its messages."""

    system: str
    instructions: list[Instruction]
    answers: list[tuple[str, ...]]
    # How many chats had a message of the system in front, which is no part of an instruction.
    system_messages: int


def read_own_answers(path: Path, options: TableOptions) -> OwnAnswers:
    """The rows of a file in their order. Raises UrialError naming file, row and column, or the columns that were looked for."""
    for name in options.columns:
        if name not in FIELDS:
            raise UrialError(f"no field {name!r} in a table of answers", fix=did_you_mean(name, FIELDS))
    known = read_rows(path, ()).columns
    wanted = {
        *options.columns.values(),
        *(name for name in known if name.lower() in (*QUESTIONS, *ANSWERS, *CHATS, *SYSTEMS)),
    }
    table = read_rows(path, {part for column in wanted for part in (column, column.partition(".")[0])})
    if not table.rows:
        raise UrialError("no rows", path=path, expected="a question and an answer a row")
    try:
        columns = _columns(table, options.columns)
        system, rows = _of_one_system(table, columns.pop("system", None), options.system)
        chats = [_chat(row, columns["query"], columns.get("answer")) for row in rows]
    except RecursionError as error:
        raise UrialError("a row is nested too deeply", path=path, expected="rows of a few levels") from error
    tags = {name: column for name, column in columns.items() if name in TAGS}
    asked = Columns.model_validate({**tags, "turns": columns["query"]})
    values = [
        {columns["query"]: list(chat.questions), **{column: cell(row, column) for column in tags.values()}}
        for row, chat in zip(rows, chats, strict=True)
    ]
    rows_of_instructions = tuple(Row(row.where, of_row) for row, of_row in zip(rows, values, strict=True))
    as_table = TableSet(kind="table", source=str(path), columns=asked, category=options.category)
    instructions = from_table(Rows(table.where, tuple(values[0]), rows_of_instructions), as_table, KIND)
    if (twice := first_twice(row.id for row in instructions)) is not None:
        raise UrialError(f"two rows with the id {shorten(twice)}", path=path, expected="every id once")
    return OwnAnswers(
        system or as_name(path.stem) or KIND,
        instructions,
        [chat.answers for chat in chats],
        sum(chat.system for chat in chats),
    )


def _columns(table: Rows, chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: as chosen, else the one that is called so. A chat needs no column of answers."""
    for name, column in chosen.items():
        if all(cell(row, column) is None for row in table.rows):
            refuse_wrapped(table)
            raise UrialError(
                f"{table.where}: no column {shorten(column)}, which is to hold {name}",
                expected=f"one of {_shown(table.columns)}; of nested values a path, such as choices.0.message.content",
                fix=did_you_mean(column[:80], [known[:80] for known in table.columns[:50]]),
            )
    columns = dict(chosen)
    if "answer" not in columns and (answer := _called(table, ANSWERS, "answer")):
        columns["answer"] = answer
    if "query" not in columns:
        asked = _called(table, QUESTIONS, "query") if "answer" in columns else None
        if (query := asked or _called(table, CHATS, "query")) is None:
            query = _called(table, QUESTIONS, "query") and _missing(table, "answer", ANSWERS)
        columns["query"] = query or _missing(table, "query", QUESTIONS)
    return columns


def _called(table: Rows, names: Collection[str], field_name: str) -> str | None:
    """The column with one of these names that is not empty; None: there is none. Raises UrialError where there are several."""
    found = [
        column
        for column in table.columns
        if column.lower() in names and any(row.values.get(column) not in (None, "") for row in table.rows)
    ]
    if len(found) > 1:
        raise UrialError(
            f"{table.where}: {' and '.join(map(shorten, found))} may each hold the {_NOUN[field_name]}",
            expected="one of them",
            fix=f"name it with --column {field_name}=COLUMN, or write what belongs together into one column",
        )
    return found[0] if found else None


_NOUN = {"query": "question", "answer": "answer"}


def _missing(table: Rows, field_name: str, names: Collection[str]) -> str:
    refuse_wrapped(table)
    raise UrialError(
        f"{table.where}: no column that holds the {_NOUN[field_name]}",
        expected=f"one called {', '.join(names)}, or a chat in {', '.join(CHATS)}; the file has {_shown(table.columns)}",
        fix=f"name it with --column {field_name}=COLUMN",
    )


def _shown(columns: Sequence[str]) -> str:
    return and_more((name[:80] for name in columns), 12) or "no columns"


def _of_one_system(table: Rows, column: str | None, system: str | None) -> tuple[str | None, Sequence[Row]]:
    """The name of the system, if it is known, and its rows. Raises UrialError where a column names several, and none is asked for."""
    chosen = column or next((name for name in table.columns if name.lower() in SYSTEMS), None)
    if chosen is None:
        return system, table.rows
    names = [cell(row, chosen) for row in table.rows]
    different = list(dict.fromkeys(name for name in names if isinstance(name, str)))
    if len(different) > 1:
        if system not in different:
            raise UrialError(
                f"{table.where}, column {shorten(chosen)}: answers of {and_more(different, 6)}"
                + (f", and none of {shorten(system)}" if system else ""),
                expected="one system a file",
                fix="take one with `urial import completions --system NAME`",
            )
        return system, [row for row, name in zip(table.rows, names, strict=True) if name == system]
    return system or (as_name(different[0]) if different else None), table.rows


@dataclass(frozen=True)
class _Chat:
    """What one row says."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    # Whether a message of the system stood in front.
    system: bool


def _chat(row: Row, query: str, answer: str | None) -> _Chat:
    """The messages of a row, first to last. Raises UrialError unless each of the user's has an answer."""
    said = _messages(row, query, "user")
    answers = _messages(row, answer, "assistant") if answer else []
    if len(said) == len(answers) and {role for role, _ in said} == {"user"}:
        # A list of questions beside a list of answers.
        said = [message for pair in zip(said, answers, strict=True) for message in pair]
    else:
        said = said + answers
    system = bool(said) and said[0][0] == "system"
    said = said[system:]
    roles = [role for role, _ in said]
    if not said or roles != ["user", "assistant"] * (len(said) // 2):
        raise UrialError(
            f"{row.where}: messages of {', '.join(roles[:8]) or 'nobody'}{', ...' if len(roles) > 8 else ''}",
            expected="user, assistant, and so on in turn, so that every message of the user has an answer",
            fix=None
            if answer
            else "where the last answer stands in a column of its own, name it with --column answer=COLUMN",
        )
    questions = [text for _, text in said[::2]]
    if (bad := next((text for text in questions if not is_query(text)), None)) is not None:
        row.refuse(query, bad, "a question that is not blank, of at most 100,000 characters")
    return _Chat(tuple(questions), tuple(text for _, text in said[1::2]), system)


def _messages(row: Row, column: str, role: str) -> list[tuple[str, str]]:
    """(role, text) of each message in a cell; ``role`` is whose a text without one is."""
    value = cell(row, column)
    if isinstance(value, str) and column.lower() in CHATS:
        # Tables of text alone hold a chat as JSON.
        try:
            value = strict_json(value)
        except ValueError:
            row.refuse(column, value, "the JSON of a list of messages", "write it with json.dumps")
    if isinstance(value, str):
        return [(role, value)]
    if value is None:
        fix = "leave the row out, or write an empty text where the system said nothing" if role == "assistant" else None
        row.refuse(column, value, MESSAGES, fix)
    if not isinstance(value, list) or not value:
        row.refuse(column, value, MESSAGES)
    return [(role, item) if isinstance(item, str) else _message(row, column, item) for item in value]


def _message(row: Row, column: str, item: object) -> tuple[str, str]:
    """(role, text) of one message, as OpenAI's chats (role, content) or ShareGPT's (from, value) have it."""
    if not isinstance(item, Mapping):
        row.refuse(column, item, MESSAGES)
    named = item.get("role") or item.get("from")
    text = item.get("content") if item.get("content") is not None else item.get("value")
    if isinstance(text, list) and all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in text):
        text = "".join(part["text"] for part in text)
    if not isinstance(named, str) or named not in ROLES:
        row.refuse(column, item, f"a role of {', '.join(ROLES)}")
    if not isinstance(text, str):
        row.refuse(column, item, "a message with a text: content, or value")
    return ROLES[named], text
