"""The published judgments against a computation by hand: plain Python over just-eval's own files."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.importers.score_files import upstream
from tests.judge.files.rows import BOOTSTRAP, file_of, summary_of
from urial.exchange.importers.instructions import read_instructions
from urial.exchange.importers.judgments import import_judgments
from urial.judge.files.reading import SystemRows, read_systems
from urial.records.judgment import ASPECTS, REGULAR_ASPECTS


@pytest.fixture(scope="module")
def raw() -> list[dict[str, Any]]:
    files = sorted(upstream("upstream_judgments").glob("*.json"))
    return [row for path in files for row in json.loads(path.read_text("utf-8"))]


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> list[SystemRows]:
    found = import_judgments(sorted(upstream("upstream_judgments").glob("*.json")), "theirs").judgments
    return read_systems([file_of(tmp_path_factory.mktemp("published") / "theirs.jsonl", *found, system="theirs")])


def by_hand(rows: list[dict[str, Any]], aspect: str, not_applicable: float | None) -> dict[str, Any]:
    """Mean and counts; just-eval's own report is this with 5."""
    texts = [row["parsed_result"][aspect]["score"] for row in rows if aspect in row["parsed_result"]]
    values = [not_applicable if text == "N/A" else float(text) for text in texts]
    counted = [value for value in values if value is not None]
    return {
        "mean": sum(counted) / len(counted),
        "scored": sum(text != "N/A" for text in texts),
        "not_applicable": texts.count("N/A"),
        "total": len(texts),
    }


@pytest.mark.parametrize("not_applicable", [None, 5])
def test_every_aspect_the_average_and_the_words(
    raw: list[dict[str, Any]], systems: list[SystemRows], not_applicable: int | None
) -> None:
    found = summary_of(systems, not_applicable=not_applicable).systems[0]
    expected = {aspect: by_hand(raw, aspect, not_applicable) for aspect in ASPECTS}
    assert (len(raw), found.instructions) == (300, 300)
    for aspect, by_us in found.aspects.items():
        figures = by_us.model_dump()
        for name in ("scored", "not_applicable", "total"):
            assert figures[name] == expected[aspect][name]
        assert figures["mean"] == pytest.approx(expected[aspect]["mean"], abs=1e-12)
        assert [figures[name] for name in ("invalid", "refused", "filtered", "failed", "no_completion")] == [0] * 5
    assert list(found.aspects) == list(ASPECTS)
    assert found.average.mean == pytest.approx(sum(item["mean"] for item in expected.values()) / 6, abs=1e-12)
    lengths = [len(row["output_cand"].split()) for row in raw if row["eval_config"]["mode"] == "score_multi"]
    assert found.words.mean == pytest.approx(sum(lengths) / 200, abs=1e-12)
    # 6 factuality and 1 depth score are "N/A".
    assert [expected[aspect]["not_applicable"] for aspect in ASPECTS] == [0, 0, 6, 1, 0, 0]


def test_tables_by_task_and_topic(raw: list[dict[str, Any]], systems: list[SystemRows]) -> None:
    published = upstream("just_eval_instruct.jsonl")
    tags = {row["id"]: row for row in map(json.loads, published.read_text("utf-8").splitlines())}
    for kind in ("task", "topic", "source"):
        found = summary_of(systems, read_instructions(published), by=kind)
        column = "dataset" if kind == "source" else kind
        by_tag: dict[str, list[dict[str, Any]]] = {}
        for row in raw:
            value = tags[row["id"]][column]
            for tag in [value] if isinstance(value, str) else value:
                by_tag.setdefault(tag, []).append(row)
        assert sorted(by_tag) == list(found.groups)
        for tag, rows in by_tag.items():
            group = found.groups[tag][0]
            assert group.instructions == len(rows)
            for aspect, figures in group.aspects.items():
                assert figures.mean == pytest.approx(by_hand(rows, aspect, None)["mean"], abs=1e-12)
                assert (aspect in REGULAR_ASPECTS) == (rows[0]["id"] < 800)
        assert found.without_row == 700


def test_a_file_of_judgments_is_the_same_each_time(systems: list[SystemRows], tmp_path: Path) -> None:
    files = sorted(upstream("upstream_judgments").glob("*.json"))
    again = file_of(tmp_path / "again.jsonl", *import_judgments(files[::-1], "theirs").judgments)
    assert again.read_bytes() == systems[0].path.read_bytes()
    assert summary_of(systems).systems[0].words == BOOTSTRAP.mean(
        [float(row.words or 0) for row in systems[0].rows if row.scores[0].aspect != "safety"]
    )
