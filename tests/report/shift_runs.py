"""The run of conftest with other measurements: two contexts, or a base model behind a server."""

from typing import Any

from tests.report.conftest import IDS, RANKS, make_context, make_inputs, make_token, small_run
from urial.report.inputs import ReportInputs


def two_contexts(piece: str = "tok", **changes: Any) -> ReportInputs:
    """small_run with a second context, `urial`, under which no token is shifted, and one marginal: the second of s1."""
    run = small_run(piece=piece)
    rows = [
        make_token(name, position, (2 if (name, position) == ("s1", 1) else 1, 0.6, 0.25), piece, **changes)
        for name in IDS
        for position in range(2)
    ]
    return make_inputs(run.instructions, run.systems, {**run.contexts, "urial": make_context(rows, IDS, "urial")})


def served_run(**changes: Any) -> ReportInputs:
    """small_run with a base model behind a server: KL is at least something, and a rank may be below all candidates."""
    run = small_run()
    unknown = ("token_id", "aligned_rank", "base_ties", "aligned_ties", "aligned_logprob", "base_entropy",
               "aligned_entropy", "kl", "kl_reverse", "js")  # fmt: skip
    nulls: dict[str, Any] = {**dict.fromkeys(unknown), "kl_lower_bound": 0.5, "base_top_ids": [], **changes}
    rows = [
        {**make_token(name, position, measured), **nulls, "base_rank": None if measured[0] > 3 else measured[0]}
        for name, both in RANKS.items()
        for position, measured in enumerate(both)
    ]
    return make_inputs(run.instructions, run.systems, {"base": make_context(rows, IDS)})
