"""A small run that has every figure."""

from dataclasses import replace

from tests.report.conftest import small_run
from tests.report.preference_runs import compared_run
from tests.report.shift_runs import two_contexts
from urial.report.inputs import ReportInputs


def whole_run() -> ReportInputs:
    """Two contexts, preferences, three tasks and topics, and tokens of which it is known whether they are style."""
    compared = compared_run()
    tags = ("one", "two", "three")
    instructions = [row.model_copy(update={"task": tags, "topic": tags}) for row in small_run().instructions]
    contexts = two_contexts(kind="style").contexts
    plan = compared.plan.model_copy(update={"base_systems": tuple(contexts)})
    return replace(compared, plan=plan, instructions=instructions, contexts=contexts)
