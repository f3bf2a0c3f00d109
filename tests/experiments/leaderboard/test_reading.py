import json
import shutil
from pathlib import Path

import pytest

from tests.experiments.leaderboard.written import SCORES, write_run
from tests.leaderboard_entries import Columns, make_entry
from urial.core.errors import UrialError
from urial.core.store import json_bytes
from urial.experiments.leaderboard.reading import read_entry, require_consistent
from urial.experiments.leaderboard.revisions import folder_reader
from urial.records.judgment import ASPECTS
from urial.records.leaderboard_entry import scores_text


def read(folder: Path) -> object:
    return read_entry(folder_reader(folder), "mine", None, None)


def test_a_run_is_read_out_of_its_report_judgments_and_manifests_alone(tmp_path: Path) -> None:
    expected = write_run(tmp_path / "data")
    asked = []

    def reader(path: str) -> bytes:
        asked.append(path)
        return folder_reader(tmp_path)(path)

    entry = read_entry(reader, "mine", "a" * 40, "exp")
    assert entry == expected.model_copy(update={"commit": "a" * 40, "experiment": "exp"})
    assert entry.systems["base-urial"].scores == ({"depth": "5 4 -", "safety": "- - 3"},)
    assert sorted(asked) == [
        "data/judgments/base-urial.jsonl", "data/judgments/base-zero-shot.jsonl", "data/models/base/manifest.json",
        "data/report/report.json",
    ]  # fmt: skip
    assert b"secret" not in json_bytes(entry)


def test_a_report_of_other_judgments_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "data")
    path = tmp_path / "data/judgments/base-urial.jsonl"
    path.write_text(path.read_text("utf-8").replace('"score":5', '"score":4'), "utf-8")
    with pytest.raises(
        UrialError, match=r"2 scores for depth with the mean 4\.0, and in its figures 2 with the mean 4\.5"
    ) as caught:
        read(tmp_path)
    assert str(caught.value).startswith("mine: systems.base-urial:")
    assert "dvc repro" in str(caught.value)


def test_a_report_of_another_model_is_refused_as_of_an_experiment_that_did_not_end(tmp_path: Path) -> None:
    write_run(tmp_path / "other", hub="o/other")
    write_run(tmp_path / "data")
    shutil.copytree(tmp_path / "other/models", tmp_path / "data/models", dirs_exist_ok=True)
    with pytest.raises(
        UrialError, match=r"mine:data/models/base/manifest\.json: not the base model .*: the run did not end"
    ):
        read(tmp_path)


def test_rows_of_other_instructions_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "data")
    path = tmp_path / "data/judgments/base-zero-shot.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")
    with pytest.raises(
        UrialError, match=r"mine:data/judgments/base-zero-shot\.jsonl: 1 instruction has no row, first 'i-2'"
    ):
        read(tmp_path)


def test_a_report_of_another_version_names_its_field(tmp_path: Path) -> None:
    write_run(tmp_path / "data")
    path = tmp_path / "data/report/report.json"
    report = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(report | {"tomorrow": 1}), "utf-8")
    with pytest.raises(UrialError, match=r"mine:data/report/report\.json: .*tomorrow") as caught:
        read(tmp_path)
    assert "another version of urial computed it" in str(caught.value)


def test_a_damaged_row_names_its_line(tmp_path: Path) -> None:
    write_run(tmp_path / "data")
    path = tmp_path / "data/judgments/base-zero-shot.jsonl"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1][:40], lines[2]]) + "\n", "utf-8")
    with pytest.raises(UrialError, match=r"mine:data/judgments/base-zero-shot.jsonl, line 2: "):
        read(tmp_path)


def test_scores_of_nine_systems_on_a_thousand_instructions_are_a_small_file() -> None:
    regular = [(index * 7) % 5 + 1.0 if index < 800 else None for index in range(1000)]
    safety = [None if index < 800 else (index * 3) % 5 + 1.0 for index in range(1000)]
    columns: Columns = {aspect: safety if aspect == "safety" else regular for aspect in ASPECTS}
    ids = [f"just-eval-{index:04}" for index in range(1000)]
    entry = make_entry({f"base-{number}": columns for number in range(9)}, ids=ids)
    assert len(json_bytes(entry)) < 200_000


def test_a_score_is_kept_to_a_hundredth() -> None:
    expected = [2.3333, 4.6667, 10]
    text = scores_text(expected)
    assert text == "2.33 4.67 10"
    entry = make_entry({"base-urial": {"depth": expected}})
    assert entry.systems["base-urial"].scores == ({"depth": text},)


@pytest.mark.parametrize("system", SCORES)
def test_figures_agree_with_their_scores(system: str) -> None:
    entry = make_entry(SCORES)
    require_consistent(entry, "mine", "fix")
    of = entry.systems[system]
    changed = of.model_copy(update={"scores": ({**of.scores[0], "safety": "- - 2"},)})
    with pytest.raises(UrialError, match=rf"systems\.{system}: 1 scores for safety with the mean 2\.0"):
        require_consistent(entry.model_copy(update={"systems": {system: changed}}), "mine", "fix")
