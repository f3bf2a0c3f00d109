"""The `urial` command. Library errors become click errors here and nowhere deeper."""

import sys
from pathlib import Path

import click

from urial import __version__
from urial.cli.cache import cache
from urial.cli.chat.command import chat
from urial.cli.cite import cite
from urial.cli.compare import compare
from urial.cli.export import export
from urial.cli.judging import estimate, judge
from urial.cli.printing import ErrorGroup, as_json, print_json, show_record
from urial.cli.prompts import prompts
from urial.cli.results import agreement, import_, summarize
from urial.cli.token_shift import token_shift
from urial.cli.trace import trace
from urial.cli.verify import verify
from urial.core.errors import UrialError


@click.group(cls=ErrorGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="urial")
def main() -> None:
    """A reproducible study of language-model alignment. `dvc repro` runs it; this command looks into it."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--schema", help="Name of the schema.  [default: the one of the file's path]")
@as_json
def validate(files: tuple[Path, ...], schema: str | None, as_json: bool) -> None:
    """Check FILES (YAML, JSON, JSONL, Parquet) against the project's schemas."""
    from urial.run.paths import validate_file

    rows, failed = [], False
    for path in files:
        try:
            name, count = validate_file(path, schema)
            rows.append({"file": str(path), "schema": name, "records": count, "error": None})
        except UrialError as error:
            failed = True
            rows.append({"file": str(path), "schema": schema, "records": None, "error": str(error)})
    if as_json:
        print_json(rows)
    for row in rows if not as_json else []:
        text = f"{row['file']}: {row['records']} valid {row['schema']}" if row["error"] is None else str(row["error"])
        click.echo(text, err=row["error"] is not None)
    sys.exit(1 if failed else 0)


@main.group()
def schemas() -> None:
    """The JSON Schema of every record."""


@schemas.command("export")
@click.option("--dir", "folder", default="schemas", type=click.Path(path_type=Path), show_default=True)
def schemas_export(folder: Path) -> None:
    """Write all schemas from the records."""
    from urial.records.schemas import export_schemas

    for path in export_schemas(folder):
        click.echo(str(path))


@schemas.command("check")
@click.option("--dir", "folder", default="schemas", type=click.Path(path_type=Path), show_default=True)
def schemas_check(folder: Path) -> None:
    """Fail when the exported schemas differ from the records."""
    from urial.records.schemas import schema_drift

    if problems := schema_drift(folder):
        raise UrialError("\n".join(problems), fix="run `urial schemas export` and commit the result")
    click.echo(f"{folder}: up to date")


@main.command()
@click.option("--data", default="data", type=click.Path(path_type=Path), show_default=True, help="Folder of the run.")
@as_json
def report(data: Path, as_json: bool) -> None:
    """The figures of the last run."""
    from urial.core.store import read_json
    from urial.records.report import Report
    from urial.report.tables import report_text
    from urial.run.paths import REPORT

    path = data / REPORT.below()
    if not path.is_file():
        raise UrialError("no report yet", path=path, fix="run `dvc repro`, or `dvc pull` where a remote has one")
    show_record(read_json(path, Report), report_text, as_json)


for command in (
    agreement, cache, chat, cite, compare, estimate, export, import_, judge, prompts, summarize, token_shift, trace, verify,
):  # fmt: skip
    main.add_command(command)
