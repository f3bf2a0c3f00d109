"""Jensen-Shannon divergence against the base model's entropy: where a few tokens diverge, and how sure the base model was."""

from collections.abc import Mapping, Sequence
from math import ceil, log
from typing import TYPE_CHECKING

import numpy as np

from urial.core.text import one_line
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct
from urial.report.charts.shift import NOT_MEASURED
from urial.report.charts.style import SERIES_COLORS, limit

if TYPE_CHECKING:
    import altair as alt
    import pyarrow as pa

# Cells on either side; JS divergence is at most ln 2, and the widest entropy is a whole number of nats.
ACROSS, UP = 30, 24
HIGHEST_JS = log(2)


def density_figure(report: Report, tables: "Mapping[str, pa.Table]") -> Figure | Missing:
    """How many tokens have which divergence and entropy: counts in cells, however many tokens there are."""
    caption = (
        "Jensen-Shannon divergence of base and aligned distribution against the entropy of the base distribution: tokens "
        "in each cell, on a log scale. The tokens in the cells are all of which both are known."
    )
    if not report.token_shift:
        return Missing("js_entropy", caption, "tokens", NOT_MEASURED)
    known = {name: _known(table) for name, table in tables.items()}
    widest = max((float(entropy.max()) for _, entropy in known.values() if len(entropy)), default=None)
    if widest is None:
        why = "Jensen-Shannon divergence and entropy are not known of any token"
        return Missing("js_entropy", caption, "tokens", why)
    top = max(1, ceil(widest))
    rows = [row for name, (js, entropy) in known.items() for row in _cells(one_line(name), js, entropy, top)]
    return Figure("js_entropy", caption, "tokens", rows, lambda data: _panels(data, rows, top))


def _known(table: "pa.Table") -> tuple[np.ndarray, np.ndarray]:
    js, entropy = (table[column].to_numpy().astype(np.float64) for column in ("js", "base_entropy"))
    both = np.isfinite(js) & np.isfinite(entropy)
    return js[both], entropy[both]


def _cells(context: str, js: np.ndarray, entropy: np.ndarray, top: int) -> list[Row]:
    """The cells that have tokens; rounding may have put a divergence a hair beyond its bounds."""
    across = np.clip((entropy / top * ACROSS).astype(np.int64), 0, ACROSS - 1)
    up = np.clip((js / HIGHEST_JS * UP).astype(np.int64), 0, UP - 1)
    counts = np.bincount(across * UP + up, minlength=ACROSS * UP)
    width, height = top / ACROSS, HIGHEST_JS / UP
    return [
        {
            "context": context, "tokens": int(counts[cell]),
            "entropy_low": round(width * (cell // UP), 6), "entropy_high": round(width * (cell // UP + 1), 6),
            "js_low": round(height * (cell % UP), 6), "js_high": round(height * (cell % UP + 1), 6),
        }
        for cell in map(int, np.flatnonzero(counts))
    ]  # fmt: skip


def _panels(data: "alt.InlineData", rows: Sequence[Row], top: int) -> "alt.TopLevelMixin":
    import altair as alt

    contexts = distinct(rows, "context")
    most = max(int(str(row["tokens"])) for row in rows)
    shade = alt.Opacity(
        "tokens:Q",
        scale=alt.Scale(type="log", domain=[1, max(10, most)], range=[0.15, 1]),
        legend=alt.Legend(title="tokens", values=_powers(most)),
    )
    x = alt.X(
        "entropy_low:Q",
        title="entropy of base, nats",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(grid=False, tickCount=5),
    )
    y = alt.Y(
        "js_low:Q",
        title="Jensen-Shannon divergence, nats",
        scale=alt.Scale(domain=[0, HIGHEST_JS], nice=False),
        axis=alt.Axis(grid=False, tickCount=5),
    )
    cells = (
        alt.Chart(data)
        .mark_rect(color=SERIES_COLORS[0])
        .encode(x=x, x2="entropy_high:Q", y=y, y2="js_high:Q", opacity=shade)
    )
    return cells.properties(width=270, height=210).facet(
        alt.Facet("context:N", title=None, sort=contexts, header=alt.Header(labelLimit=limit(contexts))), columns=2
    )


def _powers(most: int) -> list[int]:
    return [10**power for power in range(len(str(most)))]
