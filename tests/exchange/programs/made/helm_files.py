"""Writes the two files of a run of HELM into the folder that is named, out of HELM's own classes by its own writer."""

import sys
from pathlib import Path

from helm.benchmark.adaptation.adapter_spec import AdapterSpec
from helm.benchmark.adaptation.request_state import RequestState
from helm.benchmark.adaptation.scenario_state import ScenarioState
from helm.benchmark.metrics.metric import PerInstanceStats
from helm.benchmark.metrics.metric_name import MetricName
from helm.benchmark.metrics.statistic import Stat
from helm.benchmark.scenarios.scenario import CORRECT_TAG, Input, Instance, Output, Reference
from helm.common.codec import to_json
from helm.common.request import GeneratedOutput, Request, RequestResult


def state(name: str, text: str, answer: str, error: str | None = None) -> RequestState:
    said = [] if error else [GeneratedOutput(text=answer, logprob=0, tokens=[])]
    reference = Reference(Output(text="1"), tags=[CORRECT_TAG])
    return RequestState(
        instance=Instance(input=Input(text=text), references=[reference], split="test", id=name),
        reference_index=None,
        request_mode=None,
        train_trial_index=0,
        output_mapping=None,
        request=Request(model="m/m", model_deployment="m/m", prompt=f"Q: {text}"),
        result=RequestResult(success=error is None, cached=False, error=error, embedding=[], completions=said),
        num_train_instances=0,
        prompt_truncated=False,
    )


folder = Path(sys.argv[1])
states = [state("id1", "What is one?", "One is 1."), state("id2", "please break", "", error="no reply came")]
stats = [Stat(MetricName("exact_match", split="test")).add(0.0), Stat(MetricName("judge_score", split="test")).add(4.0)]
(folder / "scenario_state.json").write_text(
    to_json(ScenarioState(adapter_spec=AdapterSpec(method="generation"), request_states=states))
)
(folder / "per_instance_stats.json").write_text(to_json([PerInstanceStats("id1", None, 0, stats)]))
