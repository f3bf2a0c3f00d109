"""Chat messages as the history of a rendering."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.prompts.authoring.history import EXPECTED, read_history

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
USER, ASSISTANT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


def messages(turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


@given(turns=st.lists(st.tuples(TEXT, TEXT), max_size=4), ascii_only=st.booleans())
def test_every_conversation_is_read_back(
    turns: list[tuple[str, str]], ascii_only: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("history") / "history.json"
    path.write_text(json.dumps(messages(turns), ensure_ascii=ascii_only), "utf-8")
    assert read_history(path) == turns


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ", line 1: not valid JSON"),
        (b"[\n{", ", line 2: not valid JSON"),
        (b"{}", ": not a list"),
        ([USER], ": the last message has no answer"),
        ([ASSISTANT, USER], ": message 1 is not one of the role 'user' with a text"),
        ([USER, USER], ": message 2 is not one of the role 'assistant' with a text"),
        ([USER, {"role": "assistant", "content": None}], ": message 2 is not one of the role 'assistant' with a text"),
        ([{"role": "system", "content": "s"}], ": message 1 is not one of the role 'user' with a text"),
        (b"[" * 100_000, ": not valid JSON"),
    ],
)
def test_what_is_no_conversation_is_refused(tmp_path: Path, data: Any, message: str) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    with pytest.raises(UrialError) as caught:
        read_history(path)
    assert str(caught.value) == f"{path}{message}\n  expected: {EXPECTED}"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_bytes(b'["\xff"]')
    with pytest.raises(UrialError, match="line 1: invalid UTF-8 at byte 2"):
        read_history(tmp_path / "history.json")
