"""The `urial` command. Library errors become click errors here and nowhere deeper."""

import sys
from pathlib import Path

import click

from urial import __version__
from urial.cli.cache import cache
from urial.cli.chat.command import chat
from urial.cli.comparing import compare_answers
from urial.cli.estimating import estimate
from urial.cli.exporting import export
from urial.cli.figures import figures
from urial.cli.importing import import_
from urial.cli.judging import judge
from urial.cli.known_answers import known_answers
from urial.cli.leaderboard import leaderboard
from urial.cli.models import models
from urial.cli.preferences import win_rates
from urial.cli.probing import probe
from urial.cli.projects import init
from urial.cli.prompts import prompts
from urial.cli.references import import_references
from urial.cli.results import agreement, summarize
from urial.cli.runs import cite, compare, trace, verify
from urial.cli.shared import FILE, ErrorGroup, as_json, data_option, print_json, show_record
from urial.cli.sweep_ablations import ablations
from urial.cli.sweep_decoding import decoding
from urial.cli.sweeping import sweep
from urial.cli.token_shift import token_shift
from urial.cli.viewing import view
from urial.core.errors import UrialError
from urial.core.store import read_json

# Of what has changed since the last run.
MOST_CHANGED = 5


@click.group(cls=ErrorGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="urial")
def main() -> None:
    """A reproducible study of language-model alignment. `dvc repro` runs it; this command looks into it."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--schema", help="Name of the schema.  [default: the one of the file's path]")
@as_json
def validate(files: tuple[Path, ...], schema: str | None, as_json: bool) -> None:
    """Check FILES (YAML, JSON, JSONL, Parquet) against the project's schemas."""
    from urial.run.paths import validate_file

    rows = []
    for path in files:
        try:
            name, count = validate_file(path, schema)
            rows.append({"file": str(path), "schema": name, "records": count, "error": None})
            text = f"{path}: {count} valid {name}"
        except UrialError as error:
            text = str(error)
            rows.append({"file": str(path), "schema": schema, "records": None, "error": text})
        if not as_json:
            click.echo(text, err=rows[-1]["error"] is not None)
    if as_json:
        print_json(rows)
    sys.exit(1 if any(row["error"] for row in rows) else 0)


def schemas_folder() -> Path:
    """The folder schemas/ here or, where there is none, the one that came with urial."""
    from urial.records.schemas import SCHEMAS_DIR
    from urial.run.project import shipped

    return SCHEMAS_DIR if SCHEMAS_DIR.is_dir() else shipped() / SCHEMAS_DIR


@main.group()
def schemas() -> None:
    """The JSON Schema of every record."""


@schemas.command("export")
@click.option("--dir", "folder", default="schemas", type=FILE)
def schemas_export(folder: Path) -> None:
    """Write all schemas from the records."""
    from urial.records.schemas import export_schemas

    for path in export_schemas(folder):
        click.echo(str(path))


@schemas.command("check")
@click.option(
    "--dir", "folder", type=FILE, default=schemas_folder, show_default=False,
    help="[default: schemas/, or outside of any those that came with urial]",
)  # fmt: skip
def schemas_check(folder: Path) -> None:
    """Fail when the exported schemas differ from the records."""
    from urial.records.schemas import schema_drift

    if problems := schema_drift(folder):
        raise UrialError("\n".join(problems), fix="run `urial schemas export` and commit the result")
    click.echo(f"{folder}: up to date")


@main.command()
@data_option
@click.option("--into", metavar="FILE", type=FILE, help="Put them into FILE instead, a README with marks for them.")
@as_json
def report(data: Path, into: Path | None, as_json: bool) -> None:
    """The figures of the last run; on standard error, what has changed since."""
    from urial.core.text import and_more
    from urial.provenance.readme import lock_of, put_figures, shown
    from urial.records.report import Report
    from urial.report.tables import report_text
    from urial.run.changes import changed_inputs
    from urial.run.paths import REPORT
    from urial.run.reader import require_here

    path = data / REPORT.below()
    require_here(path, data.absolute().parent)
    if not path.is_file():
        raise UrialError("no report yet", path=path, fix="run `dvc repro`, or `dvc pull` where a remote has one")
    if into is not None and as_json:
        raise click.UsageError("A README has figures as text: name --into or --json, not both.")
    figures = read_json(path, Report)
    if into is None:
        show_record(figures, report_text, as_json)
        # Last, where the eye is, and so that nobody waits for it.
        if changed := changed_inputs(data.absolute().parent):
            since = and_more(changed, MOST_CHANGED)
            click.echo(
                f"These are the figures of an earlier run: {since} changed since; `dvc repro` computes them anew.",
                err=True,
            )
        return
    lock = lock_of(data.absolute().parent, path)
    put_figures(into, report_text(figures), lock)
    click.echo(f"{into}: the figures of dvc.lock {shown(lock)}")


for command in (
    agreement, cache, chat, cite, compare, compare_answers, estimate, export, figures, import_, init, judge, known_answers, leaderboard, models, probe, prompts, summarize, sweep, token_shift, trace, verify, view,
    win_rates,
):  # fmt: skip
    main.add_command(command)
import_.add_command(import_references)
sweep.add_command(ablations)
sweep.add_command(decoding)
