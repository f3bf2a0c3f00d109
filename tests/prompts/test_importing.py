"""Published prompt files, real and invented: kept to the byte, with the right parts."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prompts.published import Published, fenced_files, unfenced_files
from tests.prompts.texts import any_text, appended, core, dialect_of, make_prompt, pairs
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.prompts.authoring.importing import MAX_BYTES, import_file
from urial.prompts.authoring.writing import write_prompt
from urial.prompts.versions.library import read_prompt
from urial.prompts.versions.parsing import parse_text
from urial.prompts.versions.rendering import constant_text, render
from urial.records.prompt import DialectName, Prompt

UPSTREAM: dict[str, tuple[DialectName, int]] = {
    "inst_1k_v4.txt": ("backticks", 3),
    "inst_help_v5-1k.txt": ("user-assistant-loose", 3),
    "inst_only.txt": ("backticks", 0),
}


def import_text(folder: Path, text: str, dialect: DialectName | None = None) -> Prompt:
    path = folder / "file.txt"
    path.write_bytes(text.encode())
    found = import_file(path, dialect)
    assert isinstance(found, Prompt)
    return found


def written_and_read(folder: Path, prompt: Prompt) -> Prompt:
    path = folder / "imported.yaml"
    path.unlink(missing_ok=True)
    write_prompt(path, prompt)
    return read_prompt(path)


@pytest.mark.parametrize("auto", [True, False])
@pytest.mark.parametrize("name", UPSTREAM)
def test_an_upstream_file_keeps_every_byte(name: str, auto: bool, upstream_prompts: Path, tmp_path: Path) -> None:
    dialect, k = UPSTREAM[name]
    path = upstream_prompts / name
    text = path.read_bytes().decode()
    found = import_file(path, None if auto else dialect)
    assert isinstance(found, Prompt)
    assert (found.dialect, found.method, len(found.examples), found.licence) == (dialect, "urial", k, "NOASSERTION")
    assert found.source == f"{name} ({bytes_hash(path.read_bytes())})"
    assert found.description == f"published prompt, K={k}"
    assert found.system is not None
    assert found.system.startswith("Below is a list of conversations")
    assert found.system.endswith("some controversial topics.")
    assert [item for pair in pairs(found) for item in pair if item.strip("\r\n") != item] == []
    again = written_and_read(tmp_path, found)
    assert again == found
    for query in ("Why is the sky blue?", "two\n\nlines ", ""):
        assert render(found, query).text == render(again, query).text == text + appended(dialect, query)


@pytest.mark.parametrize("name", UPSTREAM)
@given(query=any_text | st.text())
def test_an_upstream_file_is_followed_by_any_query(name: str, query: str, upstream_prompts: Path) -> None:
    path = upstream_prompts / name
    found = import_file(path, None)
    assert isinstance(found, Prompt)
    assert render(found, query).text == path.read_bytes().decode() + appended(found.dialect, query)


@given(file=fenced_files() | unfenced_files(), auto=st.booleans(), query=any_text)
def test_a_file_of_a_published_family(
    file: Published, auto: bool, query: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("file")
    told = auto and (bool(file.examples) or "# User:" not in file.text)
    found = import_text(folder, file.text, None if told else file.dialect)
    assert (found.dialect, found.system, pairs(found)) == (file.dialect, file.system, file.examples)
    assert constant_text(found) == file.text
    again = written_and_read(folder, found)
    assert again == found
    assert render(again, query).text == file.text + appended(file.dialect, query)


@given(file=fenced_files() | unfenced_files(), query=any_text, answer=any_text)
def test_no_query_breaks_out_of_an_imported_prompt_unnoticed(
    file: Published, query: str, answer: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    prompt = import_text(tmp_path_factory.mktemp("file"), file.text, file.dialect)
    rendered = render(prompt, query, [(answer, query)])
    if rendered.flag is None:
        parsed = parse_text(rendered.text, dialect_of(prompt))
        found = [(core(asked), None if said is None else core(said)) for asked, said in parsed.turns[-2:]]
        assert (parsed.system, parsed.turns[:-2]) == (prompt.system, pairs(prompt))
        assert found == [(core(answer), core(query)), (core(query), None)]


def test_the_source_is_the_file_and_the_licence_is_left_to_say(tmp_path: Path) -> None:
    text = "# Instruction\n\nBe kind.\n"
    (tmp_path / "x.txt").write_text(text)
    assert import_file(tmp_path / "x.txt", None) == make_prompt(
        "Be kind.",
        description="published prompt, K=0",
        source=f"x.txt ({bytes_hash(text.encode())})",
        licence="NOASSERTION",
        layout=("# Instruction\n\n", "\n"),
    )


def test_a_prompt_without_system_text_is_vanilla_icl(tmp_path: Path) -> None:
    found = import_text(tmp_path, "# Query:\n```q ```\n\n# Answer:\n``` \na\n``` \n")
    assert (found.method, found.system, pairs(found)) == ("vanilla-icl", None, [("q ", "a")])
    assert found.layout == ("# Query:\n```", "```\n\n# Answer:\n``` \n", "\n``` \n")


def test_code_in_an_answer_is_no_placeholder_when_the_dialect_is_said(tmp_path: Path) -> None:
    text = "# Query:\n```\nq\n```\n\n# Answer:\n```\necho ${instruction}\n```\n"
    assert pairs(import_text(tmp_path, text, "backticks")) == [("q", "echo ${instruction}")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ": no text\n  expected: a prompt, or a judge's template"),
        (b" \n\t\r\n\x0b", ": no text\n  expected: a prompt, or a judge's template"),
        (
            b"\xef\xbb\xbf",
            ", line 1: neither a system text nor an example\n  expected: a text before the first query, or examples",
        ),
        (b"# Instruction\n\nfine\n\xff\n", ", line 4: invalid UTF-8 at byte 20\n  fix: save the file as UTF-8"),
        ("a\n".encode("utf-16"), ", line 1: invalid UTF-8 at byte 0\n  fix: save the file as UTF-8"),
        (b"x" * (MAX_BYTES + 1), ": too large\n  expected: at most 1,000,000 bytes"),
    ],
    ids=["empty", "blank", "mark", "utf-8", "utf-16", "large"],
)
def test_a_file_that_is_no_text(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(data)
    with pytest.raises(UrialError) as caught:
        import_file(path, None)
    assert str(caught.value) == f"{path}{message}"


def test_a_folder_or_nothing_at_all(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none.txt", "No such file or directory")):
        with pytest.raises(UrialError) as caught:
            import_file(path, None)
        assert str(caught.value) == f"{path}: cannot be read: {why}\n  fix: check the path"


def test_a_files_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff.txt")
    path.write_text("S")
    found = import_file(path, None)
    assert isinstance(found, Prompt)
    assert found.description == "published prompt, K=0"
    assert found.source == f"a\\xff.txt ({bytes_hash(b'S')})"


def test_nul_and_a_full_megabyte_are_text(tmp_path: Path) -> None:
    text = "# Instruction\n\n\0" + "x" * (MAX_BYTES - 17) + "\n"
    assert constant_text(import_text(tmp_path, text)) == text
