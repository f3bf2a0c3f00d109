"""From positions to figures: category shares, curves over position, the tokens shifted most."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from urial.figures import Estimate, KindFigures, ShiftedToken, ShiftFigures
from urial.records import ShiftCoverage
from urial.stats import Bootstrap

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TOP_SHIFTED = 20
# A mean over fewer answers is too noisy to draw (paper, figure 3 averages over all answers that reach a position).
FEWEST_ANSWERS = 5


@dataclass(frozen=True)
class CurvePoint:
    """Means over the answers that reach one position."""

    position: int
    answers: int
    shifted: Estimate
    kl: Estimate
    base_rank: Estimate
    base_probability: Estimate


def summarise(table: "pa.Table", coverage: Sequence[ShiftCoverage], bootstrap: Bootstrap) -> ShiftFigures:
    """Figures of one context, with intervals over the measured answers."""
    frame = _frame(table)
    statuses = [row.status for row in coverage]
    shares = {
        name: _share(frame, frame["category"] == name, bootstrap) for name in ("unshifted", "marginal", "shifted")
    }
    return ShiftFigures(
        measured=statuses.count("measured"),
        no_answer=statuses.count("no_answer"),
        too_long=statuses.count("too_long"),
        served=statuses.count("served"),
        unshifted=shares["unshifted"],
        marginal=shares["marginal"],
        shifted=shares["shifted"],
        positions=len(frame),
        ties=int((frame["base_ties"] > 0).sum()),
        kl=_mean(frame, "kl", bootstrap),
        base_probability=_mean(frame, "base_probability", bootstrap),
        style=_kind(frame, "style", bootstrap),
        knowledge=_kind(frame, "knowledge", bootstrap),
        top_shifted=_top_shifted(frame),
    )


def curve(table: "pa.Table", bootstrap: Bootstrap) -> list[CurvePoint]:
    """Means at each position that at least FEWEST_ANSWERS answers reach (paper, figure 3)."""
    frame = _frame(table)
    points = []
    for position, group in frame.groupby("position", sort=True):
        if len(group) < FEWEST_ANSWERS:
            break
        points.append(
            CurvePoint(
                position=int(str(position)),
                answers=len(group),
                shifted=bootstrap.mean((group["category"] == "shifted").tolist()),
                kl=bootstrap.mean(group["kl"].tolist()),
                base_rank=bootstrap.mean(group["base_rank"].tolist()),
                base_probability=bootstrap.mean(group["base_probability"].tolist()),
            )
        )
    return points


def _frame(table: "pa.Table") -> "pd.DataFrame":
    columns = ["instruction_id", "position", "token", "base_rank", "base_ties", "kl", "category", "kind"]
    frame: pd.DataFrame = table.select(columns).to_pandas()
    frame["base_probability"] = np.exp(table["base_logprob"].to_numpy().astype(np.float64))
    return frame


def _share(frame: "pd.DataFrame", selected: "pd.Series[bool]", bootstrap: Bootstrap) -> Estimate:
    """Share of positions selected."""
    groups = selected.groupby(frame["instruction_id"], sort=False)
    return bootstrap.ratio(groups.sum().tolist(), groups.size().tolist())


def _mean(frame: "pd.DataFrame", column: str, bootstrap: Bootstrap) -> Estimate:
    groups = frame.groupby("instruction_id", sort=False)[column]
    return bootstrap.ratio(groups.sum().tolist(), groups.size().tolist())


def _kind(frame: "pd.DataFrame", kind: str, bootstrap: Bootstrap) -> KindFigures | None:
    if frame["kind"].isna().all():
        return None
    is_kind, is_shifted = frame["kind"] == kind, frame["category"] == "shifted"
    by_answer = [
        selected.groupby(frame["instruction_id"], sort=False).sum().tolist()
        for selected in (is_kind & is_shifted, is_kind, is_shifted)
    ]
    return KindFigures(
        positions=int(is_kind.sum()),
        shifted=bootstrap.ratio(by_answer[0], by_answer[1]),
        share_of_shifted=bootstrap.ratio(by_answer[0], by_answer[2]),
    )


def _top_shifted(frame: "pd.DataFrame") -> tuple[ShiftedToken, ...]:
    emitted = Counter(frame["token"])
    shifted = Counter(frame.loc[frame["category"] == "shifted", "token"])
    ranked = sorted(shifted.items(), key=lambda item: (-item[1], item[0]))[:TOP_SHIFTED]
    return tuple(ShiftedToken(token=token, shifted=count, positions=emitted[token]) for token, count in ranked)
