"""The command that imports reference answers."""

from pathlib import Path

import click

from urial.cli.importing import out_option
from urial.cli.shared import FILE, force_option
from urial.core.store import require_free, write_jsonl
from urial.core.text import counted


@click.command("references")
@click.argument("file", type=FILE)
@click.option("--questions", required=True, type=FILE, help="The questions answered, as published (question.jsonl).")
@click.option("--author", required=True, help="Who wrote the answers: a person, or a model by its name.")
@click.option(
    "--corrected/--not-corrected", required=True, help="Whether a person has checked and corrected them.", default=None
)
@out_option
@force_option
def import_references(file: Path, questions: Path, author: str, corrected: bool, out: Path, force: bool) -> None:
    """Reference answers for judges from a FILE of FastChat's answers (reference_answer/MODEL.jsonl)."""
    from urial.exchange.importers.references import import_references as read

    require_free(out, force=force)
    rows = read(file, questions, author, corrected=corrected)
    write_jsonl(out, rows)
    click.echo(f"{out}: reference answers to {counted(len(rows), 'instruction')}")
