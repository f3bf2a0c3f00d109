"""Published texts that ask a judge: imported to the byte, filled in one pass."""

from pathlib import Path

import pytest
from hypothesis import given

from tests.prompts.texts import any_text
from urial.errors import UrialError
from urial.prompt_records import JudgeTemplate
from urial.prompts.importing import fill, import_file
from urial.prompts.writing import write_prompt
from urial.yaml_files import parse_yaml_record

TEXT = "Rate this.\r\n\n# Query:\n```${instruction}```\n\n# Answer:\n```\n${candidate}\n``` \n"
KNOWN = "expected: ${instruction} and ${candidate}"
DIALECT = "fix: where it is a prompt and no template for judges, name its dialect with --dialect"


def make_template(template: str) -> JudgeTemplate:
    return JudgeTemplate(description="d", template=template, source="s", licence="MIT")


def test_a_template_keeps_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_bytes(TEXT.encode())
    found = import_file(path, None)
    assert isinstance(found, JudgeTemplate)
    assert (found.template, found.description, found.licence) == (TEXT, "published template for judges", "NOASSERTION")
    assert found.source.startswith("judge.txt (sha256:")
    write_prompt(tmp_path / "judge.yaml", found)
    assert parse_yaml_record(tmp_path / "judge.yaml", JudgeTemplate) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${instruction}\n\n${candidat}\n", f"line 3: unknown placeholder ${{candidat}}\n  {KNOWN}\n  {DIALECT}"),
        ("${candidate}\n${ instruction }", f"line 2: unknown placeholder ${{ instruction }}\n  {KNOWN}\n  {DIALECT}"),
        ("${}\n${candidate}", f"line 1: unknown placeholder ${{}}\n  {KNOWN}\n  {DIALECT}"),
        (
            "${instruction}\n",
            "line 1: a template for judges without ${candidate}\n  expected: where the answer belongs",
        ),
    ],
)
def test_a_wrong_placeholder_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_text(text)
    with pytest.raises(UrialError) as caught:
        import_file(path, None)
    assert str(caught.value) == f"{path}, {message}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("${instruction}", "the template has no ${candidate}, the answer to judge"),
        ("${candidate} ${b} ${a}", "unknown placeholder ${a}; known are ${instruction} and ${candidate}"),
    ],
)
def test_a_template_on_file_is_checked_too(template: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "judge.yaml"
    path.write_text(f"description: d\ntemplate: '{template}'\nsource: s\nlicence: MIT\n")
    with pytest.raises(UrialError) as caught:
        parse_yaml_record(path, JudgeTemplate)
    assert str(caught.value).startswith(f"{path}: field 'the whole value': {message}, got {{")


def test_what_is_filled_in_is_not_read_again() -> None:
    template = make_template("I: ${instruction} C: ${candidate} I: ${instruction} $ ${")
    filled = fill(template, "a ${candidate}", "b ${instruction} \\1 \\g<0>")
    assert filled == "I: a ${candidate} C: b ${instruction} \\1 \\g<0> I: a ${candidate} $ ${"


@given(instruction=any_text, candidate=any_text)
def test_anything_is_filled_in_as_it_is(instruction: str, candidate: str) -> None:
    template = make_template("<${instruction}|${candidate}>")
    assert fill(template, instruction, candidate) == f"<{instruction}|{candidate}>"


def test_the_other_way_of_writing_placeholders_is_filled_too(tmp_path: Path) -> None:
    path = tmp_path / "judge.md"
    path.write_text("{$instruction} and {$candidate}: {$, $} stay.")
    found = import_file(path, None)
    assert isinstance(found, JudgeTemplate)
    assert fill(found, "{$candidate}", "${instruction}") == "{$candidate} and ${instruction}: {$, $} stay."
