"""Logs of Inspect, lm-evaluation-harness and HELM as rows: answers and scores as they are, and what has none with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import invoke
from tests.exchange.exporters.runs import exported, with_second_turn
from tests.exchange.importers.log_files import (
    NAN,
    helm_folder,
    helm_state,
    inspect_json,
    inspect_zip,
    jsonl,
    lm_eval_row,
    sample,
)
from tests.report.conftest import small_run
from urial.core.errors import UrialError
from urial.core.store import read_jsonl, write_jsonl
from urial.exchange.exporters.inspect_logs import inspect_log
from urial.exchange.importers.logs import inspect_files
from urial.exchange.importers.logs.rows import LogKind, LogOptions, import_log_judgments, logged_answers
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment


def answers(path: Path, kind: LogKind) -> dict[str | None, str]:
    """By query, the answer, or why there is none."""
    rows = logged_answers(path, kind, "mine").completions
    return {row.query: row.answer.text if row.answer else str(row.reason) for row in rows}


def judged(path: Path, kind: LogKind, **options: Any) -> dict[str | None, list[tuple[str, str, float | None]]]:
    rows = import_log_judgments([path], kind, "mine", LogOptions(**options)).judgments
    return {row.query: [(score.aspect, score.status, score.score) for score in row.scores] for row in rows}


@pytest.mark.parametrize("form", ["json", "deflate", "zstd"])
def test_a_log_of_inspect_has_answers_and_scores_in_every_form(tmp_path: Path, form: str) -> None:
    broken = sample("q2", error={"message": "no reply came", "traceback": ""}, scores={})
    broken["messages"].pop()
    rows = (sample(), broken)
    path = tmp_path / ("log.json" if form == "json" else "log.eval")
    log = inspect_json(path, *rows) if form == "json" else inspect_zip(path, *rows, zstd=form == "zstd")
    assert answers(log, "inspect") == {
        "What is q1?": "It is q1.",
        "What is q2?": "Inspect: 'no reply came'",
    }
    assert judged(log, "inspect") == {"What is q1?": [("depth", "scored", 3)], "What is q2?": []}


def test_what_inspect_leaves_unscored_is_no_zero(tmp_path: Path) -> None:
    scores = {"aspects": {"value": {"clarity": 4, "depth": NAN, "safety": None}, "explanation": "why"}}
    refused = {"aspects": {"value": NAN, "reason": "grader_failed", "explanation": None}}
    log = inspect_json(tmp_path / "log.json", sample("a", scores=scores), sample("b", scores=refused))
    assert judged(log, "inspect") == {
        "What is a?": [("clarity", "scored", 4), ("depth", "invalid", None), ("safety", "invalid", None)],
        "What is b?": [("clarity", "invalid", None), ("depth", "invalid", None), ("safety", "invalid", None)],
    }
    (_, second) = import_log_judgments([log], "inspect", "mine", LogOptions()).judgments
    assert second.reason == "grader_failed"


@pytest.mark.parametrize("value", ["C", True, 0, 6, [1], "4"])
def test_a_value_that_is_no_score_of_the_scale_is_invalid(tmp_path: Path, value: object) -> None:
    log = inspect_json(tmp_path / "log.json", sample(scores={"depth": {"value": value}}))
    (row,) = import_log_judgments([log], "inspect", "mine", LogOptions()).judgments
    assert (row.status, row.scores[0].score) == ("invalid", None)
    assert "no number from 1 to 5" in str(row.reason)


def test_a_score_is_named_with_its_aspect_and_its_scale(tmp_path: Path) -> None:
    log = inspect_json(tmp_path / "log.json", sample(scores={"mt": {"value": 8.5}}))
    assert judged(log, "inspect", aspects={"mt": "overall"}, scale=10) == {"What is q1?": [("overall", "scored", 8.5)]}
    for aspects, said in (
        ({}, "no score has the name of an aspect: the scores here are 'mt'"),
        ({"mtt": "overall"}, "no score 'mtt'"),
        ({"mt": "quality"}, "no aspect 'quality'"),
    ):
        with pytest.raises(UrialError, match=said):
            judged(log, "inspect", aspects=aspects)


def changed(**changes: Any) -> dict[str, Any]:
    return sample(**changes)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([changed(), changed(epoch=2)], "sample 'q1' twice"),
        ([changed(messages=[{"role": "tool", "content": "x"}])], r"messages\[0\]\.role"),
        ([changed(messages=[{"role": "assistant", "content": "x"}])], "user, assistant"),
        ([changed(messages=[{"role": "user", "content": 1}])], "content"),
        ([changed(messages=["x"])], "JSON object"),
        ([changed(id=None)], "field 'id'"),
        ([changed(scores=[1])], "field 'scores'"),
        ([changed(scores={"depth": 1})], "field 'value'"),
        ([[]], "JSON object"),
        ([], "no samples"),
    ],
)
def test_what_is_no_conversation_is_refused_with_its_place(tmp_path: Path, samples: list[Any], said: str) -> None:
    log = inspect_json(tmp_path / "log.json", *samples)
    with pytest.raises(UrialError, match=said) as caught:
        logged_answers(log, "inspect", "mine")
    assert str(log) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"PK\x03\x04", b'{"samples": [{"id": Infinity}], "eval": {}}', b"\xff"]
)
@pytest.mark.parametrize("name", ["log.json", "log.eval"])
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UrialError, match=name):
        logged_answers(path, "inspect", "mine")


@pytest.mark.parametrize("zstd", [True, False])
def test_what_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zstd: bool
) -> None:
    log = inspect_zip(tmp_path / "log.eval", sample(target="x" * 100_000), zstd=zstd)
    assert log.stat().st_size < 2_000
    monkeypatch.setattr(inspect_files, "MAX_MEMBER_BYTES", 10_000)
    with pytest.raises(UrialError, match="more than 10,000 bytes"):
        logged_answers(log, "inspect", "mine")
    monkeypatch.undo()
    monkeypatch.setattr(inspect_files, "MAX_BYTES", 10_000)
    with pytest.raises(UrialError, match="more than 10,000 bytes of samples"):
        logged_answers(log, "inspect", "mine")


@pytest.mark.parametrize("zstd", [True, False])
def test_a_damaged_member_is_refused(tmp_path: Path, zstd: bool) -> None:
    log = inspect_zip(tmp_path / "log.eval", sample(), zstd=zstd)
    data = bytearray(log.read_bytes())
    data[80] ^= 0xFF
    log.write_bytes(data)
    with pytest.raises(UrialError, match=r"log\.eval"):
        logged_answers(log, "inspect", "mine")


def test_hostile_names_of_members_reach_no_disk(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    log = inspect_zip(tmp_path / "in" / "log.eval", sample("../../../evil\u202e"))
    assert answers(log, "inspect") == {"What is ../../../evil\u202e?": "It is ../../../evil\u202e."}
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "log.eval"]


@given(st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()))
def test_what_is_exported_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("log") / "log.json"
    inputs = with_second_turn(small_run(), text)
    # Texts of their own, so that queries are.
    run = exported(inputs)
    system = run.systems[1]
    path.write_text(json.dumps(inspect_log(run, system)), "utf-8")
    rows = {row.query: row for row in logged_answers(path, "inspect", "base").completions}
    found = {row.query: row for row in import_log_judgments([path], "inspect", "base", LogOptions()).judgments}
    for turns in system.answers:
        row, judgment = rows[turns[0].query], found[turns[0].query]
        said = [row.answer, *(turn.answer for turn in row.later_turns)]
        assert [one.text if one else None for one in said] == [turn.text for turn in turns]
        ours = turns[0].judgment
        assert isinstance(ours, Judgment)
        assert (judgment.status, judgment.scores) == (ours.status, ours.scores)
        assert [turn.scores for turn in judgment.later_turns] == [turn.scores for turn in ours.later_turns]


def test_lm_eval_has_the_documents_question_and_the_raw_answer(tmp_path: Path) -> None:
    rows = [lm_eval_row(number, filter=name, filtered_resps=["x"]) for name in ("none", "strict") for number in (0, 1)]
    path = jsonl(tmp_path / "samples_own.jsonl", *rows)
    assert answers(path, "lm-eval") == {"What is 0?": " It is 0.", "What is 1?": " It is 1."}
    assert judged(path, "lm-eval", aspects={"judged,strict": "overall"}) == {
        "What is 0?": [("overall", "scored", 4)],
        "What is 1?": [("overall", "scored", 4)],
    }
    plain = jsonl(tmp_path / "plain.jsonl", lm_eval_row(doc={"text": "Why?"}))
    assert list(answers(plain, "lm-eval")) == ["Q: What is 0?\nA:"]
    (row,) = logged_answers(plain, "lm-eval", "mine", query="text").completions
    assert row.query == "Why?"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([lm_eval_row(resps=[["-1.5", "False"]])], "one answer"),
        ([lm_eval_row(resps=[["a", "b"]])], "repeats"),
        ([lm_eval_row(arguments={"gen_args_0": {"arg_0": "Q", "arg_1": " yes"}})], "generate_until"),
        ([lm_eval_row(), lm_eval_row()], "sample '0' twice"),
        ([lm_eval_row(), lm_eval_row(filter="strict", resps=[["other"]])], "of another filter"),
        ([lm_eval_row(doc=3)], "field 'doc'"),
        ([lm_eval_row(doc_id="0")], "field 'doc_id'"),
        ([lm_eval_row(arguments=None)], "gen_args_0"),
        ([{"instruction": "a", "output": "b"}], "no sample file"),
        ([], "no sample file"),
    ],
)
def test_lm_eval_rows_without_one_answer_are_refused(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    path = jsonl(tmp_path / "samples.jsonl", *rows)
    with pytest.raises(UrialError, match=said) as caught:
        logged_answers(path, "lm-eval", "mine")
    assert str(path) in str(caught.value)


def test_helm_keeps_what_failed(tmp_path: Path) -> None:
    failed = helm_state("id2", result={"success": False, "error": "no reply came", "completions": []})
    folder = helm_folder(tmp_path / "run", helm_state(), failed, helm_state("id3"), scores={"id1": 4})
    state = folder / "scenario_state.json"
    assert answers(state, "helm") == {
        "What is id1?": "It is id1.",
        "What is id2?": "HELM: no reply came",
        "What is id3?": "It is id3.",
    }
    assert judged(folder / "per_instance_stats.json", "helm", aspects={"judge_score": "overall"}) == {
        "What is id1?": [("overall", "scored", 4)],
        "What is id2?": [],
        "What is id3?": [("overall", "failed", None)],
    }


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([helm_state(), helm_state(train_trial_index=1)], "sample 'id1' twice"),
        ([helm_state(reference_index=0)], "reference_index"),
        ([helm_state(instance={"id": "a", "input": {"text": "x"}, "perturbation": {"name": "typo"}})], "perturbation"),
        ([helm_state(instance={"id": "a", "input": {"text": " "}})], "not blank"),
        ([helm_state(result={"success": True, "completions": [{"text": "a"}, {"text": "b"}]})], "num_outputs 1"),
        ([], "request_states"),
    ],
)
def test_helm_states_without_one_answer_are_refused(tmp_path: Path, states: list[dict[str, Any]], said: str) -> None:
    folder = helm_folder(tmp_path / "run", *states)
    with pytest.raises(UrialError, match=said):
        logged_answers(folder / "scenario_state.json", "helm", "mine")


def test_the_commands_join_by_the_instructions_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inspect_zip(Path("log.eval"), sample("q1"), sample("q2"))
    asked = [
        Instruction(id=f"own-{name}", turns=(f"What is {name}?",), category="regular", source="own")
        for name in ("q2", "q1")
    ]
    write_jsonl(Path("asked.jsonl"), asked)
    common = ("log.eval", "--kind", "inspect", "--system", "mock")
    done = invoke("import", "completions", *common, "--instructions", "asked.jsonl", "--out", "a.jsonl")
    assert (done.exit_code, done.output) == (0, "a.jsonl: 2 completions\n")
    assert [row.instruction_id for row in read_jsonl(Path("a.jsonl"), Completion)] == ["own-q2", "own-q1"]
    done = invoke("import", "judgments", *common, "--judge", "gpt", "--out", "j.jsonl", "--instructions-out", "i.jsonl")
    assert (done.exit_code, done.output) == (0, "j.jsonl: 2 judgments; of their aspects 2 scored\n")
    row = read_jsonl(Path("j.jsonl"), Judgment)[0]
    assert row.judge is not None
    assert (row.judge.kind, row.query, len(read_jsonl(Path("i.jsonl"), Instruction))) == ("imported", "What is q1?", 2)
    write_jsonl(Path("other.jsonl"), asked[:1])
    lost = invoke("import", "completions", *common, "--instructions", "other.jsonl", "--out", "b.jsonl")
    assert (lost.exit_code, "1 of 2 answers are to nothing in other.jsonl" in lost.output) == (1, True)
    for wrong, said in (
        (("import", "judgments", "log.eval", "--system", "s", "--scale", "10"), "--score and --scale are for logs"),
        (("import", "judgments", *common, "--score", "depth"), "--score 'depth'"),
        (("import", "judgments", *common, "--duplicates", "last"), "are for FastChat"),
        (("import", "completions", *common, "--column", "answer=x"), "--column answer"),
    ):
        refused = invoke(*wrong, "--out", "c.jsonl")
        assert (refused.exit_code, said in refused.output) == (1, True), refused.output
    assert not Path("c.jsonl").exists()
