"""The rows of a sweep's experiments, computed before these run: in one process, which loads each model once.

An experiment's stages then find them in the row cache. What the rules judge is left to its stage, which takes a moment.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from urial.core.row_cache import RowCache
from urial.experiments.sweep.planned import Planned
from urial.generate.engines import Engines
from urial.generate.run import engine_logs, generate
from urial.judge.preferences.pairs import PreferenceJudgeLike
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.judge.scores.case import Judge
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.models.prepare import prepare_models
from urial.prompts.versions.assembly import assemble
from urial.records.completion import Completion
from urial.records.plans import JudgePlan, OpenAIPlan, PreferencesPlan, TransformersPlan
from urial.run.published import published_completions


def answers_of(planned: Planned, cache: RowCache) -> dict[str, list[Completion]]:
    """The answers of each system, computed as far as the cache lacks them; the model is loaded once, if at all.

    Raises UrialError where a model cannot be had, or a row cannot be computed.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="urial-sweep-") as scratch, Engines(engine_logs(cache)) as engines:
        prepare_models(planned.plans.models, Path(scratch))
        # One model after the other.
        for plan in sorted(planned.systems, key=lambda plan: plan.model):
            folder = Path(scratch) / plan.model
            prompts = assemble(plan, planned.instructions, folder)
            found[plan.system] = generate(plan, planned.instructions, prompts, folder, cache, engines=engines)
    return found


def is_judged_by_a_model(planned: Planned) -> bool:
    """Whether a language model judges or compares the answers."""
    plans = (planned.plans.judge.judge, planned.plans.preferences.judge)
    return any(isinstance(plan, OpenAIPlan | TransformersPlan) for plan in plans)


class Judges:
    """The judge models of a sweep: one stays loaded as long as the variants have the same."""

    def __init__(self, cache: RowCache) -> None:
        self.cache = cache
        self._judge: tuple[JudgePlan, Judge | None] | None = None
        self._comparing: tuple[PreferencesPlan, PreferenceJudgeLike | None] | None = None

    def judge(self, planned: Planned) -> None:
        """Have the answers, which are in the cache, judged and compared as far as the cache lacks what the judge says of them."""
        plans, instructions, answers = planned.plans, planned.instructions, answers_of(planned, self.cache)
        if isinstance(plans.judge.judge, OpenAIPlan | TransformersPlan):
            if self._judge is None or self._judge[0] != plans.judge:
                self._judge = (plans.judge, make_judge(plans.judge, self.cache))
            for system in answers:
                judge_completions(self._judge[1], instructions, answers[system], max_characters(plans.judge))
        if isinstance(plans.preferences.judge, OpenAIPlan | TransformersPlan):
            if self._comparing is None or self._comparing[0] != plans.preferences:
                self._comparing = (plans.preferences, make_preference_judge(plans.preferences, self.cache))
            baseline = _baseline(planned, answers)
            for system in plans.report.compared:
                compare_completions(self._comparing[1], plans.preferences, instructions, answers[system], baseline)


def _baseline(planned: Planned, answers: Mapping[str, Sequence[Completion]]) -> Sequence[Completion]:
    """The answers that others are compared with, of a system or of another study."""
    name = str(planned.plans.preferences.baseline)
    if name in answers:
        return answers[name]
    source = planned.params.params.published_outputs[name].source
    return published_completions(Path(source), name, planned.instructions)
