import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.experiments.leaderboard.written import SCORES
from tests.leaderboard_entries import make_entry
from urial.core.errors import UrialError
from urial.experiments.leaderboard.entry_files import entry_files, entry_name, read_entry_file, save_entries
from urial.records.leaderboard_entry import run_hash, scores_in, scores_text


def test_an_entry_comes_back_as_it_was(tmp_path: Path) -> None:
    entry = make_entry(SCORES, label="Qwen/Qwen2.5-0.5B@0123", experiment="first", parameters=7)
    (path,) = save_entries([entry], tmp_path / "results")
    assert path.name == f"Qwen2.5-0.5B-{entry.run[7:19]}.json"
    assert read_entry_file(path) == entry
    assert entry_files(tmp_path / "results") == [path]


def test_the_file_of_the_documentation_can_be_read() -> None:
    (path,) = entry_files(ROOT / "docs/leaderboard")
    entry = read_entry_file(path)
    assert entry_name(entry) == path.name
    assert len(entry.systems) == 9


def test_the_same_measurement_has_one_file_whatever_its_run_is_called(tmp_path: Path) -> None:
    first, again = (make_entry(SCORES, experiment=name, parameters=number) for name, number in (("a", None), ("b", 7)))
    (path,) = save_entries([first], tmp_path)
    before = path.read_bytes()
    assert save_entries([again], tmp_path) == [path]
    assert path.read_bytes() == before
    path.write_bytes(before[:-9])
    save_entries([first], tmp_path)
    assert path.read_bytes() == before
    other = make_entry({**SCORES, "base-urial": {"depth": [5, 5, None], "safety": [None, None, 3]}}, experiment="a")
    assert save_entries([other], tmp_path) != [path]
    assert len(entry_files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("label", "step", "name"),
    [
        ("ckpts/my base/step-1000", 1000, "my-base-step-1000"),
        ("o/m@step-20", 20, "m-step-20"),
        ("../../etc/passwd", None, "passwd"),
        ("|<b>\\", None, "b"),
        ("世界", None, None),
    ],
)
def test_a_file_is_named_by_its_model(label: str, step: int | None, name: str | None) -> None:
    entry = make_entry(SCORES, label=label, step=step)
    assert entry_name(entry) == "-".join([*([name] if name else []), f"{entry.run[7:19]}.json"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "urial-leaderboard-2"}, "written by another version of urial: its format is 'urial-leaderboard-2'"),
        ({"format": 1}, "no entry of a leaderboard"),
        ({"study": "other"}, "run: what was measured has been changed since it was saved"),
        ({"study": "../other"}, "field 'study'"),
        ({"systems": {}}, "field 'systems'"),
        ({"more": 1}, "'more'"),
        ({"confidence": float("nan")}, "not valid JSON: NaN"),
        ({"judge": None}, "run: what was measured has been changed"),
        (
            {"instructions": {"name": "set", "hash": "sha256:" + "0" * 64, "ids": ["i-0", "i-0", "i-2"]}},
            "an id stands twice",
        ),
        (
            {"instructions": {"name": "set", "hash": "sha256:" + "0" * 64, "ids": ["i-0", "i-1"]}},
            "3 scores of 2 instructions",
        ),
    ],
)
def test_another_file_is_refused_by_name_and_field(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (path,) = save_entries([make_entry(SCORES)], tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(UrialError) as caught:
        read_entry_file(path)
    text = str(caught.value)
    assert message in text
    assert text.startswith(str(path))
    assert "fix:" in text or "expected:" in text


@pytest.mark.parametrize("scores", ["5 4", "5 4 x", "5  -", "11 - -", "0 - -", "5 - 4.123", " 5 - -", "5 - -\n", ""])
def test_scores_of_another_form_are_refused(tmp_path: Path, scores: str) -> None:
    (path,) = save_entries([make_entry(SCORES)], tmp_path)
    value = json.loads(path.read_text("utf-8"))
    value["systems"]["base-urial"]["scores"][0]["depth"] = scores
    path.write_text(json.dumps(value), "utf-8")
    with pytest.raises(UrialError, match="depth"):
        read_entry_file(path)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"null", b'{"format": {}}', b"[" * 100_000, b'{"a": 1, "a": 2}'])
def test_what_is_no_entry_at_all_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(UrialError, match=r"x\.json: "):
        read_entry_file(path)


def test_a_folder_without_entries_and_a_file_in_the_place_of_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match="neither a run nor a folder of entries"):
        entry_files(tmp_path)
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(UrialError, match="is no folder"):
        save_entries([make_entry(SCORES)], tmp_path / "file")


def test_a_changed_mean_is_refused_even_with_another_hash(tmp_path: Path) -> None:
    entry = make_entry(SCORES)
    of = entry.systems["base-urial"]
    assert of.figures.depth is not None
    figures = of.figures.model_copy(update={"depth": of.figures.depth.model_copy(update={"mean": 4.9})})
    changed = entry.model_copy(
        update={"systems": {**entry.systems, "base-urial": of.model_copy(update={"figures": figures})}}
    )
    (path,) = save_entries([changed.model_copy(update={"run": run_hash(changed)})], tmp_path)
    with pytest.raises(
        UrialError, match=r"2 scores for depth with the mean 4\.5, and in its figures 2 with the mean 4\.9"
    ):
        read_entry_file(path)


@given(st.lists(st.none() | st.integers(100, 1000).map(lambda hundredths: hundredths / 100), min_size=1))
def test_scores_come_back(scores: list[float | None]) -> None:
    assert scores_in(scores_text(scores)) == scores
