"""What Every Eval Ever is told of a run: its figures, every score, and what has none with its reason."""

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.exchange.exporters.runs import DATE, exported, with_second_turn
from tests.judge.conftest import make_plan
from tests.report.conftest import empty_run, small_run
from tests.report.preference_runs import compared_run
from urial.exchange.exporters.answers import ExportedRun
from urial.exchange.exporters.every_eval_ever import Publisher, Written, write_every_eval_ever
from urial.records.judge import CitedRubric, ModelIdentity, ServerJudgeModel
from urial.records.report import Report

PLACE = re.compile(
    r"data/set/urial/microworld-(base|aligned)/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json"
)


def write(run: ExportedRun, folder: Path) -> dict[str, Written]:
    return {written.system: written for written in write_every_eval_ever(run, folder, Publisher("Lab", "third_party"))}


def read(folder: Path, written: Written) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The aggregate, and its rows."""
    assert written.aggregate is not None
    aggregate = json.loads((folder / written.aggregate).read_text("utf-8"))
    samples = (folder / aggregate["detailed_evaluation_results"]["file_path"]).read_text("utf-8")
    return aggregate, [json.loads(line) for line in samples.splitlines()]


def test_results_are_the_reports_and_rows_are_the_scores(tmp_path: Path) -> None:
    run = exported()
    aggregate, rows = read(tmp_path, write(run, tmp_path)["aligned"])
    by_result = {result["evaluation_result_id"]: result for result in aggregate["evaluation_results"]}
    figures = run.report.systems["aligned"].aspects
    assert by_result.keys() == figures.keys()
    for aspect, result in by_result.items():
        estimate, details = figures[aspect], result["score_details"]
        assert details["score"] == estimate.mean
        interval = details["uncertainty"]["confidence_interval"]
        assert (interval["lower"], interval["upper"]) == (estimate.low, estimate.high)
        assert (details["uncertainty"]["num_samples"], details["details"]["total"]) == (
            estimate.scored,
            str(estimate.total),
        )
        scores = [row["evaluation"]["score"] for row in rows if row["evaluation_result_id"] == aspect]
        assert sum(scores) / len(scores) == pytest.approx(estimate.mean)
    first = rows[0]
    assert first["input"] == {"raw": "Query r1?", "formatted": "p", "reference": []}
    assert (first["output"], first["metadata"]["rationale"]) == ({"raw": ["two words"]}, "seen")
    assert first["token_usage"] == {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    assert first["metadata"]["is_correct_applicable"] == "false"


def test_what_is_unscored_is_no_row_and_is_named_with_its_reason(tmp_path: Path) -> None:
    written = write(exported(), tmp_path)
    aggregate, rows = read(tmp_path, written["base"])
    named = aggregate["detailed_evaluation_results"]["additional_details"]
    assert named == {
        "unscored_rows": "3",
        "r4": "no_completion: 1,000 prompt tokens leave no room",
        "s1/safety": "not_applicable: seen",
        "s2/safety": "not_applicable: seen",
    }
    assert {row["sample_id"] for row in rows} == {"r1", "r2", "r3"}
    # Without a mean there is no result.
    assert "safety" not in {result["evaluation_result_id"] for result in aggregate["evaluation_results"]}
    assert (written["base"].scores, written["base"].unscored, len(rows)) == (15, 3, 15)


def test_an_evaluation_is_named_and_dated_by_the_run(tmp_path: Path) -> None:
    run = exported(dirty=("params.yaml",))
    aggregate, rows = read(tmp_path, write(run, tmp_path)["base"])
    assert aggregate["retrieved_timestamp"] == str(int(DATE.timestamp()))
    assert aggregate["evaluation_id"] == f"set.pair.base/urial/microworld-base/{int(DATE.timestamp())}"
    assert {(row["evaluation_id"], row["model_id"]) for row in rows} == {
        (aggregate["evaluation_id"], "urial/microworld-base")
    }
    source = aggregate["source_metadata"]
    assert (source["source_organization_name"], source["evaluator_relationship"]) == ("Lab", "third_party")
    assert source["additional_details"]["files_that_differ_from_the_commit"] == "params.yaml"
    details = aggregate["detailed_evaluation_results"]
    samples = (tmp_path / details["file_path"]).read_bytes()
    assert (details["checksum"], details["total_rows"]) == (hashlib.sha256(samples).hexdigest(), len(rows))


def test_files_lie_as_in_the_datastore_and_are_the_same_twice(tmp_path: Path) -> None:
    once, again = write(exported(), tmp_path / "once"), write(exported(), tmp_path / "again")
    assert once == again
    assert all(PLACE.fullmatch(str(written.aggregate)) for written in once.values())
    files = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.json*")}
        for name in ("once", "again")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 4
    other = exported(small_run("two other words"))
    assert write(other, tmp_path / "other")["base"].aggregate != once["base"].aggregate


def test_a_later_turn_is_a_conversation_with_results_of_its_own(tmp_path: Path) -> None:
    run = exported(with_second_turn(small_run()))
    aggregate, rows = read(tmp_path, write(run, tmp_path)["aligned"])
    (row,) = [row for row in rows if row["interaction_type"] == "multi_turn"]
    assert (row["sample_id"], row["evaluation_result_id"], row["evaluation"]["score"]) == (
        "r1/turn-2",
        "depth/turn-2",
        2,
    )
    assert "output" not in row
    assert [(message["role"], message["content"]) for message in row["messages"]] == [
        ("user", "Query r1?"), ("assistant", "two words"), ("user", "And then?"), ("assistant", "And more."),
    ]  # fmt: skip
    assert row["input"]["formatted"] == "p and then"
    assert "depth/turn-2" in {result["evaluation_result_id"] for result in aggregate["evaluation_results"]}


def test_win_rates_are_results(tmp_path: Path) -> None:
    run = exported(compared_run())
    aggregate, _ = read(tmp_path, write(run, tmp_path)["base"])
    (result,) = [one for one in aggregate["evaluation_results"] if one["evaluation_result_id"] == "win-rate/overall"]
    figures = run.report.preferences["base"].criteria["overall"]
    assert result["score_details"]["score"] == figures.mean
    assert result["metric_config"]["metric_parameters"] == {"baseline": "aligned", "orders": "both"}
    assert result["score_details"]["details"]["inconsistent"] == str(figures.inconsistent)


def test_a_judge_model_has_its_prompt_in_its_place(tmp_path: Path) -> None:
    run = exported(judge=make_plan("http://localhost:1/v1"))
    plan = run.judge.judge
    assert plan is not None
    assert plan.kind == "openai"
    model = ServerJudgeModel(
        kind="openai", algorithm=1, server="http://localhost:1/v1", model="org/judge", served_model=None,
        temperature=0.5, seed=None, max_tokens=10, parameters={}, response_format="text",
    )  # fmt: skip
    cited = [CitedRubric(name=part.name, hash=part.hash) for part in (plan.rubrics.regular, plan.rubrics.safety)]
    identity = ModelIdentity(
        kind="model", model=model, regular=cited[0], safety=cited[1], max_reasks=2, max_characters=9
    )
    run = replace(run, report=run.report.model_copy(update={"judge": identity}))
    aggregate, _ = read(tmp_path, write(run, tmp_path)["aligned"])
    prompts = defaultdict(set)
    for result in aggregate["evaluation_results"]:
        scoring = result["metric_config"]["llm_scoring"]
        (judge,) = scoring["judges"]
        assert (judge["model_info"]["id"], judge["temperature"]) == ("org/judge", 0.5)
        assert scoring["additional_details"]["characters_shown_of_an_answer"] == "9"
        prompts[result["evaluation_result_id"] == "safety"].add(scoring["input_prompt"])
    assert prompts == {
        False: {plan.rubrics.regular.rubric.template},
        True: {plan.rubrics.safety.rubric.template},
    }


@pytest.mark.parametrize("text", ["line\u2028end", "<script>", "\u202eright to left", "nul\x00", "é🙂"])
def test_hostile_text_is_one_line_of_ascii(tmp_path: Path, text: str) -> None:
    written = write(exported(small_run(text)), tmp_path)["aligned"]
    aggregate, rows = read(tmp_path, written)
    samples = (tmp_path / aggregate["detailed_evaluation_results"]["file_path"]).read_bytes()
    assert samples.isascii()
    # As their validator counts.
    assert len(samples.decode().splitlines()) == len(rows)
    assert rows[0]["output"]["raw"] == [text]


def test_a_system_without_a_score_has_no_file(tmp_path: Path) -> None:
    written = write(exported(empty_run()), tmp_path)
    assert {one.aggregate for one in written.values()} == {None}
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
def test_the_command_writes_a_run_or_nothing(finished_run: Clone, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = finished_run.run("urial", "export", "every-eval-ever", str(out), "--rev", "HEAD")
    assert re.fullmatch(
        rf"{out}: 3 systems, \d,\d\d\d scores, \d+ named without one; left out: token shift\n", done.stdout
    )
    aggregates = list(out.rglob("*[0-9a-f].json"))
    assert len(aggregates) == 3
    report = Report.model_validate_json((finished_run.folder / "data/report/report.json").read_bytes())
    means = {
        json.loads(path.read_text("utf-8"))["evaluation_results"][0]["score_details"]["score"] for path in aggregates
    }
    assert means == {figures.helpfulness.mean for figures in report.systems.values() if figures.helpfulness}
    again = finished_run.run("urial", "export", "every-eval-ever", str(out), check=False)
    assert (again.returncode, "not empty" in again.stdout) == (1, True)


def test_outside_of_a_run_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("export", "every-eval-ever", "out")
    assert (result.exit_code, "no project" in result.output) == (1, True)
    assert not Path("out").exists()
