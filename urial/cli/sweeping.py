"""The group `urial sweep`: many DVC experiments at once, or one of many systems."""

import click

from urial.cli.sweep_ablations import ablations


@click.group()
def sweep() -> None:
    """Make the DVC experiments of a comparison: what is there already is not made again."""


for command in (ablations,):
    sweep.add_command(command)
