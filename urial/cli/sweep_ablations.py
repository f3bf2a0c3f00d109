"""`urial sweep ablations`: one experiment of a prompt, its ablations and the bare query."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import click

from urial.cli.shared import print_table
from urial.cli.sweeping import dry_run_option, make
from urial.core.errors import UrialError
from urial.core.hashing import short_hash
from urial.core.progress import waiting
from urial.core.text import visible
from urial.records.ablation import MOST_EXAMPLES, Choice
from urial.records.base import MAX_SEED
from urial.records.prompt import PROMPTS_DIR
from urial.run.pipeline import PARAMETERS
from urial.run.project import prompts_folder, root_of

if TYPE_CHECKING:
    from urial.experiments.sweep.ablations import AblationSweep, Wanted
    from urial.experiments.sweep.variants import Variant
    from urial.records.plans import SystemPlan


class Counts(click.ParamType[tuple[int, ...]]):
    """Numbers of examples with commas between."""

    name = "K,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        texts = [text.strip() for text in str(value).split(",")]
        if not all(re.fullmatch("[0-9]{1,2}", text) and int(text) <= MOST_EXAMPLES for text in texts):
            self.fail(f"{value!r} is no list of numbers from 0 to {MOST_EXAMPLES}, as in 1,3,10.", param, ctx)
        return tuple(map(int, texts))


@click.command()
@click.argument("system")
@click.option("--only", multiple=True, metavar="NAME", help="This ablation of the default set; without it all of them.")
@click.option(
    "--examples",
    type=Counts(),
    default=(),
    help="Also so many examples: the first ones of the prompt, or of a pool with --choice.",
)
@click.option(
    "--choice", "choices", multiple=True, type=click.Choice(get_args(Choice)), help="Choose them from a pool so."
)
@click.option(
    "--pool",
    metavar="FILE",
    help="JSONL file of that pool, from the folder prompts/.  [default: pools/COLLECTION.jsonl]",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.IntRange(0, MAX_SEED),
    default=(0,),
    help="Of what is random; several make a system each.",
)
@dry_run_option
def ablations(
    system: str, only: tuple[str, ...], examples: tuple[int, ...], choices: tuple[str, ...], pool: str | None,
    seeds: tuple[int, ...], dry_run: bool,
) -> None:  # fmt: skip
    """What in the prompt of SYSTEM works: one experiment of the full prompt, its ablations and the bare query.

    An ablation takes one thing out of the prompt or changes it, by rule: answers-shuffled, answers-in-domain, answers-out-of-domain,
    answers-plain, answers-none, queries-none, order-reversed, order-permuted, examples-0, system-0 (no system text), system-1 (its first
    sentence). Those that the prompt does not allow are left out with the reason. `urial probe EXPERIMENT` shows the result.
    """
    from urial.experiments.sweep.ablations import Wanted

    root = root_of(Path())
    pool = pool and pool.removeprefix(f"{PROMPTS_DIR}/")
    if pool and not (prompts_folder() / pool).is_file():
        raise UrialError(f"--pool: no file {prompts_folder() / pool}", fix="put the pool into the folder of prompts")
    wanted = Wanted(only, examples, cast("tuple[Choice, ...]", choices), pool, seeds)
    with waiting("planning the systems"):
        sweep, plans, variant = _planned(root, system, wanted)
    _show(sweep, plans)
    make([variant], 1, dry_run)


def _planned(root: Path, system: str, wanted: "Wanted") -> "tuple[AblationSweep, list[SystemPlan], Variant]":
    """The sweep without the systems that have no room, their plans, and the experiment."""
    from urial.experiments.sweep.ablations import ablation_sweep
    from urial.experiments.sweep.room import without_room
    from urial.experiments.sweep.variants import variant_params
    from urial.plan.planning import plan_systems
    from urial.records.params.file import read_params

    params, prompts_dir = read_params(root / PARAMETERS), prompts_folder()
    sweep = ablation_sweep(params, system, wanted, prompts_dir)
    made = variant_params(sweep.variant(params), root).params
    plans = [plan for plan in plan_systems(made, prompts_dir) if plan.system in sweep.prompts]
    for name, why in list(without_room(params, plans, root, prompts_dir)):
        if name == system:
            raise UrialError(
                f"{name}: {why}", fix="name a system with a shorter prompt, or study a model with a longer context"
            )
        sweep.leave_out(name, why)
    return sweep, [plan for plan in plans if plan.system in sweep.prompts], sweep.variant(params)


def _show(sweep: "AblationSweep", plans: "list[SystemPlan]") -> None:
    """The systems that the experiment has, and what it has not."""
    order = list(sweep.prompts)
    print_table(
        [
            {
                "system": plan.system,
                "prompt": plan.prompt_label,
                "k": len(plan.prompt.examples) if plan.prompt else 0,
                "hash": short_hash(str(plan.prompt_hash)),
            }
            for plan in sorted(plans, key=lambda plan: order.index(plan.system))
        ]
    )
    for name, why in sweep.left_out.items():
        click.echo(visible(f"left out: {name}: {why}"))
    if sweep.no_shift:
        click.echo(visible(f"left out: the token shift, and with it what each explains: {sweep.no_shift}"))
