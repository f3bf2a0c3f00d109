"""What commands share: options, and what their values stand for."""

import math
from collections.abc import Callable, Collection
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from urial.core.store import read_jsonl
from urial.records.instruction import Instruction
from urial.records.model import BYTES_A_TOKEN

Result = TypeVar("Result")
FILE = click.Path(path_type=Path)
INSTRUCTIONS = Path("data/instructions.jsonl")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
force_option = click.option("--force", is_flag=True, help="Replace what is there.")
data_option = click.option("--data", default="data", type=FILE, help="Folder of the run.")


class _Share(click.FloatRange):
    """NaN is in no range: it is neither below nor above."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        share: float = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is not a number.", param, ctx) if math.isnan(share) else share


def bootstrap_options(command: Callable[..., Result]) -> Callable[..., Result]:
    """The options of the bootstrap, with the defaults of params.yaml; the command is given a ``bootstrap``."""

    @wraps(command)
    def with_bootstrap(*arguments: object, resamples: int, confidence: float, seed: int, **options: object) -> Result:
        from urial.statistics.bootstrap import Bootstrap

        return command(*arguments, bootstrap=Bootstrap(resamples, confidence, seed), **options)

    share, count = _Share(0, 1, min_open=True, max_open=True), click.IntRange(100, 1_000_000)
    resamples = click.option("--resamples", default=2_000, type=count, help="Resamples of the bootstrap.")
    confidence = click.option("--confidence", default=0.95, type=share, help="Coverage of the intervals.")
    seed = click.option("--seed", default=0, type=click.IntRange(0), help="Seed of the bootstrap.")
    return resamples(confidence(seed(with_bootstrap)))


def given_instructions(path: Path | None, ids: Collection[str]) -> list[Instruction] | None:
    """The instructions in a file; without one the run's, unless there are none or those with these ids are not among them."""
    from urial.exchange.importers.instructions import read_instructions

    if path is not None:
        return read_instructions(path)
    if not INSTRUCTIONS.is_file():
        return None
    instructions = read_jsonl(INSTRUCTIONS, Instruction)
    return instructions if {row.id for row in instructions}.issuperset(ids) else None


def token_counter(tokenizer: str | None) -> Callable[[str], int]:
    """Counts the tokens of a text by a tokenizer, a hub id or a folder; None: by its bytes."""
    if tokenizer is None:
        return lambda text: -(-len(text.encode("utf-8")) // BYTES_A_TOKEN)
    from urial.local_models.loading.loading import encode, named_tokenizer

    loaded = named_tokenizer(tokenizer)
    return lambda text: len(encode(loaded, text, adds_special_tokens=True))
