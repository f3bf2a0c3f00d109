"""One experiment of a prompt, its ablations and the bare query: which systems, which names, and what is left out and why."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.conftest import ROOT
from tests.experiments.sweep.toy import reported
from tests.plan.test_planning import PROMPTS, local_pair, params_with
from tests.tiny_models import tiny_folder
from urial.cli import main
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.experiments.sweep.ablations import ABLATIONS, AblationSweep, Wanted, ablation_sweep
from urial.experiments.sweep.room import without_room
from urial.experiments.sweep.variants import variant_params
from urial.plan.planning import make_plans, plan_systems
from urial.prompts.versions.rendering import render
from urial.records.params.file import ParamsFile
from urial.records.plans import SystemPlan
from urial.records.prompt import Example

SHUFFLED = ("systems/base-urial/ablation", {"answers": "shuffled"})


def sweep_of(system: str = "base-urial", params: ParamsFile | None = None, **wanted: Any) -> AblationSweep:
    return ablation_sweep(params or params_with(), system, Wanted(**wanted), PROMPTS)


def refusal(*changes: tuple[str, Any], system: str = "base-urial", **wanted: Any) -> str:
    with pytest.raises(UrialError) as caught:
        sweep_of(system, params_with(*changes), **wanted)
    return str(caught.value)


def planned(sweep: AblationSweep) -> dict[str, SystemPlan]:
    """The systems of the experiment, planned of the params.yaml that it would have."""
    params = variant_params(sweep.variant(params_with()), ROOT).params
    return {plan.system: plan for plan in make_plans(params, PROMPTS).systems}


def test_the_default_set_is_all_that_the_prompt_allows_and_no_text_twice() -> None:
    sweep = sweep_of()
    assert list(sweep.prompts)[:2] == ["base-urial", "base-zero-shot"]
    assert {f"base-urial-{name}" for name in ABLATIONS} == {*sweep.added, *sweep.left_out}
    assert sweep.left_out == {"base-urial-order-permuted": "its text is that of base-urial-order-reversed"}
    texts = {render(prompt, "q").text for prompt in sweep.prompts.values()}
    assert len(texts) == len(sweep.prompts) == 12


def test_the_experiment_has_these_systems_alone_and_the_token_shift_under_each() -> None:
    sweep = sweep_of()
    plans = planned(sweep)
    assert plans.keys() == {"aligned", *sweep.prompts}
    assert {name: plan.prompt for name, plan in plans.items() if plan.prompt} == sweep.prompts
    params = variant_params(sweep.variant(params_with()), ROOT).params
    assert params.token_shift.base_systems == tuple(sweep.prompts)
    assert (params.preferences.systems, params.preferences.baseline) == ((), None)
    assert plans["base-urial"].prompt_label == "microworld/urial-k3"
    assert plans["base-urial-answers-none"].prompt_label == "microworld/urial-k3, no answers"


def test_numbers_choices_and_seeds_make_systems_of_their_own() -> None:
    sweep = sweep_of(only=["answers-in-domain"], examples=[1, 10, 10], choices=["greedy", "random"], seeds=[0, 5])
    endings = [name.removeprefix("base-urial-") for name in sweep.added]
    assert endings == [
        "answers-in-domain", "answers-in-domain-seed5", "examples-1-greedy", "examples-1-random", "examples-1-random-seed5",
        "examples-10-greedy", "examples-10-random", "examples-10-random-seed5",
    ]  # fmt: skip
    assert len(planned(sweep)["base-urial-examples-10-random"].prompt.examples) == 10  # type: ignore[union-attr]
    first = sweep_of(only=["queries-none"], examples=[0, 2, 3, 9])
    assert [*first.added] == ["base-urial-queries-none", "base-urial-examples-0", "base-urial-examples-2"]
    assert first.left_out["base-urial-examples-9"].endswith(
        "set choice (greedy, diverse or random), so that they are chosen from a pool"
    )
    assert "leaves the prompt as it is" in first.left_out["base-urial-examples-3"]


def test_the_decoding_of_the_system_goes_along() -> None:
    params = params_with(("systems/base-urial/decoding", {"temperature": 0.7}))
    sweep = sweep_of(params=params, only=["answers-none"])
    assert sweep.added["base-urial-answers-none"]["decoding"] == {"temperature": 0.7}
    # The greedy zero-shot system of params.yaml is not what it is compared with.
    assert sweep.added["base-urial-zero-shot"] == {
        "model": "base", "prompt": "microworld/zero-shot", "decoding": {"temperature": 0.7},
    }  # fmt: skip


def test_the_bare_query_is_made_where_params_yaml_has_no_such_system() -> None:
    tree = params_with()
    params = tree.model_copy(update={"systems": {"u": tree.systems["base-urial"], "aligned": tree.systems["aligned"]}})
    assert list(sweep_of("u", params, only=["queries-none"]).added) == ["u-zero-shot", "u-queries-none"]


def test_what_is_the_bare_query_is_left_out() -> None:
    sweep = sweep_of("base-urial-k0")
    assert list(sweep.added) == ["base-urial-k0-system-1"]
    assert sweep.left_out["base-urial-k0-system-0"] == "its text is that of base-zero-shot"
    assert sweep.left_out["base-urial-k0-queries-none"] == "queries: none, and the prompt has no examples"


def test_each_of_several_other_domains_has_a_system(tmp_path: Path) -> None:
    prompts = Path(shutil.copytree(PROMPTS, tmp_path / "prompts"))
    write_jsonl(prompts / "pools/third.jsonl", [Example(query=f"q{n}", answer=f"a{n}") for n in range(3)])
    sweep = ablation_sweep(params_with(), "base-urial", Wanted(only=["answers-out-of-domain"]), prompts)
    assert list(sweep.added) == ["base-urial-answers-out-of-domain-general", "base-urial-answers-out-of-domain-third"]
    plans = {
        plan.system: plan for plan in plan_systems(variant_params(sweep.variant(params_with()), ROOT).params, prompts)
    }
    assert plans["base-urial-answers-out-of-domain-third"].prompt_label == (
        "microworld/urial-k3, out-of-domain answers, answers of pools/third.jsonl"
    )


def test_without_an_aligned_model_there_is_no_token_shift(tmp_path: Path) -> None:
    changes = local_pair(tmp_path)
    pair = dict(changes)["studies/local"]
    params = params_with(*changes, ("studies/local", {**pair, "aligned": None}))
    sweep = sweep_of(params=params, only=["examples-0"])
    assert sweep.no_shift == "the study local has no aligned model"
    settings = sweep.variant(params).settings
    assert settings["token_shift.base_systems"] == []
    assert "~systems.aligned" in settings


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ((), {"system": "aligned"}, "aligned: a chat template has no examples and no system text"),
        ((), {"system": "base-urail"}, "SYSTEM: no 'base-urail' in systems"),
        ((), {"only": ["answers-shufled"]}, "no ablation 'answers-shufled'\n  fix: did you mean 'answers-shuffled'?"),
        ((), {"choices": ["greedy"]}, "a choice or a pool of examples is of no use without their number"),
        ((SHUFFLED,), {}, "base-urial: its prompt is ablated already"),
        ((), {"system": "base-zero-shot"}, "no ablation of its prompt microworld/zero-shot can be made"),
        ((), {"system": "base-retrieval-icl"}, "the examples of a retrieval-icl prompt are chosen for each instruction; system_s"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_refused(
    changes: tuple[tuple[str, Any], ...], options: dict[str, Any], message: str
) -> None:
    assert message in refusal(*changes, **options)


def test_a_name_that_is_taken_by_another_system_is_left_out_and_said() -> None:
    params = params_with(("systems/base-urial-queries-none", {"model": "base", "prompt": "urial-k1"}))
    sweep = sweep_of(params=params, only=["queries-none", "answers-none"])
    assert list(sweep.added) == ["base-urial-answers-none"]
    assert "another system of the name base-urial-queries-none; rename it" in sweep.left_out["base-urial-queries-none"]


def test_an_earlier_sweep_that_was_applied_is_swept_again() -> None:
    first = sweep_of()
    applied = variant_params(first.variant(params_with()), ROOT).params
    again = sweep_of(params=applied)
    assert (again.prompts, again.left_out, again.added) == (first.prompts, first.left_out, {})
    assert not [key for key in again.variant(applied).settings if key.startswith(("~", "systems."))]


def test_the_experiment_s_name_says_what_it_is_of() -> None:
    variant = sweep_of(only=["system-0"]).variant(params_with())
    assert (variant.name, variant.label) == ("ablations-base-urial", "ablations of microworld/urial-k3")


@pytest.mark.parametrize("given", ["51", "a", "1,,2", "-1", "1;2", "9" * 5000, "²"])
def test_numbers_of_examples_are_numbers_of_at_most_fifty(given: str) -> None:
    result = CliRunner().invoke(main, ["sweep", "ablations", "base-urial", f"--examples={given}"])
    assert result.exit_code == 2
    assert "from 0 to 50, as in 1,3,10." in result.output


def test_a_pool_outside_of_the_prompts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command = ["sweep", "ablations", "base-urial", "--examples", "2", "--choice", "random", "--pool"]
    result = CliRunner().invoke(main, [*command, "prompts/pools/none.jsonl", "--dry-run"])
    assert result.output.startswith("Error: --pool: no file prompts/pools/none.jsonl\n  fix: put the pool into")
    outside = CliRunner().invoke(main, [*command, "../README.md", "--dry-run"])
    assert outside.exit_code == 1
    assert "match pattern" in outside.output


def test_a_run_s_model_tells_which_prompts_leave_no_room(tmp_path: Path) -> None:
    params, sweep = params_with(), sweep_of(only=["answers-none"], examples=[10], choices=["greedy"])
    made = make_plans(variant_params(sweep.variant(params), ROOT).params, PROMPTS)
    short = made.systems[0].decoding.model_copy(update={"max_new_tokens": 16})
    plans = [plan.model_copy(update={"decoding": short}) for plan in made.systems if plan.system in sweep.prompts]
    # Nothing is known without a run.
    assert list(without_room(params, plans, tmp_path, PROMPTS)) == []
    shutil.copytree(tiny_folder("llama"), tmp_path / "data/models/base")
    write_json(tmp_path / "data/plan/report.json", make_plans(params, PROMPTS).report)
    write_jsonl(tmp_path / "data/instructions.jsonl", made.asked or [])
    ((name, why),) = without_room(params, plans, tmp_path, PROMPTS)
    assert name == "base-urial-examples-10-greedy"
    assert re.fullmatch(r"the prompt has \d{3} tokens and the answer may have 16, but the model's context has 512", why)
    other = params_with(("run/study", "qwen2-5-0-5b"))
    assert list(without_room(other, plans, tmp_path, PROMPTS)) == []


def test_one_experiment_has_them_all_and_is_made_once(project: Clone) -> None:
    command = ("sweep", "ablations", "base-urial", "--only", "answers-shuffled", "--only", "queries-none")
    result = invoke(*command)
    assert result.exit_code == 0, result.output
    assert (
        "left out: the token shift, and with it what each explains: the study own has no aligned model" in result.output
    )
    assert result.output.endswith("1 experiment: 1 made, 0 there already, 0 failed\n")
    systems = ["base-zero-shot", "base-urial", "base-urial-answers-shuffled", "base-urial-queries-none"]
    assert reported(project, "ablations-base-urial")["systems"] == systems
    # Their answers are in the row cache already, by the text that each prompt has.
    with RowCache() as cache:
        assert len([*cache.stored()]) == 2 * len(systems)
    again = invoke(*command)
    assert again.output.endswith("1 experiment: 0 made, 1 there already, 0 failed\n")
