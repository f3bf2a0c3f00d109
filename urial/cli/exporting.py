"""The commands that write a run for others: whole, as a crate, and in formats that other tools open."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE
from urial.core.errors import UrialError
from urial.core.text import and_more, counted

if TYPE_CHECKING:
    from urial.exchange.exporters.every_eval_ever import Relationship

CRATE = "crate"
MOST_NAMED = 6
rev_option = click.option("--rev", metavar="REV", help="A git revision or DVC experiment.  [default: the work tree]")
folder_argument = click.argument("folder", metavar="DIR", type=FILE)


class _CrateByDefault(click.Group):
    """A group whose first word may be a folder: then the run is written there as a crate."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with the format where they name none."""
        named = any(word in self.commands for word in args)
        if args and not named and not set(args) & set(self.get_help_option_names(ctx)):
            args = [CRATE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_CrateByDefault)
def export() -> None:
    """Write a run to DIR, a new or empty folder, for others: `urial export DIR` writes all of it, as a crate."""


@export.command(CRATE)
@folder_argument
@rev_option
def crate(folder: Path, rev: str | None) -> None:
    """The run with its checksums and its provenance: a Research Object Crate.

    It has the files that git tracks and all artifacts, in the layout of the repository; `urial verify DIR` checks it
    anywhere.
    """
    from urial.provenance.crate import export_crate
    from urial.run.folders import run_folder

    with run_folder(rev) as run:
        count = export_crate(run, folder)
        dirty = _differing(run.state.dirty)
    click.echo(f"{folder}: {counted(count, 'file')}{dirty}")


@export.command("every-eval-ever")
@folder_argument
@rev_option
@click.option("--organization", default="unknown", help="Who ran the evaluation, as the files are to say.")
@click.option(
    "--relationship", type=click.Choice(["first_party", "third_party", "collaborative", "other"]), default="other",
    help="Of the organization to those who made the models.",
)  # fmt: skip
def every_eval_ever(folder: Path, rev: str | None, organization: str, relationship: "Relationship") -> None:
    """Scores in the schema of Every Eval Ever 0.3.0: of each system UUID.json, with judge, prompt of the judge and intervals,
    and UUID_samples.jsonl, with a row for each score.

    An answer without a score is no row, since there a row has a number: UUID.json counts and names it, with its reason. Token
    shift has no place in the schema, and is left out.
    """
    from urial.exchange.exporters.answers import exported_run
    from urial.exchange.exporters.every_eval_ever import Publisher, write_every_eval_ever
    from urial.run.exporting import new_folder

    with exported_run(rev) as run, new_folder(folder) as made:
        written = list(write_every_eval_ever(run, made, Publisher(organization, relationship)))
        if not any(system.aggregate for system in written):
            raise UrialError(
                "the run has no score, and Every Eval Ever no place for anything else", fix="judge the run"
            )
        dirty = _differing(run.dirty)
    scores, unscored = (sum(getattr(system, name) for system in written) for name in ("scores", "unscored"))
    count = sum(system.aggregate is not None for system in written)
    left_out = ["token shift", *(f"{system.system}, which has no score" for system in written if not system.aggregate)]
    click.echo(
        f"{folder}: {counted(count, 'system')}, {counted(scores, 'score')}, {unscored:,} named without one; left out: "
        f"{and_more(left_out, MOST_NAMED)}{dirty}"
    )


@export.command("inspect")
@folder_argument
@rev_option
def inspect(folder: Path, rev: str | None) -> None:
    """Answers and judgments as logs of Inspect, of each system a .eval file, which Inspect View, Scout and Docent open.

    Inspect's own writer makes them: the extra `inspect` has it. A score has its rationale as explanation; what is unscored
    stays so, with its reason. The exact prompts are in the samples' metadata. Token shift and preferences have no place there,
    and are left out.
    """
    from urial.exchange.exporters.answers import exported_run
    from urial.exchange.exporters.inspect_writer import require_inspect, write_inspect_logs
    from urial.run.exporting import new_folder

    require_inspect()
    with exported_run(rev) as run, new_folder(folder) as made:
        samples = [count for _, count in write_inspect_logs(run, made)]
        dirty = _differing(run.dirty)
    click.echo(
        f"{folder}: {counted(len(samples), 'log')}, {counted(sum(samples), 'sample')}; left out: token shift, preferences{dirty}"
    )


def _differing(files: Sequence[str]) -> str:
    return f"; differing from the commit: {counted(len(files), 'file')}" if files else ""
