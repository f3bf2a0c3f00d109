"""`urial sweep`: many DVC experiments by one command, such as one for each checkpoint of a base model."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.core.text import counted

if TYPE_CHECKING:
    from urial.experiments.sweep.variants import Variant
    from urial.records.params.file import ParamsFile

systems_option = click.option(
    "--system", "systems", multiple=True, metavar="NAME",
    help="A system of params.yaml that is kept; can be given several times.",
)  # fmt: skip
jobs_option = click.option("--jobs", default=2, type=click.IntRange(1, 64), help="Experiments that DVC runs at a time.")
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="End with the plan: what there is to compute, and what a judge costs."
)


@click.group()
def sweep() -> None:
    """Make many DVC experiments at once, and go on where it was stopped.

    First comes the plan: the answers of each experiment that are not in the row cache. They are computed in one process that
    loads each model once; then DVC runs each experiment. One that fails does not stop the others: its log is kept in
    .dvc/tmp/exps/sweep/logs, and the exit code is 1. The same command again makes only what is not there.
    """


@sweep.command()
@systems_option
@click.option(
    "--every", default=1, type=click.IntRange(1), metavar="N", help="Each N-th checkpoint, counted from the last."
)
@click.option("--from", "first", type=click.IntRange(0), metavar="STEP", help="Only from this step on.")
@click.option("--to", "last", type=click.IntRange(0), metavar="STEP", help="Only up to this step.")
@jobs_option
@dry_run_option
def checkpoints(
    systems: tuple[str, ...], every: int, first: int | None, last: int | None, jobs: int, dry_run: bool
) -> None:
    """One experiment for each checkpoint of the base model of the run's study.

    Without --system, the systems are those of token_shift.base_systems in params.yaml: zero-shot and URIAL. What needs a
    system that is left out, such as the token shift and comparisons with the aligned model, is left out as well.
    """
    from urial.experiments.sweep.selection import checkpoint_variants

    make(checkpoint_variants(_params(), systems, every=every, first=first, last=last), jobs, dry_run)


@sweep.command()
@click.argument("names", nargs=-1, required=True, metavar="STUDY...")
@systems_option
@jobs_option
@dry_run_option
def studies(names: tuple[str, ...], systems: tuple[str, ...], jobs: int, dry_run: bool) -> None:
    """One experiment for each STUDY of params.yaml, with all systems or those that --system names.

    Several aligned models over one base model are several studies: the base model's answers are computed once.
    """
    from urial.experiments.sweep.selection import study_variants

    make(study_variants(_params(), tuple(dict.fromkeys(names)), systems), jobs, dry_run)


def make(variants: "Sequence[Variant]", jobs: int, dry_run: bool) -> None:
    """Run a sweep, and end the process by what became of it."""
    from urial.experiments.sweep.running import run_variants

    outcomes = run_variants(variants, jobs=jobs, dry_run=dry_run)
    counts = {status: sum(row.status == status for row in outcomes) for status in ("made", "there", "failed")}
    if not dry_run:
        click.echo(
            f"{counted(len(variants), 'experiment')}: {counts['made']} made, {counts['there']} there already, "
            f"{counts['failed']} failed"
        )
    if not dry_run and counts["made"] + counts["there"] > 1:
        click.echo("Side by side: urial leaderboard --all")
    sys.exit(1 if counts["failed"] else 0)


def _params() -> "ParamsFile":
    from urial.records.params.file import read_params
    from urial.run.pipeline import PARAMETERS
    from urial.run.project import root_of

    return read_params(root_of(Path()) / PARAMETERS)
