"""`urial import preferences`, `urial import length-control-reference` and `urial win-rates`."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.exchange.importers.preference_files import annotation, game
from tests.judge.files.references import FIELDS, alpaca_files, reference_csv, rows
from urial.core.hashing import content_hash
from urial.judge.files import length_references
from urial.records.win_rates import WinRates


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the project, whose run has instructions of its own."""
    monkeypatch.chdir(tmp_path)


def annotations(path: Path, count: int = 40, **changes: Any) -> Path:
    made = [
        annotation(number, 1 + (number * 7 % 10) / 9, output_2="a" * (1 + number * 7 % 33), **changes)
        for number in range(count)
    ]
    path.write_text(json.dumps(made), "utf-8")
    return path


def imported(name: str, **changes: Any) -> Path:
    path, out = annotations(Path(f"{name}.json"), **changes), Path(f"{name}.jsonl")
    done = invoke("import", "preferences", path, "--out", out)
    assert done.exit_code == 0, done.output
    return out


def test_import_says_what_it_wrote_and_replaces_nothing() -> None:
    path = annotations(Path("annotations.json"), 4)
    command: list[str | Path] = [
        "import",
        "preferences",
        path,
        "--out",
        Path("out.jsonl"),
        "--instructions-out",
        Path("i.jsonl"),
    ]
    assert invoke(*command).output == "out.jsonl: 4 preferences, mine against base: 3 loss, 1 win\n"
    assert len(Path("i.jsonl").read_text("utf-8").splitlines()) == 4
    again = invoke(*command)
    assert (again.exit_code, "already exists" in again.output) == (1, True)
    assert invoke(*command, "--force").exit_code == 0


def test_a_file_without_texts_has_no_instructions_to_write() -> None:
    Path("games.jsonl").write_text(json.dumps(game(81)) + "\n", "utf-8")
    done = invoke("import", "preferences", Path("games.jsonl"), "--out", Path("o.jsonl"), "--instructions-out", Path("i.jsonl"))  # fmt: skip
    assert (done.exit_code, "no texts of instructions" in done.output) == (1, True)
    assert not Path("o.jsonl").exists()


def test_win_rates_as_json_and_as_tables() -> None:
    rows_file, reference = imported("mine"), reference_csv(Path("made-up.csv"))
    command: list[str | Path] = ["win-rates", rows_file, "--length-control", reference, "--resamples", "100"]
    rates = WinRates.model_validate_json(invoke(*command, "--json").output)
    control = rates.systems[0].figures[0].length_control
    assert control is not None
    assert control.reference is not None
    digest = hashlib.sha256(reference.read_bytes()).hexdigest()
    assert (control.reference.name, control.reference.hash) == ("made-up", f"sha256:{digest}")
    given = WinRates.model_validate_json(invoke(*command, "--regularization", "2", "--json").output)
    assert given.systems[0].figures[0].length_control is not None
    assert given.systems[0].figures[0].length_control.regularization == 2
    text = invoke(*command).output
    assert "### Win rates (%)" in text
    assert "length-controlled (reference made-up" in text


def test_two_systems_by_data_set() -> None:
    one, two = imported("one", generator_2="one"), imported("two", generator_2="two")
    done = invoke("import", "preferences", Path("one.json"), "--out", Path("x.jsonl"), "--instructions-out", Path("i.jsonl"))  # fmt: skip
    assert done.exit_code == 0
    text = invoke("win-rates", one, two, "--by", "source", "--instructions", Path("i.jsonl")).output
    assert "### Ratings" in text
    assert "### Win rates (%), by source" in text
    assert "| koala | " in text


def test_judges_that_differ_are_shown_only_when_asked() -> None:
    one, two = imported("one", generator_2="one"), imported("two", generator_2="two", annotator="other")
    refused = invoke("win-rates", one, two)
    assert (refused.exit_code, "different judges" in refused.output) == (1, True)
    assert "do not compare" in invoke("win-rates", one, two, "--mixed-judges").output


@pytest.mark.parametrize("option", ["--no-anchors", "--join=row"])
def test_options_of_a_reference_need_one(option: str) -> None:
    done = invoke("win-rates", imported("mine"), option)
    assert (done.exit_code, "name one with --length-control" in done.output) == (1, True)


@pytest.mark.parametrize("strength", ["0", "-1", "nan", "inf", "x"])
def test_a_regularization_is_a_number_above_0(strength: str) -> None:
    assert invoke("win-rates", Path("any"), "--regularization", strength).exit_code == 2


def own_files() -> list[str | Path]:
    """The command that makes a reference of AlpacaEval's files."""
    alpaca_files(Path())
    return ["import", "length-control-reference", Path("df_gamed.csv"), Path("instruction_difficulty.csv"),
            "--instructions", Path("alpaca_eval.json"), "--out", Path("reference.json")]  # fmt: skip


