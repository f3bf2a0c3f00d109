"""The command that follows a number of the report down to its inputs."""

import json
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from urial.cli.printing import as_json, show_record

# As in run.paths, which takes too long to import for a shell that waits.
REPORT = Path("data/report/report.json")


def complete_pointer(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Paths in the work tree's report; nothing where there is none, since a shell shows no error."""
    from urial.provenance.trace.pointers import completions

    try:
        document = json.loads(REPORT.read_bytes())
        return [CompletionItem(text) for text in completions(document, incomplete) if text.isprintable()]
    except (OSError, ValueError, RecursionError):
        return []


@click.command()
@click.argument("pointer", shell_complete=complete_pointer)
@click.option(
    "--rev",
    "revision",
    metavar="REV",
    help="Trace the report of a commit, branch, tag or DVC experiment.  [default: work tree]",
)
@click.option("--rows", "every_row", is_flag=True, help="Show every row and position, with the prompts in full.")
@click.option("--rationales", is_flag=True, help="Show the judge's rationales.")
@as_json
def trace(pointer: str, revision: str | None, every_row: bool, rationales: bool, as_json: bool) -> None:
    """Follow a value of the report down to its inputs, and recompute it.

    POINTER is a JSON Pointer into data/report/report.json, such as /systems/base-urial/words/mean, or a path such as
    systems.base-urial.words; the end of a path that only one value has is enough, and an estimate means its mean. Exits
    with 1 when the recomputed value is another, or a file that is shown differs from dvc.lock.
    """
    from urial.provenance.trace.text import trace_text
    from urial.provenance.trace.tracing import require_recorded, traced

    traced_value = traced(pointer, revision, every_row)
    show_record(traced_value, lambda record: trace_text(record, rationales, every_row), as_json)
    require_recorded(traced_value)
