"""MT-Bench's published averages by `urial import judgments` and `urial summarize`, as a user has them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.exchange.importers.score_files import upstream
from tests.exchange.importers.test_import_scores import MODELS, lines

PLACES = {"all": "show_result_every_row", "last": "last_of_duplicates"}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def summary(model: str, *options: str, duplicates: str = "last") -> dict[str, Any]:
    table = upstream("mt_bench") / "scores.csv"
    named = [option for option in options if option.startswith("--instructions")]
    arguments = ["--system", model, "--duplicates", duplicates, "--judge", "gpt-4", *options[: 2 * len(named)]]
    assert invoke("import", "judgments", table, *arguments, "--out", "judged.jsonl", "--force").exit_code == 0
    done = invoke("summarize", "judged.jsonl", "--json", "--resamples", "100", *options)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def expected(model: str) -> dict[str, Any]:
    published: dict[str, Any] = json.loads((upstream("mt_bench") / "expected.json").read_text("utf-8"))[model]
    return published


@pytest.mark.parametrize("duplicates", PLACES)
@pytest.mark.parametrize("model", MODELS)
def test_published_averages(model: str, duplicates: str) -> None:
    published = expected(model)[PLACES[duplicates]]
    turns = summary(model, duplicates=duplicates)["systems"][0]["turns"]
    for turn in ("1", "2"):
        assert turns["by_turn"][turn]["overall"]["mean"] == pytest.approx(published[f"turn_{turn}"], abs=1e-12)
    assert turns["pooled"]["overall"]["mean"] == pytest.approx(published["average"], abs=1e-12)
    if duplicates == "all":
        mean = expected(model)["mean_of_the_two_turn_means"]
        assert turns["mean_of_turns"]["overall"]["mean"] == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_categories_of_the_table_and_of_the_questions(model: str) -> None:
    published = expected(model)["last_of_duplicates"]["categories"]
    own = summary(model, "--by", "task")
    assert means(own) == pytest.approx(published, abs=1e-12)
    kinds = {number: category for category in published for number in questions_of(category)}
    rows = [
        {"question_id": number, "category": kind, "turns": [f"Question {number}?", "And now?"]}
        for number, kind in sorted(kinds.items())
    ]
    lines(Path("question.jsonl"), *rows)
    assert invoke("import", "instructions", "question.jsonl", "--kind", "mt-bench", "--out", "i.jsonl").exit_code == 0
    named = summary(model, "--instructions", "question.jsonl", "--by", "task")
    assert means(named) == pytest.approx(published, abs=1e-12)
    assert invoke("summarize", "judged.jsonl", "--instructions", "i.jsonl", "--by", "task").exit_code == 0


def means(found: dict[str, Any]) -> dict[str, float]:
    return {tag: group[0]["turns"]["pooled"]["overall"]["mean"] for tag, group in found["groups"].items()}


def questions_of(category: str) -> range:
    order = ("writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities")
    first = 81 + 10 * order.index(category)
    return range(first, first + 10)


def test_failed_rows_are_counted_and_in_no_mean() -> None:
    whole = summary("Meta-Llama-3-8B-Instruct-Normal", duplicates="all")["systems"][0]["turns"]["pooled"]["overall"]
    assert (whole["scored"], whole["invalid"]) == (166, 4)
