"""The small run with preferences: `base` against `aligned`, by a judge whose verdicts are written down."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.report.conftest import small_run
from urial.judge.preferences.pairs import Pair
from urial.judge.preferences.run import compare_completions
from urial.records.judge import RulesIdentity
from urial.records.plans import PreferencesPlan, RulesPlan
from urial.records.preference import Choice, Comparison
from urial.report.inputs import ReportInputs

PLAN = PreferencesPlan(
    baseline="aligned", orders="both", name="rules", judge=RulesPlan(kind="rules", microworld_seed=None), rubric=None
)
# For `base`, with `base` first and with `aligned` first; None: no verdict. There is no answer to r4.
VERDICTS: dict[str, tuple[float | None, float | None]] = {
    "r1": (1, 1), "r2": (1, 0), "r3": (0.5, 0.5), "s1": (0, 0), "s2": (1, None),
}  # fmt: skip


class WrittenJudge:
    """Says what is written, of the whole and, of regular instructions, of depth."""

    identity = RulesIdentity(kind="rules", version=1, world=None)

    def comparisons(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, tuple[Comparison, ...]]]:
        for index, pair in enumerate(pairs):
            name = pair.instruction.id
            criteria = ("overall", "depth") if name.startswith("r") else ("overall",)
            yield (
                index,
                tuple(
                    Comparison(
                        order=order,
                        choices=tuple(
                            Choice.model_validate(
                                {"criterion": criterion, "preference": verdict, "rationale": "why <b>",
                                 "status": "invalid" if verdict is None else "decided"}
                            )
                            for criterion in criteria
                        ),
                    )
                    for order, verdict in zip(pair.orders, VERDICTS[name], strict=True)
                ),
            )  # fmt: skip


def compared_run(*, judged: bool = True) -> ReportInputs:
    """The run; not ``judged``: nobody compares."""
    run = small_run()
    base, aligned = run.systems["base"], run.systems["aligned"]
    plan = PLAN if judged else PLAN.model_copy(update={"judge": None, "name": None})
    rows = compare_completions(
        WrittenJudge() if judged else None, plan, run.instructions, base.completions, aligned.completions
    )
    planned = run.plan.model_copy(update={"compared": ("base",), "baseline": "aligned"})
    return replace(run, plan=planned, preferences={"base": rows})
