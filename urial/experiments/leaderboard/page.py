"""A leaderboard as one page of HTML that needs no other file and no network: tables to sort, charts, and where the rows are from.

Names of models, systems and runs are written by others: Jinja escapes them, and the policy lets nothing run but the page's own script.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from urial.core.tables import show
from urial.core.text import counted
from urial.experiments.leaderboard.charts import progress_figure, size_figure
from urial.experiments.leaderboard.columns import Shown, Value, shown_columns
from urial.experiments.leaderboard.records import Leaderboard, LeaderboardRow
from urial.experiments.leaderboard.text import identifier_of, letters, table_notes
from urial.records.leaderboard_entry import EntryModel
from urial.report.charts.every import picture
from urial.report.charts.figure import Figure, Missing, specification
from urial.report.site import frame
from urial.report.site.drawings import inline_svg
from urial.statistics.tables import scale_text

ASSETS, SITE_ASSETS = Path(__file__).parent / "assets", Path(frame.__file__).parent / "assets"
# Columns of texts; all others are of numbers.
TEXTS = ("group", "model", "system", "prompt", "decoding", "run", "against")
HEAD = "model"


@dataclass(frozen=True)
class Link:
    """A run in a row, and where it stands among the runs."""

    id: str
    name: str


@dataclass(frozen=True)
class PageCell:
    """A cell as the page shows and sorts it."""

    text: str
    rest: str = ""
    order: str = ""
    number: bool = False
    head: bool = False
    links: Sequence[Link] = ()

    @property
    def missing(self) -> bool:
        """Whether there is nothing to show."""
        return not self.text and not self.links


@dataclass(frozen=True)
class PageColumn:
    """The head of a column."""

    name: str
    number: bool


@dataclass(frozen=True)
class PageTable:
    """The table of one setting."""

    id: str
    title: str
    columns: Sequence[PageColumn]
    rows: Sequence[Sequence[PageCell]]
    notes: Sequence[str]


@dataclass(frozen=True)
class OriginRow:
    """A row that others can be linked to."""

    id: str
    cells: Sequence[str]


@dataclass(frozen=True)
class OriginTable:
    """Models, runs, or what is not shown."""

    id: str
    title: str
    columns: Sequence[str]
    rows: Sequence[OriginRow]


def leaderboard_page(board: Leaderboard) -> str:
    """The page as HTML; the same leaderboard gives the same bytes."""
    ids = {name: f"run-{number}" for number, name in enumerate(board.runs, start=1)}
    identifier = identifier_of(board)
    style = "".join(
        path.read_text("utf-8")
        for path in (SITE_ASSETS / "frame.css", SITE_ASSETS / "pages.css", ASSETS / "leaderboard.css")
    )
    script = (ASSETS / "leaderboard.js").read_text("utf-8")
    template = frame.environment(ASSETS).get_template("leaderboard.html.j2")
    return template.render(
        policy=_policy(style, script),
        # Files of this package.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        identifier=identifier,
        headline=_headline(board),
        settings=[_table(board, index, ids) for index in range(len(board.settings))],
        charts=[_chart(figure, identifier) for figure in (progress_figure(board), size_figure(board))],
        origins=[table for table in _origins(board, ids) if table.rows],
    )


def _policy(style: str, script: str) -> str:
    allowed = {
        name: f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for name, text in (("style-src", style), ("script-src", script))
    }
    parts = ("default-src 'none'", *(f"{name} {value}" for name, value in allowed.items()), "img-src data:")
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"])


def _headline(board: Leaderboard) -> str:
    models = len({row.of.hash for row in board.rows})
    return (
        f"{counted(len(board.rows), 'row')}: systems of {counted(models, 'model')} in {counted(len(board.runs), 'run')}"
    )


def _table(board: Leaderboard, index: int, ids: Mapping[str, str]) -> PageTable:
    rows = [row for row in board.rows if row.setting == index]
    cells = {
        name: [_cell(name, value, row, ids) for value, row in zip(values, rows, strict=True)]
        for name, values in shown_columns(rows).items()
    }
    letter = f" {letters(index)}" if len(board.settings) > 1 else ""
    return PageTable(
        id=f"setting-{index}",
        title=f"Scores{letter} ({scale_text(row.figures.aspects for row in rows)})",
        columns=[PageColumn(name, name not in TEXTS) for name in cells],
        rows=list(zip(*cells.values(), strict=True)),
        notes=table_notes(board, board.settings[index], rows),
    )


def _cell(name: str, value: Value, row: LeaderboardRow, ids: Mapping[str, str]) -> PageCell:
    if name == "run":
        links = [Link(ids[run], run) for run in row.runs]
        return PageCell("", order=row.runs[0], links=links)
    if value is None:
        return PageCell("")
    if isinstance(value, Shown):
        return PageCell(value.text, value.rest, f"{value.order:.6g}", number=True)
    text = f"{value:,}" if isinstance(value, int) else show(value)
    return PageCell(text, order=str(value), number=name not in TEXTS, head=name == HEAD)


def _chart(figure: Figure | Missing, identifier: str) -> tuple[Markup, object]:
    drawn = picture(figure, specification(figure, identifier))
    return inline_svg(figure.name, drawn), drawn


def _origins(board: Leaderboard, ids: Mapping[str, str]) -> list[OriginTable]:
    """Where the figures are from: runs, models, and what is not in the table."""
    runs = [
        OriginRow(ids[name], [name, run.study, run.commit or "none", run.experiment or "none", run.run])
        for name, run in board.runs.items()
    ]
    called = {row.of.hash: row for row in board.rows}
    models = [OriginRow("", _model(row.model, row.of)) for row in called.values()]
    systems = {
        (row.system, row.figures.prompt, row.figures.prompt_hash or "none", row.figures.decoding.model_dump_json())
        for row in board.rows
    }
    left = [(run.run, run.why) for run in board.not_shown]
    left += [(name, f"the same measurement as {other}") for name, other in board.same.items()]
    return [
        OriginTable("runs", "Runs", ("run", "study", "commit", "experiment", "hash of the measurement"), runs),
        OriginTable("models", "Models", ("model", "is", "hash of its files", "parameters"), models),
        OriginTable(
            "systems",
            "Systems",
            ("system", "prompt", "hash of the prompt", "decoding"),
            [OriginRow("", row) for row in sorted(systems)],
        ),
        OriginTable("left", "Runs that are not shown", ("run", "why"), [OriginRow("", row) for row in left]),
    ]


def _model(name: str, model: EntryModel) -> list[str]:
    parameters = "not known" if model.parameters is None else f"{model.parameters:,}"
    return [name, model.label, model.hash, parameters]
