"""The `urial` command. Library errors become click errors here and nowhere deeper."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from urial import __version__
from urial.errors import UrialError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _Group(click.Group):
    """A group whose commands report library errors without a traceback and exit with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UrialError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="urial")
def main() -> None:
    """A reproducible study of language-model alignment. `dvc repro` runs it; this command looks into it."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--schema", help="Name of the schema; by default the file's place tells.")
@as_json
def validate(files: tuple[Path, ...], schema: str | None, as_json: bool) -> None:
    """Check FILES (YAML, JSON, JSONL, Parquet) against the project's schemas."""
    from urial.schemas import validate_file

    rows, failed = [], False
    for path in files:
        try:
            name, count = validate_file(path, schema)
            rows.append({"file": str(path), "schema": name, "records": count, "error": None})
        except UrialError as error:
            failed = True
            rows.append({"file": str(path), "schema": schema, "records": None, "error": str(error)})
    if as_json:
        _print_json(rows)
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
    from urial.schemas import export_schemas

    for path in export_schemas(folder):
        click.echo(str(path))


@schemas.command("check")
@click.option("--dir", "folder", default="schemas", type=click.Path(path_type=Path), show_default=True)
def schemas_check(folder: Path) -> None:
    """Fail when the exported schemas differ from the records."""
    from urial.schemas import schema_drift

    if problems := schema_drift(folder):
        raise UrialError("\n".join(problems), fix="run `urial schemas export` and commit the result")
    click.echo(f"{folder}: up to date")


@main.group()
def prompts() -> None:
    """Prompt versions."""


@prompts.command("list")
@as_json
def prompts_list(as_json: bool) -> None:
    """All prompt versions: name, method, K, hash, description."""
    from urial.prompts import list_prompts, load_prompt, prompt_hash

    rows = []
    for name in list_prompts():
        prompt = load_prompt(name)
        rows.append(
            {
                "name": name,
                "method": prompt.method,
                "k": len(prompt.examples),
                "hash": prompt_hash(prompt),
                "description": prompt.description,
            }
        )
    if as_json:
        _print_json(rows)
    else:
        _print_table([{**row, "hash": str(row["hash"])[7:19]} for row in rows])


@prompts.command("show")
@click.argument("name")
@as_json
def prompts_show(name: str, as_json: bool) -> None:
    """One prompt version, NAME or COLLECTION/NAME: its file, or with --json its record and hash."""
    from urial.prompts import PROMPTS_DIR, load_prompt, prompt_hash, resolve_prompt_name

    full = resolve_prompt_name(name, None)
    prompt = load_prompt(full)
    if as_json:
        _print_json({"name": full, "hash": prompt_hash(prompt), **prompt.model_dump(mode="json")})
    else:
        click.echo((PROMPTS_DIR / f"{full}.yaml").read_text("utf-8"), nl=False)


@prompts.command("render")
@click.argument("name")
@click.option("--query", required=True, help="The query to render the prompt for.")
def prompts_render(name: str, query: str) -> None:
    """Exactly the text that a base model sees: no byte more on standard output."""
    from urial.prompts import load_prompt, render, resolve_prompt_name

    text = render(load_prompt(resolve_prompt_name(name, None)), query)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UrialError("--query is not valid UTF-8", fix="check the terminal's encoding") from error
    sys.stdout.buffer.write(data)


@main.command()
@click.option("--data", default="data", type=click.Path(path_type=Path), show_default=True, help="Folder of the run.")
@as_json
def report(data: Path, as_json: bool) -> None:
    """The figures of the last run."""
    from urial.figures import Report
    from urial.report.tables import score_table, shift_table
    from urial.store import read_json

    path = data / "report" / "report.json"
    if not path.is_file():
        raise UrialError(f"{path}: no report yet", fix="run `dvc repro`, or `dvc pull` where a remote has one")
    found = read_json(path, Report)
    if as_json:
        _print_json(found.model_dump(mode="json"))
    else:
        click.echo(f"{score_table(found).markdown()}\n{shift_table(found).markdown()}", nl=False)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Columns as wide as their widest cell; the last one runs free."""
    if not rows:
        return
    lines = [list(rows[0]), *[[str(value) for value in row.values()] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    for line in lines:
        click.echo("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]))
