"""Preferences of params.yaml are resolved, and what cannot work is refused, before anything is paid."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from tests.judge.preferences.comparing import answered
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.plan.planning import plan_report
from urial.plan.preferences import plan_preferences
from urial.records.params.file import ParamsFile
from urial.records.params.judges import OpenAIJudge, TransformersJudge
from urial.records.params.preferences import PreferenceParams, PublishedOutputs
from urial.records.plans import OpenAIPlan, RulesPlan
from urial.run.published import published_completions

PROMPTS = ROOT / "prompts"
SERVED = OpenAIJudge(kind="openai", server="http://localhost:8000/v1", model="m", parameters={"top_p": 1})


def comparing(params: ParamsFile, outputs: dict[str, str] | None = None, **changes: Any) -> ParamsFile:
    wanted = PreferenceParams.model_validate({"baseline": "aligned", "systems": ("base-urial",), **changes})
    published = {name: PublishedOutputs(source=source) for name, source in (outputs or {}).items()}
    judges = {**params.judges, "mine": SERVED}
    return params.model_copy(update={"preferences": wanted, "published_outputs": published, "judges": judges})


def test_the_committed_run_compares_by_the_rules(committed_params: ParamsFile) -> None:
    plan = plan_preferences(committed_params, PROMPTS)
    assert (plan.baseline, plan.name, plan.orders) == ("aligned", "rules", "both")
    assert plan.judge == RulesPlan(kind="rules", microworld_seed=0)
    report = plan_report(committed_params)
    assert (report.baseline, report.compared) == ("aligned", committed_params.preferences.systems)


def test_nothing_is_compared_where_no_system_is_named(committed_params: ParamsFile) -> None:
    for baseline in (None, "aligned"):
        params = comparing(committed_params, baseline=baseline, systems=(), judge="no-such-judge")
        plan = plan_preferences(params, PROMPTS)
        assert (plan.baseline, plan.judge, plan.rubric) == (None, None, None)
        assert (plan_report(params).baseline, plan_report(params).compared) == (None, ())


def test_without_a_judge_nobody_compares(committed_params: ParamsFile) -> None:
    run = committed_params.run.model_copy(update={"judge": None})
    plan = plan_preferences(comparing(committed_params).model_copy(update={"run": run}), PROMPTS)
    assert (plan.baseline, plan.name, plan.judge) == ("aligned", None, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"systems": ("base-urail",)},
            "preferences.systems.0: no 'base-urail' in systems or blends\n  where: params.yaml\n  fix: did you mean 'base-urial'?",
        ),
        (
            {"baseline": "alined"},
            "preferences.baseline: no 'alined' in systems, blends or published_outputs\n  where: params.yaml\n  fix: did you mean 'aligned'?",
        ),
        (
            {"baseline": None},
            "preferences.baseline: null, and base-urial is to be compared with it\n  where: params.yaml"
            "\n  expected: a key of systems or of published_outputs\n  fix: name one, or set preferences.systems to []",
        ),
        (
            {"systems": ("base-urial", "aligned")},
            "preferences.systems: aligned is the baseline, and would be compared with itself\n  where: params.yaml"
            "\n  fix: take it out of preferences.systems, or name another baseline",
        ),
        (
            {"systems": ("base-urial", "base-urial")},
            "preferences.systems: a system is named twice\n  where: params.yaml\n  expected: each once",
        ),
        (
            {"judge": "rule"},
            "preferences.judge: no 'rule' in judges\n  where: params.yaml\n  fix: did you mean 'rules'?",
        ),
        (
            {"judge": "mine", "verdict": "tokens"},
            "the rubric preference/aspects-1 asks for no verdict of the form tokens\n  expected: the form json"
            "\n  fix: set preferences.verdict to it, or preferences.rubric to preference/token-1",
        ),
        (
            # Of the rules, too, which are asked by none.
            {"verdict": "tokens"},
            "the rubric preference/aspects-1 asks for no verdict of the form tokens\n  expected: the form json"
            "\n  fix: set preferences.verdict to it, or preferences.rubric to preference/token-1",
        ),
        (
            {"rubric": "preference/aspect-1"},
            f"unknown rubric for preferences 'preference/aspect-1'\n  where: {PROMPTS}/judge/preference"
            "\n  fix: did you mean 'preference/aspects-1'?",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(committed_params: ParamsFile, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UrialError) as caught:
        plan_preferences(comparing(committed_params, **changes), PROMPTS)
    assert str(caught.value) == message


def test_a_rubric_for_scores_compares_nothing(committed_params: ParamsFile) -> None:
    with pytest.raises(UrialError, match="unknown rubric for preferences 'multi/1'"):
        plan_preferences(comparing(committed_params, judge="mine", rubric="multi/1"), PROMPTS)


def test_the_form_of_the_verdict_decides_how_a_server_is_asked(committed_params: ParamsFile) -> None:
    def judge(**changes: Any) -> OpenAIJudge:
        plan = plan_preferences(comparing(committed_params, judge="mine", **changes), PROMPTS).judge
        assert isinstance(plan, OpenAIPlan)
        return plan.judge

    assert judge() == SERVED
    text = judge(rubric="preference/overall-1", verdict="text")
    assert text == SERVED.model_copy(update={"response_format": "text"})
    tokens = judge(rubric="preference/token-1", verdict="tokens")
    assert (tokens.max_tokens, tokens.temperature, tokens.response_format) == (1, 1, "text")
    assert tokens.parameters == {"top_p": 1, "logprobs": True, "top_logprobs": 5}


def test_a_model_in_this_process_says_no_verdict_in_a_text(
    committed_params: ParamsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tiny_models import tiny_folder

    local = TransformersJudge.model_validate({"kind": "transformers", "model": {"folder": str(tiny_folder("llama"))}})
    params = comparing(committed_params, judge="local", rubric="preference/overall-1", verdict="text")
    params = params.model_copy(update={"judges": {**params.judges, "local": local}})
    with pytest.raises(UrialError, match="'local' is in this process, and says no verdict in a text"):
        plan_preferences(params, PROMPTS)


def outputs(path: Path, *rows: tuple[str, str, str]) -> Path:
    """A file of published outputs: an id, a query and an answer each."""
    written = [
        answered(make_query(name), text, system="gpt4").model_copy(update={"query": query})
        for name, query, text in rows
    ]
    write_jsonl(path, written)
    return path


def test_published_outputs_can_be_the_baseline(committed_params: ParamsFile, tmp_path: Path) -> None:
    source = outputs(tmp_path / "gpt4.jsonl", ("x", "Why?", "So."))
    params = comparing(committed_params, {"gpt4": str(source)}, baseline="gpt4")
    assert plan_preferences(params, PROMPTS).baseline == "gpt4"
    assert plan_report(params).published == ("gpt4",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("aligned", "", "published_outputs.aligned: a system has this name, too"),
        ("gpt4", None, "published_outputs.gpt4: no file"),
        ("gpt4", "", "no answers"),
        ("gpt4", "[]\n", "line 1"),
    ],
)
def test_outputs_that_cannot_be_read_are_refused(
    committed_params: ParamsFile, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    source = tmp_path / "outputs.jsonl"
    if content is not None:
        source.write_text(content, "utf-8")
    with pytest.raises(UrialError, match=message):
        plan_preferences(comparing(committed_params, {name: str(source)}), PROMPTS)


def test_outputs_that_do_not_say_what_they_answer_are_refused(committed_params: ParamsFile, tmp_path: Path) -> None:
    source = tmp_path / "outputs.jsonl"
    write_jsonl(source, [answered(make_query("q0"), "So.")])
    with pytest.raises(UrialError, match="does not say what it answers") as caught:
        plan_preferences(comparing(committed_params, {"gpt4": str(source)}), PROMPTS)
    assert "urial import completions" in str(caught.value)


def test_outputs_are_taken_by_their_text_and_never_by_their_place_or_id(tmp_path: Path) -> None:
    asked = [make_query(f"q{number}", turns=(text,)) for number, text in enumerate(("Why?", "How?", "Who?"))]
    source = outputs(tmp_path / "o.jsonl", ("q0", "Who?", "me"), ("q1", "When?", "now"), ("q2", "Why?", "so"))
    rows = published_completions(source, "gpt4", asked)
    assert [(row.instruction_id, row.system, row.answer and row.answer.text) for row in rows] == [
        ("q0", "gpt4", "so"), ("q2", "gpt4", "me"),
    ]  # fmt: skip
    assert published_completions(source, "gpt4", []) == []
    with pytest.raises(UrialError, match="answers none of the instructions of this run"):
        published_completions(source, "gpt4", [make_query("q0", turns=("What?",))])


def test_two_answers_to_one_text_need_ids_that_tell(tmp_path: Path) -> None:
    source = outputs(tmp_path / "o.jsonl", ("q0", "Why?", "so"), ("q1", "Why?", "thus"))
    alike = [make_query(name, turns=("Why?",)) for name in ("q0", "q1")]
    rows = published_completions(source, "gpt4", alike)
    assert [row.answer and row.answer.text for row in rows] == ["so", "thus"]
    with pytest.raises(UrialError, match="2 answers to one text, and no id tells which counts: 'Why\\?'"):
        published_completions(source, "gpt4", [make_query("other", turns=("Why?",))])


@pytest.mark.parametrize("source", ['a".jsonl', "a$(touch x).jsonl", "a`touch x`.jsonl", "a\\b.jsonl", "a\nb.jsonl"])
def test_a_source_that_a_shell_would_read_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="source"):
        PublishedOutputs(source=source)
