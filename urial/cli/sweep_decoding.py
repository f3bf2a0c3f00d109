"""`urial sweep decoding`: one experiment of some systems, decoded in other ways, and of samples of each."""

from pathlib import Path

import click

from urial.cli.shared import NumberRange, print_table
from urial.cli.sweeping import dry_run_option, make
from urial.run.pipeline import PARAMETERS
from urial.run.project import root_of


@click.command()
@click.argument("systems", nargs=-1, required=True, metavar="SYSTEM...")
@click.option(
    "--temperature",
    "temperatures",
    multiple=True,
    type=NumberRange(0, 10),
    help="0 is greedy; several are tried in turn.",
)
@click.option(
    "--top-p",
    "top_ps",
    multiple=True,
    type=NumberRange(0, 1, min_open=True),
    help="Nucleus sampling; several likewise.",
)
@click.option(
    "--repetition-penalty",
    "penalties",
    multiple=True,
    type=NumberRange(0, 10, min_open=True),
    help="1 is none; several likewise.",
)
@click.option(
    "--samples",
    default=1,
    type=click.IntRange(1, 1000),
    help="Answers to each instruction, with the seeds 1, 2 and so on.",
)
@dry_run_option
def decoding(
    systems: tuple[str, ...],
    temperatures: tuple[float, ...],
    top_ps: tuple[float, ...],
    penalties: tuple[float, ...],
    samples: int,
    dry_run: bool,
) -> None:
    """How each SYSTEM answers when its answers are decoded in other ways: one experiment.

    It has a further system for each combination of the values, and for each sample; what is not named stays as it is. Of greedy answers
    there is one sample, since all would be the same. `urial probe EXPERIMENT` shows the result.
    """
    from urial.experiments.sweep.decoding import DecodingAxes, decoded_systems, decoding_variant
    from urial.records.params.file import read_params

    params = read_params(root_of(Path()) / PARAMETERS)
    names, axes = list(dict.fromkeys(systems)), DecodingAxes(temperatures, top_ps, penalties, samples)
    print_table(
        [{"system": name, "decoding": _shown(system)} for name, system in decoded_systems(params, names, axes).items()]
    )
    if samples > 1 and 0 in temperatures:
        click.echo(f"temperature 0: greedy, so one sample instead of {samples}")
    make([decoding_variant(params, names, axes)], 1, dry_run)


def _shown(system: dict[str, object]) -> str:
    """The decoding of a system that is added, as params.yaml has it."""
    values = system["decoding"]
    return ", ".join(f"{name} {value}" for name, value in values.items()) if isinstance(values, dict) else ""
