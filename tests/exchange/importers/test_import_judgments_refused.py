"""Score files that are refused, with the whole message."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.importers.score_files import identity, score_row, upstream, without, write
from urial.core.errors import UrialError
from urial.exchange.importers.instructions import read_instructions
from urial.exchange.importers.judgments import import_judgments
from urial.records.judge import describe


def refusal(path: Path, *more: Path, system: str = "theirs") -> str:
    with pytest.raises(UrialError) as caught:
        import_judgments([path, *more], system)
    return str(caught.value).replace(f"{path.parent}/", "")


def of_rows(folder: Path, *rows: dict[str, Any]) -> str:
    return refusal(write(folder / "s.json", rows))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_cand": None}, "s.json, row 1, column 'output_cand': got None\n  expected: text"),
        ({"result": 5}, "s.json, row 1, column 'result': got 5\n  expected: the text of a reply"),
        (
            {"input": " "},
            "s.json, row 1, column 'input': got ' '\n  expected: text that is not blank, of at most 100,000 characters",
        ),
        (
            {"eval_config": {"mode": "score_multi"}},
            "s.json, row 1, column 'eval_config': got {'mode': 'score_multi'}\n"
            "  expected: an object with mode and gpt, the judge model",
        ),
        (
            {"eval_config": {"mode": "score_mutli", "gpt": "x"}},
            "s.json, row 1, column 'eval_config': mode 'score_mutli'\n  expected: score_multi or score_safety\n"
            "  fix: did you mean 'score_multi'?",
        ),
        (
            {"prompt": "Judge."},
            "s.json, row 1, column 'prompt': does not show input and output_cand\n"
            "  expected: '## Query: \\n', the whole input, '\\n \\n## Output:\\n', the whole output_cand, as just-eval "
            "writes them",
        ),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert of_rows(tmp_path, score_row(1), {**score_row(2), **changes}) == message


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    row = {**without(score_row(1), "eval_config"), "eval_conf": {}}
    assert of_rows(tmp_path, row) == (
        "s.json: no column 'eval_config'\n  expected: mode and judge model\n  fix: did you mean 'eval_conf'?"
    )


def test_a_file_of_no_verdicts_is_refused(tmp_path: Path) -> None:
    row = {name: value for name, value in score_row(1).items() if name not in ("result", "parsed_result")}
    assert of_rows(tmp_path, row) == (
        "s.json: neither the column result nor parsed_result\n  expected: score files as just-eval writes them"
    )


def test_an_id_twice_is_refused_even_where_the_rows_are_equal(tmp_path: Path) -> None:
    first = write(tmp_path / "a.json", [score_row(1), score_row(2)])
    second = write(tmp_path / "b.json", [score_row(2)])
    assert refusal(first, second) == (
        "the number 2 twice: in a.json, row 1, and in b.json, row 0\n  expected: one row an instruction\n"
        "  fix: remove one of the two rows"
    )


def test_two_judges_are_refused(tmp_path: Path) -> None:
    message = of_rows(tmp_path, score_row(1), score_row(2, gpt="gpt-y"))
    assert message == (
        f"score_multi: judges or their prompts differ: {describe(identity())!r} in s.json, row 0, and "
        f"{describe(identity(model='gpt-y'))!r} in s.json, row 1\n  expected: the same in every row\n"
        "  fix: import each judge's files on their own"
    )


def test_two_templates_are_refused(tmp_path: Path) -> None:
    other = score_row(2)
    message = of_rows(tmp_path, score_row(1), {**other, "prompt": f"{other['prompt']} Be brief."})
    assert message.startswith("score_multi: judges or their prompts differ: 'imported: gpt-x, ")


def test_two_systems_are_refused(tmp_path: Path) -> None:
    assert of_rows(tmp_path, score_row(1), score_row(2, generator_cand="other")) == (
        "score_multi: the systems in generator_cand differ: 'some-model' in s.json, row 0, and 'other' in s.json, row 1\n"
        "  expected: the same in every row\n  fix: import each system's files on their own"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "s.json: no rows\n  expected: a score file of just-eval"),
        (b"", "s.json: no rows\n  expected: a score file of just-eval"),
        (b"[1]", "s.json, row 0: got 1\n  expected: a JSON object"),
        (b'[{"id": NaN}]', "s.json: NaN is no JSON\n  expected: a JSON array of objects"),
        (b'[{"id": 1, "id": 2}]', "s.json: key 'id' twice in one object\n  expected: a JSON array of objects"),
        (b"\xff[]", "s.json, line 1: invalid UTF-8 at byte 0\n  fix: save the file as UTF-8"),
        (b"[" * 100_000, "s.json: nested too deeply\n  expected: a JSON array of objects"),
        (
            b'[{"id": 1',
            "s.json, line 1: not valid JSON at character 10: Expecting ',' delimiter\n  expected: a JSON array of objects",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(data)
    assert refusal(path) == message


def outcome(path: Path) -> str:
    try:
        return import_judgments([path], "theirs").judgments[0].status
    except UrialError as error:
        return str(error).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("depth", range(840, 1_000, 4))
def test_a_verdict_almost_or_really_too_deep_gives_a_row_or_an_error(tmp_path: Path, depth: int) -> None:
    # How deep Python can parse, compare and show depends on how deep its own stack is.
    row = json.dumps(score_row(1, result="{}", parsed_result=None))
    (tmp_path / "s.json").write_text(f"[{row.replace('null', '[' * depth + ']' * depth)}]")
    too_deep = (
        "s.json: nested too deeply\n  expected: a JSON array of objects",
        "s.json: a row is nested too deeply\n  expected: rows of a few levels",
    )
    assert outcome(tmp_path / "s.json") in ("invalid", *too_deep)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "s.json") == "s.json: cannot be read: No such file or directory\n  fix: check the path"


@pytest.mark.parametrize("name", ["", "a b", "-x", "../x", "x" * 101, "é"])
def test_a_system_needs_a_name(tmp_path: Path, name: str) -> None:
    assert refusal(write(tmp_path / "s.json", [score_row(1)]), system=name).endswith(
        "is no name of a system\n  expected: up to 100 letters, digits, '.', '_' and '-', not beginning with a sign"
    )


def test_the_published_rows_are_all_read() -> None:
    found = import_judgments(sorted(upstream("upstream_judgments").glob("*.json")), "gpt-3.5-turbo-0301").judgments
    asked = {row.id: row for row in read_instructions(upstream("just_eval_instruct.jsonl"))}
    assert [asked[row.instruction_id].turns for row in found] == [(row.query,) for row in found]
    assert len({row.instruction_id for row in found}) == len(found) == 300
    assert {row.status for row in found} == {"scored"}
    assert sorted({describe(row.judge) for row in found if row.judge}) == [
        "imported: gpt-4-1106-preview, just-eval score_multi, template sha256 6f100dada095",
        "imported: gpt-4-1106-preview, just-eval score_safety, template sha256 b5b3caf41e65",
    ]