def test_alpaca_eval_s_files_become_a_reference() -> None:
    done = invoke(*own_files())
    assert done.output.startswith("reference.json: 40 instructions, not AlpacaEval 2's own files, by their hashes; ")
    found = length_references.read_reference(Path("reference.json")).content
    expected = rows(40)
    for row, wanted in zip(found.rows, expected, strict=True):
        values = row.model_dump()
        assert {name: values[name] for name in FIELDS if name != "switched"} == {
            name: wanted[name] for name in FIELDS if name != "switched"
        }
    own = imported("mine", generator_1="gpt4_1106_preview")
    text = invoke("win-rates", own, "--length-control", Path("reference.json"), "--resamples", "100").output
    assert "length-controlled (reference alpaca-eval-2, sha256" in text
    other = invoke("win-rates", imported("other"), "--length-control", Path("reference.json"))
    assert (other.exit_code, "anchor runs of alpaca-eval-2 are of gpt4_1106_preview" in other.output) == (1, True)


def test_only_alpaca_eval_s_own_files_give_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    command = own_files()
    names = ("df_gamed.csv", "instruction_difficulty.csv")
    hashes = {name: f"sha256:{hashlib.sha256(Path(name).read_bytes()).hexdigest()}" for name in names}
    monkeypatch.setattr(length_references, "ALPACA_SOURCES", hashes)
    monkeypatch.setattr(length_references, "ALPACA_TEXTS", "sha256:" + "0" * 64)
    assert "not AlpacaEval 2's own" in invoke(*command).output
    content = length_references.read_reference(Path("reference.json")).content
    texts = content_hash([row.instruction_sha256_16 for row in content.rows])
    monkeypatch.setattr(length_references, "ALPACA_TEXTS", texts)
    assert "instructions, AlpacaEval 2's own;" in invoke(*command, "--force").output
    own = imported("mine", generator_1="gpt4_1106_preview")
    text = invoke("win-rates", own, "--length-control", Path("reference.json"), "--resamples", "100").output
    assert "length-controlled (AlpacaEval 2, reference alpaca-eval-2" in text


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("df_gamed.csv", "preference,", "preferences,", "no column 'preference'"),
        ("df_gamed.csv", "concise", "verbose", "instruction 0 of 'gpt4_1106_preview_verbose' again"),
        ("df_gamed.csv", "0.25,0,", "1.5,0,", "column 'preference': got 1.5"),
        ("df_gamed.csv", "0.25,0,", "0.25,x,", "column 'index': got 'x'"),
        ("df_gamed.csv", "0.25,0,", "0.25,99,", "the two anchor runs are of different instructions"),
        ("df_gamed.csv", "False", "True", "column 'not_gamed_baseline': got 'True'"),
        ("alpaca_eval.json", '{"instruction": "Why 39?"}', '{"instruction": "Why 39?"}, {"instruction": "More?"}', "and 41 in alpaca_eval.json"),
        ("instruction_difficulty.csv", "\n39,", "\n40,", "not the instructions of df_gamed.csv"),
        ("instruction_difficulty.csv", ",0\r\n", ",0\r\n0,nan\r\n", "got 'nan'"),
    ],
)  # fmt: skip
def test_files_that_are_not_alpaca_eval_s_are_refused(file: str, old: str, new: str, message: str) -> None:
    command = own_files()
    text = Path(file).read_text("utf-8") if file != "instruction_difficulty.csv" else Path(file).read_bytes().decode()
    assert old in text
    Path(file).write_bytes(text.replace(old, new, 1 if file != "df_gamed.csv" or old != "concise" else -1).encode())
    done = invoke(*command)
    assert (done.exit_code, message in done.output) == (1, True), done.output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("difficulty", "hardness", "no column 'difficulty'"),
        ("verbose_delta", "verbose_length", "unknown column 'verbose_length'"),
        ("\n1,", "\n0,", "two rows have one index"),
        (",0.25\n", ",1.25\n", "concise_preference"),
        (",0.25\n", ",nan\n", "concise_preference"),
        (",0.25\n", ",much\n", "column 'concise_preference': got 'much'"),
        (",0.25\n", ",0.25,\n", "number of cells"),
        ("\n0,", "\n" + "9" * 5_000 + ",", "column 'index': got '999"),
        ("0.345584", "1e300", "difficulty"),
    ],
)
def test_a_table_that_is_no_reference_is_refused(old: str, new: str, message: str) -> None:
    path = reference_csv(Path("made-up.csv"))
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    done = invoke("win-rates", imported("mine"), "--length-control", path)
    assert (done.exit_code, message in done.output) == (1, True), done.output


def test_a_reference_of_one_anchor_run_or_of_none() -> None:
    path = reference_csv(Path("made-up.csv"))
    with path.open(encoding="utf-8", newline="") as stream:
        table = [[row[name] for name in FIELDS[:4]] for row in csv.DictReader(stream)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([FIELDS[:4], *table])
    text = invoke("win-rates", imported("mine"), "--length-control", path).output
    assert "length-adjusted with difficulty (reference made-up" in text
