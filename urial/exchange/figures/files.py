"""Writes a run's figures and tables as files for a paper, from what the stage report wrote."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.store import read_json, write_bytes, write_text
from urial.core.strict_json import strict_json
from urial.core.tables import Table
from urial.exchange.figures.latex import booktabs
from urial.exchange.figures.marks import marked_pdf, marked_png, marked_svg
from urial.exchange.figures.paper_table import paper_table
from urial.exchange.figures.published import (
    Published,
    published,
    published_category_figure,
    published_score_figure,
)
from urial.records.report import Report
from urial.report import branching_tables, known_tables, shift_tables, tables
from urial.report.charts import drawing
from urial.report.charts.every import NAMES
from urial.report.charts.figure import Specification, specification
from urial.report.site.index import identifier
from urial.run.paths import CHARTS, REPORT, REPORT_FOLDER

FORMATS: Mapping[str, tuple[Callable[[Mapping[str, Any]], bytes], Callable[[bytes, str, str], bytes]]] = {
    "svg": (drawing.svg, marked_svg),
    "pdf": (drawing.pdf, marked_pdf),
    "png": (drawing.png, marked_png),
}
# Those that are made of report.json alone, as the stage report names them, and the paper's table 1.
TABLES = (
    "paper_table_1", "scores", "answers", "known_answers", "known_agreement", "preferences", "turns", "later_turns", "token_shift", "token_shift_contexts",
    "branching", "token_shift_labels", "token_shift_means", "shifted_tokens", "shifted_words",
)  # fmt: skip
REFERENCE_NAMES = ("scores_published", "categories_published")
REPAIR = "run `dvc pull`, or `dvc repro` where an earlier urial wrote the report"


@dataclass(frozen=True)
class Chosen:
    """What is written: ``names`` of figures and tables, all where there are none, and whether the paper's own rows are shown."""

    formats: Sequence[str] = tuple(FORMATS)
    names: Sequence[str] = ()
    reference: bool = False

    def has(self, name: str) -> bool:
        """Whether a figure or a table is wanted."""
        return not self.names or name in self.names


@dataclass(frozen=True)
class Written:
    """How many figures and tables were written, and why others were not."""

    figures: int
    tables: int
    left_out: Mapping[str, str]


def write_figures(data: Path, target: Path, chosen: Chosen) -> Written:
    """Write them under ``target``. Raises UrialError where a file of the report is missing, or what is named is not to be had."""
    _require_known(chosen)
    report = _report(data)
    run = identifier(report)
    mark = f"urial run {run} of the study {report.study}"
    known = published() if chosen.reference else None
    figures = {name: _specification(data, name, run) for name in NAMES if chosen.has(name)}
    if known:
        figures |= {name: made for name, made in _with_reference(report, known, run).items() if chosen.has(name)}
    tables_made = {name: table for name, table in _tables(report, known).items() if table and chosen.has(name)}
    left_out = {name: why for name, made in figures.items() if (why := made["usermeta"]["urial"].get("missing"))}
    for name in chosen.names:
        if name not in tables_made and name not in figures.keys() - left_out.keys():
            raise UrialError(
                f"{name}: {left_out.get(name, 'this run has nothing to put there')}", fix="leave it out of --name"
            )
    for name, made in figures.items():
        if name not in left_out:
            _write_figure(target / name, made, chosen.formats, mark)
    for name, table in tables_made.items():
        _write_table(target / "tables" / name, table, mark)
    return Written(len(figures) - len(left_out), len(tables_made), left_out)


def _require_known(chosen: Chosen) -> None:
    """Raises UrialError for a name that no figure and no table has."""
    known = {*NAMES, *TABLES, *(REFERENCE_NAMES if chosen.reference else ())}
    for name in chosen.names:
        if name not in known:
            fix = "show the paper's rows with --reference" if name in REFERENCE_NAMES else did_you_mean(name, known)
            raise UrialError(f"no figure and no table is called {shorten(name)}", fix=fix)


def _report(data: Path) -> Report:
    path = data / REPORT.below()
    if not path.is_file():
        raise UrialError("no report yet", path=path, fix="run `dvc repro`, or `dvc pull` where a remote has one")
    return read_json(path, Report)


def _specification(data: Path, name: str, run: str) -> Specification:
    """A figure of the stage report. Raises UrialError where it is missing, no specification, or of another report."""
    path = data.parent / CHARTS / f"{name}.json"
    try:
        made: Specification = strict_json(path.read_text("utf-8"))
        known = made["usermeta"]["urial"]
        named, texts = (known["name"], known["run"]), (known["caption"], known.get("missing", ""))
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("its caption is no text")
    except FileNotFoundError:
        raise UrialError("missing", path=path, fix=REPAIR) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UrialError(
            f"is no figure of a report: {error}", path=path, fix=f"run `dvc checkout --force {CHARTS}`"
        ) from error
    if named != (name, run):
        raise UrialError(
            f"is {named[0]} of report {named[1]}", path=path, expected=f"{name} of {run}, the report beside it",
            fix=f"run `dvc checkout` and `git checkout {REPORT_FOLDER}`, or `dvc repro`",
        )  # fmt: skip
    return made


def _with_reference(report: Report, known: Published, run: str) -> dict[str, Specification]:
    figures = (published_score_figure(report, known), published_category_figure(report, known))
    return {figure.name: specification(figure, run) for figure in figures}


def _tables(report: Report, known: Published | None) -> dict[str, Table | None]:
    """The tables of TABLES; None where the run has nothing to put there."""
    shift = report.token_shift
    tokens, words = shift_tables.shifted_tables(shift)
    made = (
        paper_table(report, known),
        tables.score_table(report) if report.judge else None,
        None if report.judge else tables.answer_table(report),
        known_tables.reported_known_answers(report),
        known_tables.known_agreement_table(report.known_agreement),
        tables.preference_table(report.preferences, report.preference_judge),
        tables.turn_table(report),
        tables.later_turns_table(report),
        tables.shift_table(report),
        shift_tables.context_table(report.context_comparisons),
        branching_tables.branching_table(shift),
        shift_tables.label_table(shift),
        shift_tables.divergence_table(shift),
        tokens,
        words,
    )
    return {name: table if table and table.rows else None for name, table in zip(TABLES, made, strict=True)}


def _write_figure(path: Path, made: Specification, formats: Sequence[str], mark: str) -> None:
    """NAME.svg, NAME.pdf and NAME.png, as far as wanted, and NAME.txt with the caption."""
    caption = made["usermeta"]["urial"]["caption"]
    for kind in formats:
        draw, marked = FORMATS[kind]
        write_bytes(path.with_name(f"{path.name}.{kind}"), marked(draw(made), caption, mark))
    write_text(path.with_name(f"{path.name}.txt"), f"{caption}\n\n{mark}\n")


def _write_table(path: Path, table: Table, mark: str) -> None:
    """NAME.tex, NAME.md and NAME.csv; in the last the run is a column, since CSV has no comments."""
    run = mark.split()[2]
    marked = Table(table.title, ["run", *table.columns], [[run, *row] for row in table.rows])
    write_text(path.with_name(f"{path.name}.tex"), booktabs(table, path.name, mark))
    write_text(path.with_name(f"{path.name}.md"), f"<!-- {mark} -->\n\n{table.markdown()}")
    write_text(path.with_name(f"{path.name}.csv"), marked.csv())
