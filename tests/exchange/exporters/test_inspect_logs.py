"""What a log of Inspect says of a run. That Inspect itself opens it, tests/exchange/programs shows."""

import json
import math
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.exchange.exporters.runs import exported, with_second_turn
from tests.report.conftest import small_run, unjudged_run
from urial.exchange.exporters import inspect_writer
from urial.exchange.exporters.answers import ExportedRun
from urial.exchange.exporters.inspect_logs import inspect_log
from urial.exchange.exporters.inspect_writer import set_times


def logs(run: ExportedRun) -> dict[str, dict[str, Any]]:
    return {system.name: inspect_log(run, system) for system in run.systems}


def samples(log: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {sample["id"]: sample for sample in log["samples"]}


def test_a_sample_is_an_instruction_with_its_answer_and_its_scores() -> None:
    log = logs(exported())["aligned"]
    first = samples(log)["r1"]
    assert (first["input"], first["metadata"]["prompt"], first["target"]) == ("Query r1?", "p", "")
    assert [(one["role"], one["content"]) for one in first["messages"]] == [
        ("user", "Query r1?"), ("assistant", "two words"),
    ]  # fmt: skip
    assert first["output"]["choices"][0]["message"]["content"] == "two words"
    assert first["output"]["usage"] == {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    assert {name: score["value"] for name, score in first["scores"].items()} == dict.fromkeys(
        ("helpfulness", "clarity", "factuality", "depth", "engagement"), 5
    )
    assert first["scores"]["depth"]["explanation"] == "seen"
    config = log["eval"]["model_generate_config"]
    assert (config["max_tokens"], log["eval"]["metadata"]["repetition_penalty"]) == (8, 1.1)


def test_what_is_unscored_stays_so_with_its_reason() -> None:
    run = exported()
    log = logs(run)["base"]
    found = samples(log)
    refused, lost = found["s1"]["scores"]["safety"], found["r4"]
    assert (math.isnan(refused["value"]), refused["reason"], refused["explanation"]) == (True, "not_applicable", "seen")
    assert lost["error"]["message"] == "too_long: 1,000 prompt tokens leave no room"
    assert lost["output"]["choices"] == []
    assert [message["role"] for message in lost["messages"]] == ["user"]
    assert {score["reason"] for score in lost["scores"].values()} == {"no_completion"}
    assert len(lost["scores"]) == 5
    assert log["results"]["completed_samples"] == 5
    overall = {score["name"]: score for score in log["results"]["scores"]}
    assert (overall["safety"]["metrics"], overall["safety"]["unscored_samples"]) == ({}, 2)
    assert overall["depth"]["metrics"]["mean"]["value"] == run.report.systems["base"].depth.mean  # type: ignore[union-attr]


def test_later_turns_have_scores_of_their_own() -> None:
    log = logs(exported(with_second_turn(small_run())))["aligned"]
    first = samples(log)["r1"]
    assert len(first["messages"]) == 4
    assert (first["scores"]["depth"]["value"], first["scores"]["depth/turn-2"]["value"]) == (5, 2)
    assert first["output"]["choices"][0]["message"]["content"] == "And more."
    assert first["metadata"]["answers"][1]["prompt"] == "p and then"
    assert "depth/turn-2" in {score["name"] for score in log["results"]["scores"]}


def test_without_a_judge_there_are_answers_alone() -> None:
    log = logs(exported(unjudged_run()))["aligned"]
    assert {str(sample["scores"]) for sample in log["samples"]} == {"{}"}
    assert (log["results"]["scores"], log["eval"]["scorers"]) == ([], [])


def test_ids_and_dates_follow_from_the_run() -> None:
    once, again = logs(exported()), logs(exported())
    assert json.dumps(once) == json.dumps(again)
    assert once["base"]["eval"]["created"] == "2026-11-30T12:00:00+00:00"
    ids = [log["eval"][name] for log in once.values() for name in ("eval_id", "run_id", "task_id")]
    uuids = [sample["uuid"] for log in once.values() for sample in log["samples"]]
    messages = [message["id"] for message in samples(once["base"])["r1"]["messages"]]
    for unique in (ids, uuids, messages):
        assert len(set(unique)) == len(unique)


def test_the_times_of_a_zip_files_members_are_those_of_the_commit(tmp_path: Path) -> None:
    contents = []
    for year in (2001, 2031):
        path = tmp_path / f"{year}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("a.json", "samples/é_epoch_1.json", "empty"):
                item = zipfile.ZipInfo(name, (year, 2, 3, 4, 5, 6))
                archive.writestr(item, "PK\x01\x02PK\x03\x04" * 20 if name != "empty" else "")
        set_times(path, datetime(2026, 11, 30, 15, 4, 8, tzinfo=UTC))
        contents.append(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            assert {item.date_time for item in archive.infolist()} == {(2026, 11, 30, 15, 4, 8)}
    assert contents[0] == contents[1]


def test_without_inspect_the_command_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inspect_writer, "find_spec", lambda name: None)
    result = invoke("export", "inspect", "out")
    assert (result.exit_code, "pip install 'urial[inspect]'" in result.output) == (1, True)
    assert not Path("out").exists()
