from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.core.yaml_files import MAX_BYTES, parse_yaml_record, read_text
from urial.records.prompt import Prompt

GOOD = """\
description: d
method: urial
dialect: backticks
system: null
examples:
  - query: q
    answer: a
source: s
licence: MIT
"""
CORRECT = "\n  fix: correct the line"
EXPECTED = "\n  expected: the record Prompt as in schemas/"
WHOLE = "field 'the whole value'"


def written(folder: Path, data: str | bytes) -> Path:
    path = folder / "p.yaml"
    path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    return path


def refused(folder: Path, data: str | bytes) -> str:
    path = written(folder, data)
    with pytest.raises(UrialError) as caught:
        parse_yaml_record(path, Prompt)
    return str(caught.value).replace(str(path), "p.yaml")


def without(text: str, line: str) -> str:
    return GOOD.replace(text, line, 1)


NO_TEXT = "\n  expected: keys that are texts\n  fix: write it in quotes, or choose a name that begins with a letter"
BAD: dict[str, tuple[str | bytes, str]] = {
    "duplicate key": (
        GOOD + "system: x\n",
        f"""p.yaml, line 10: not valid YAML: found duplicate key "system" with value "x" (original value: "None"){CORRECT}""",
    ),
    "tab": (
        "a:\n\tb: 1\n",
        f"p.yaml, line 2: not valid YAML: found character '\\t' that cannot start any token{CORRECT}",
    ),
    "indentation": (
        "a:\n   b: 1\n  c: 2\n",
        f"p.yaml, line 3: not valid YAML: expected <block end>, but found '<block mapping start>'{CORRECT}",
    ),
    "undefined alias": ("a: 1\nb: *x\n", f"p.yaml, line 2: not valid YAML: found undefined alias 'x'{CORRECT}"),
    "two documents": (GOOD + "---\na: 1\n", f"p.yaml, line 10: not valid YAML: but found another document{CORRECT}"),
    "NUL": (
        "a: \0\n",
        "p.yaml: not valid YAML: unacceptable character #x0000: special characters are not allowed\n  fix: correct the file",
    ),
    "no date": ("a: 2001-99-99\n", "p.yaml: not valid YAML: month must be in 1..12\n  fix: correct the file"),
    "deep": ("[" * 1_000, "p.yaml: not valid YAML: maximum recursion depth exceeded\n  fix: correct the file"),
    "invalid UTF-8": (
        b"description: d\nmethod: \xff\n",
        "p.yaml, line 2: invalid UTF-8 at byte 23\n  fix: save the file as UTF-8",
    ),
    "UTF-16": (
        GOOD.encode("utf-16"),
        "p.yaml, line 1: invalid UTF-8 at byte 0\n  fix: save the file as UTF-8",
    ),
    "empty": ("", f"p.yaml: {WHOLE}: input should be an object, got None{EXPECTED}"),
    "comment alone": ("# x\n", f"p.yaml: {WHOLE}: input should be an object, got None{EXPECTED}"),
    "scalar": ("abc", f"p.yaml: {WHOLE}: input should be an object, got 'abc'{EXPECTED}"),
    "list": ("- a\n", f"p.yaml: {WHOLE}: input should be an object, got ['a']{EXPECTED}"),
    "keys 1 and '1'": ("1: a\n'1': b\n", f"p.yaml, line 1: the key 1 is a number, and no text{NO_TEXT}"),
    "a key that is a number": (
        "description: x\n7: y\n",
        f"p.yaml, line 2: the key 7 is a number, and no text{NO_TEXT}",
    ),
    "a key that is true": (
        "x:\n  a: 1\n  true: b\n",
        f"p.yaml, line 3: the key True is true or false, and no text{NO_TEXT}",
    ),
    "a key that is a float": ("2.5: b\n", f"p.yaml, line 1: the key 2.5 is a number, and no text{NO_TEXT}"),
    "an empty key": ("~: b\n", f"p.yaml, line 1: the key None is empty, and no text{NO_TEXT}"),
    "a key that is a date": (
        "[{2024-01-02: b}]\n",
        f"p.yaml, line 1: the key datetime.date(2024, 1, 2) is a date or a list, and no text{NO_TEXT}",
    ),
    "number for text": (
        without("source: s", "source: 5"),
        f"p.yaml: line 8: field 'source': input should be a valid string, got 5{EXPECTED}",
    ),
    "date for text": (
        without("system: null", "system: [2001-01-01]"),
        f"p.yaml: line 4: field 'system': input should be a valid string, got ['2001-01-01']{EXPECTED}",
    ),
    "nested unknown": (
        without("    answer: a", "    answer: a\n    anser: b"),
        f"p.yaml: line 8: unknown field 'examples.0.anser'; did you mean 'answer'?{EXPECTED}",
    ),
    "nested missing": (
        without("    answer: a\n", ""),
        f"p.yaml: line 6: missing field 'examples.0.answer'{EXPECTED}",
    ),
    "merged key": (
        "x-base: &base {metod: urial}\n"
        + without("examples:\n", "examples:\n  - <<: *base\n    query: q\n    answer: a\n"),
        "p.yaml: line 7: unknown field 'examples.0.metod'; known names: answer, query; "
        f"line 1: unknown field 'x-base'; known names: description, dialect, examples, fence, layout, licence, method, retrieval, shown, source, stop, system{EXPECTED}",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    data, message = BAD[name]
    assert refused(tmp_path, data) == message


def test_aliases_cannot_explode(tmp_path: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert refused(tmp_path, bomb) == "p.yaml: more than 100,000 values\n  fix: remove nested YAML aliases"


def test_an_alias_to_itself_ends(tmp_path: Path) -> None:
    assert refused(tmp_path, "a: &a [*a]\n").startswith("p.yaml: ")


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD + "#" * 3_000_000) == "p.yaml: too large\n  expected: at most 2,000,000 bytes"


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(UrialError, match=r"^/dev/zero: too large\n  expected: at most 1,000 bytes$"):
        read_text(Path("/dev/zero"), 1_000)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    text = without("system: null", "system: " + "x" * (MAX_BYTES - len(GOOD) + len("null")))
    assert len(text) == MAX_BYTES
    assert len(parse_yaml_record(written(tmp_path, text), Prompt).system or "") > 1_900_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=r"/none\.yaml: cannot be read: No such file or directory\n  fix: check the"):
        parse_yaml_record(tmp_path / "none.yaml", Prompt)


def test_a_tag_never_runs_code(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    refused(tmp_path, without("method: urial", f"method: !!python/object/apply:os.mkdir ['{marker}']"))
    assert not marker.exists()


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"%YAML 1.2\n---\n", b"# comment\n\n"])
def test_usual_beginnings_of_a_file_are_read(tmp_path: Path, prefix: bytes) -> None:
    assert parse_yaml_record(written(tmp_path, prefix + GOOD.encode()), Prompt).source == "s"


