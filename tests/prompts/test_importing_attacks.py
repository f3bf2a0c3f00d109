"""Prompt files that are broken, ambiguous or hostile: kept exactly, or refused with file and line; always soon."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.prompts.texts import TRICKY, appended, pairs
from urial.core.errors import UrialError
from urial.prompts.authoring.importing import import_file
from urial.prompts.authoring.writing import write_prompt
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.library import read_prompt
from urial.prompts.versions.parsing import parse_text
from urial.prompts.versions.rendering import heading_line, longest_run, render
from urial.records.prompt import DialectName, Prompt, Rubric

BLOCK = "# Query:\n```\nq\n```\n\n# Answer:\n```\na\n```\n"
CLOSED = "expected: every block closed by its fence, and every query followed by its answer"
OPENS = "opens no block\n  expected: '# Query:' or '# Answer:' at the start of a line, a fence of three or more backticks, then the text"
OPENS_USER = "opens no block\n  expected: '# User:' or '# Assistant:' at the start of a line, and the text below it"
UNCLEAR = "the dialect cannot be told"
NO_TEXT = "expected: a text, and no heading within it or its code"
NAME_IT = "fix: name it: --dialect user-assistant-loose or user-assistant-tight"
OUTSIDE = "expected: '```' before the next heading or the end of the file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Instruction", "line 1: '# Instruction' has no text below it\n  fix: write it there, or remove the heading"),
        ("\ufeff# Instruction:\n \n", "line 1: '# Instruction' has no text below it\n  fix: write it there, or remove the heading"),
        (f"# Instruction\n\n{BLOCK}", "line 1: '# Instruction' has no text below it\n  fix: write it there, or remove the heading"),
        # Texts that are missing.
        ("# Query:\n```\n\n```\n# Answer:\n```\na\n```", f"line 3: the query of example 1 is empty\n  {NO_TEXT}"),
        (f"{BLOCK}# Query:\n```\nq\n```\n# Answer:\n```\n```", f"line 16: the answer of example 2 is empty\n  {NO_TEXT}"),
        ("# User:\n# Assistant:\nhi\n", f"line 2: the query of example 1 is empty\n  {NO_TEXT}"),
        ("# Query:\n```\nq\n```\n", "line 3: the last query has no answer\n  expected: '# Answer:'"),
        ("# User:\n\nhi\n", "line 3: the last query has no answer\n  expected: '# Assistant:'"),
        (f"{BLOCK}\n# Query:\n```\nq\n```\n\n# Answer:\n```\n", "line 18: the last answer is open\n  fix: end the file before it"),
        ("# User:\n\nhi\n\n# Assistant:\n\n", "line 7: the last answer is open\n  fix: end the file before it"),
        (f"# Query:\n```\nq\n```\n\n{BLOCK}", f"line 6: '# Query:' inside of the block of line 1\n  {CLOSED}"),
        (f"{BLOCK}# Answer:\n```\na\n```\n", f"line 10: '# Answer:' inside of the block of line 6\n  {CLOSED}"),
        # Fences that are missing.
        (f"# Query:\n```\nq\n\n# Answer:\n```\na\n```\n\n{BLOCK}", f"line 5: '# Answer:' inside of the block of line 1\n  {CLOSED}"),
        ("# Query:\n```\nq\n```\n\n# Answer:\n```\na\n", f"line 7: the fence '```' is not closed\n  {OUTSIDE}"),
        ("# Query:\n```\nq\n```\n\n# Answer:\n``````\n", "line 8: the last answer is open\n  fix: end the file before it"),
        ("# Query:\n```\nq``````\n# Answer:\n```\na\n```\n", f"line 4: '# Answer:' inside of the block of line 1\n  {CLOSED}"),
        (f"{BLOCK}\nThat is all.\n", f"line 7: the fence '```' is not closed\n  {OUTSIDE}"),
        (f"{BLOCK}\n# Query:\nq\n\n# Answer:\na\n", f"line 7: the fence '```' is not closed\n  {OUTSIDE}"),
        ("# Query:\n```\nq\n```\n\n# Answer:\n```\na\n```\n```\n", None),
        # Headings that open nothing.
        ("S\n\n# Query:\nq\n\n# Answer:\na\n", f"line 3: '# Query:' {OPENS}"),
        ("S\n\n# Query: q\n\n# Answer: a\n", f"line 3: '# Query: q' {OPENS}"),
        (f"S\n\n# Answer:\n```\na\n```\n\n{BLOCK}", f"line 3: '# Answer:' {OPENS}"),
        (f"# Query:\n{BLOCK}", f"line 1: '# Query:' {OPENS}"),
        (f"{BLOCK}\n# Query:\n{BLOCK}", f"line 12: '# Query:' inside of the block of line 6\n  {CLOSED}"),
        (f"S\n\n## Query:\n{BLOCK[9:]}", f"line 3: '## Query:' {OPENS}"),
        (f"S\u2028\x85\x0c\n\n # Query:\n{BLOCK[9:]}", f"line 3: '# Query:' {OPENS}"),
        (BLOCK + BLOCK.replace("#", " #"), f"line 10: '# Query:' inside of the block of line 6\n  {CLOSED}"),
        ("S\r\r# Query:\r```\rq\r```\r\r# Answer:\r```\ra\r```\r", f"line 1: '# Query:' {OPENS}"),
        # Headings inside of an answer.
        (f"{BLOCK[:-4]}\n# Query:\n```\n", f"line 8: the answer of example 1 ends with the heading '# Query:'\n  {NO_TEXT}"),
        ("# Query:\n```\nq\n```\n# Answer:\n```\nSee:\n# Answer:\n```\nx\n```\n```\n", f"line 8: '# Answer:' inside of the block of line 5\n  {CLOSED}"),
        ("# User:\nhi\n\n# Assistant:\n~~~\n# User:\nx\n# Assistant:\ny\n~~~\n", f"line 5: the answer of example 1 ends inside of a code fence\n  {NO_TEXT}"),
        ("# User:\nhi\n\n# Assistant:\na\n # User:\nb\n", f"line 5: the answer of example 1 has a line that begins with '# User:'\n  {NO_TEXT}"),
        ("# User:\nhi\n\n# User:\nho\n", "line 4: '# User:' out of turn\n  expected: '# Assistant:', so that every query has one answer"),
        ("\ufeff# Assistant:\nhi\n", "line 1: '# Assistant:' out of turn\n  expected: '# User:', so that every query has one answer"),
        # Dialects that cannot be told.
        ("Be kind.\nUsers write under \"# User:\".\n", f"line 2: {UNCLEAR}: the text speaks of '# User:' and has no block\n  {NAME_IT}"),
        ("S\n\n# User:\n\nhi\n\n# Assistant:\na\n", f"line 3: {UNCLEAR}: as many headings with a blank line below as without\n  {NAME_IT}"),
    ],
)  # fmt: skip
def test_a_broken_file_names_its_line(text: str, message: str | None, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(text.encode())
    if message is None:
        assert isinstance(import_file(path, None), Prompt)
        return
    with pytest.raises(UrialError) as caught:
        import_file(path, None)
    assert str(caught.value) == f"{path}, {message}"


@pytest.mark.parametrize(
    ("text", "dialect", "message"),
    [
        (f"S\n\n{BLOCK}", "user-assistant-loose", f"line 3: '# Query:' {OPENS_USER}"),
        ("S\n\n# User:\nq\n\n# Assistant:\na\n", "backticks", f"line 3: '# User:' {OPENS}"),
        ("S\n\n# User:\nq\n\n# Assistant:\na\n", "plain", "line 3: '# User:' opens no block\n  expected: 'Question:' or "
         "'Answer:' at the start of a line, and the text below it"),
    ],
)  # fmt: skip
def test_a_file_of_another_dialect_than_said(text: str, dialect: DialectName, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(UrialError) as caught:
        import_file(path, dialect)
    assert str(caught.value) == f"{path}, {message}"


def imported_or_refused(path: Path, dialect: DialectName | None) -> Prompt | Rubric | None:
    """What the file holds; None where it is refused, with a short message that names file and line."""
    try:
        found = import_file(path, dialect)
    except UrialError as error:
        message = str(error)
    else:
        return found if isinstance(found, Prompt) else found[0]
    assert re.match(rf"{re.escape(str(path))}(?:, line \d+: |: no text\n)", message)
    assert len(message) < len(str(path)) + 500
    return None


whole = st.sampled_from(
    ("# Instruction\n\nBe kind.\n\n", BLOCK, f"\n{BLOCK}", BLOCK.replace("\n", "\r\n"), BLOCK.replace("```\n", "```"),
     "# User:\nhi\n\n# Assistant:\nho\n", "\n# User:\n\nhi\n\n# Assistant:\n\nho\n", "Question:\nhi\nAnswer:\nho\n")
)  # fmt: skip
pieces = st.sampled_from(
    (
        *TRICKY,
        "# Query:\n```q```\n\n",
        "# Query: x",
        "\n# Answer:\n",
        "\n# Query:\n",
        "\n```\n",
        "S\n",
        "${instruction}",
        '"depth": {"reason": "", "score": ""}',
        "$",
    )
)
# Mostly a file of whole blocks with a few things in between.
fragments = whole | whole | pieces


@given(parts=st.lists(fragments, max_size=8), dialect=st.sampled_from((None, None, None, *DIALECTS)))
@example(parts=["S\r"], dialect="backticks")
@example(parts=["\ufeffS"], dialect="plain")
def test_anything_is_kept_exactly_or_refused(
    parts: list[str], dialect: DialectName | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, text = tmp_path_factory.mktemp("file"), "".join(parts)
    path, out = folder / "x.txt", folder / "x.yaml"
    path.write_bytes(text.encode())
    found = imported_or_refused(path, dialect)
    if found is None:
        return
    write_prompt(out, found)
    if isinstance(found, Prompt):
        assert render(read_prompt(out), "q").text == text + appended(found.dialect, "q")
        check_number(found, text)
    else:
        assert found.template == text


def check_number(found: Prompt, text: str) -> None:
    """No heading of a block is lost in another text."""
    if found.dialect == "backticks":
        assert len(re.findall(r"^\ufeff?[ \t]*# Query:\s*```", text, re.MULTILINE)) == len(found.examples)
    else:
        dialect = DIALECTS[found.dialect]
        assert [item for pair in pairs(found) for item in pair if heading_line(item, dialect)] == []


LONG = {
    "backticks": "`" * 300_000,
    "backticks after a heading": "# Query:\n" + "`" * 300_000,
    "newlines": "# Query:\n" + "\n" * 300_000 + "x",
    "newlines at the end": BLOCK + "\n" * 300_000 + "x",
    "returns": "\r" * 300_000 + "x",
    "returns and newlines": "# User:" + "\r\n" * 150_000 + "x",
    "fences": "# Query:\n" + "```\n" * 100_000,
    "fences far apart": "# Query:\n```\n" + ("```" + "\n" * 2_000) * 150 + "x",
    "fences, spaces": "# Query:\n```\n" + "``` \t" * 60_000,
    "runs of one backtick less": "# Query:\n" + "`" * 600 + "\n" + ("`" * 599 + " ") * 500,
    "spaces": " " * 300_000,
    "a heading and spaces": "# User:" + " " * 300_000 + "\nx",
    "lines of spaces": "S\n" + (" " * 999 + "\n") * 300 + "x",
    "headings": "# Query:\n" * 30_000,
    "headings of users": "# User:\n" * 30_000,
    "pairs of headings": "# User:\nx\n# Assistant:\n" * 12_000,
    "blocks": BLOCK * 6_000,
    "blocks without an end": "# Query:\n```\nq\n" * 20_000,
    "nested": "# Query:\n```\n" + "# Answer:\n\n\n" * 20_000 + "```\n\n# Answer:\n```\na\n```\n",
    "instructions": "# Instruction\n" * 20_000,
    "hashes": "#" * 300_000,
    "hashes and returns": "#\r" * 150_000,
    "dollars": "${" * 150_000,
    "marks": "\ufeff" * 100_000,
    "answers": "Question:\nx\n\nAnswer:\ny\n\n" * 10_000,
}


@pytest.mark.parametrize("name", LONG)
def test_long_files_take_a_moment(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(LONG[name].encode())
    begun = time.process_time()
    for dialect in (None, *DIALECTS):
        if found := imported_or_refused(path, dialect):
            assert isinstance(found, Prompt)
            assert render(found, "q").text == LONG[name] + appended(found.dialect, "q")
    for each in DIALECTS.values():
        assert len(heading_line(LONG[name], each) or "") < 20
    assert longest_run(LONG[name]) <= 300_000
    with_query = render(Prompt.model_validate(ZERO_SHOT), LONG[name])
    assert parse_text(with_query.text, DIALECTS["backticks"]).turns == [(LONG[name], None)]
    assert time.process_time() - begun < 5


ZERO_SHOT = {
    "description": "d", "method": "zero-shot", "dialect": "backticks", "system": None, "examples": (), "source": "s",
    "licence": "MIT",
}  # fmt: skip
