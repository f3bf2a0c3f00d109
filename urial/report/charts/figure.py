"""One figure of a report: its name and caption, its data, and how Altair draws them, as a Vega-Lite specification."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from urial.core.hashing import canonical_json
from urial.core.tables import Cell
from urial.core.text import one_line
from urial.records.estimate import Estimate
from urial.report.charts.style import CONFIG

if TYPE_CHECKING:
    import altair as alt

Row = Mapping[str, Cell]
Specification = dict[str, Any]
# The name of the data within a specification, and DVC's mark, which it replaces by rows of its own: a specification without the
# mark is no template to `dvc plots show`.
DATA, DVC_MARK = "rows", "<DVC_METRIC_DATA>"


@dataclass(frozen=True)
class Figure:
    """What is drawn: ``draw`` makes a chart of the rows; ``value`` is the column of what is shown."""

    name: str
    caption: str
    value: str
    rows: Sequence[Row]
    draw: "Callable[[alt.InlineData], alt.TopLevelMixin]"


@dataclass(frozen=True)
class Missing:
    """A figure that this run cannot have, and why."""

    name: str
    caption: str
    value: str
    why: str


def specification(figure: Figure | Missing, run: str) -> Specification:
    """The figure as Vega-Lite with its data inside; ``run`` is the identifier of the report that the data are of.

    A figure that is missing says why in its place. The same figures give the same specification: no id in it is drawn.
    """
    import altair as alt
    from altair.utils import schemapi

    rows, draw = (_excuse(figure), _text) if isinstance(figure, Missing) else (figure.rows, figure.draw)
    known = {"name": figure.name, "caption": figure.caption, "run": run}
    if isinstance(figure, Missing):
        known["missing"] = figure.why
    # Altair copies what it is given many times, so that rows and style are put in afterwards. A test checks each specification whole.
    with schemapi.debug_mode(False):
        made: Specification = draw(alt.InlineData(values=[], name=DATA)).to_dict(validate=False)
    made["data"] = {"name": DATA, "values": [dict(row) for row in rows]}
    return {**made, "description": figure.caption, "config": CONFIG, "usermeta": {"urial": known, "dvc": DVC_MARK}}


def _excuse(figure: Missing) -> list[Row]:
    return [{"text": f"{figure.name}: {figure.why}", figure.value: None}]


def _text(data: "alt.InlineData") -> "alt.TopLevelMixin":
    import altair as alt

    return alt.Chart(data).mark_text(align="left").encode(text="text:N", x=alt.value(0))


def specification_bytes(made: Specification) -> bytes:
    """A specification as it stands in its file."""
    return canonical_json(made) + b"\n"


def rows_of(made: Specification) -> list[dict[str, Cell]]:
    """The data within a specification."""
    rows: list[dict[str, Cell]] = made["data"]["values"]
    return rows


def estimate_cells(estimate: Estimate, *, scale: float = 1) -> dict[str, Cell]:
    """A mean and its interval as columns; None where it is not known."""
    return {
        part: None if (value := getattr(estimate, part)) is None else value * scale for part in ("mean", "low", "high")
    }


def distinct(rows: Sequence[Row], column: str) -> list[str]:
    """The texts of a column, each once, in the order of the rows."""
    return list(dict.fromkeys(one_line(str(row[column])) for row in rows))