def test_words_that_old_yaml_took_for_truth_values_are_text(tmp_path: Path) -> None:
    for word in ("no", "yes", "on", "off"):
        assert parse_yaml_record(written(tmp_path, without("system: null", f"system: {word}")), Prompt).system == word


def test_block_text_keeps_its_line_breaks(tmp_path: Path) -> None:
    text = without("system: null", "system: |-\n  a\n\n   b `c` \\n\n  é\U0001f600")
    assert parse_yaml_record(written(tmp_path, text), Prompt).system == "a\n\n b `c` \\n\né\U0001f600"


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_the_bytes_only_the_project_s_error_comes_out(tmp_path_factory: Any, data: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp(), data)
    with pytest.raises(UrialError) as caught:
        parse_yaml_record(path, Prompt)
    assert str(caught.value).startswith(f"{path}")


@given(st.text(alphabet="ab: -[]{}&*!|>'\"#%@`,?\n\t<=0.~", max_size=40))
def test_whatever_the_punctuation_only_the_project_s_error_comes_out(tmp_path_factory: Any, text: str) -> None:
    path = written(tmp_path_factory.getbasetemp(), f"source:\n  {text}")
    with pytest.raises(UrialError) as caught:
        parse_yaml_record(path, Prompt)
    assert str(caught.value).startswith(f"{path}")
