"""Runs variants as DVC experiments, some at a time, and says what became of each.

What is there already is not made again: an experiment of the same commit and files with the same params.yaml. A killed sweep goes
on when it is called again, since finished experiments are kept in git, and the rows of the others in the row cache.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from urial.core.errors import UrialError
from urial.core.progress import duration
from urial.core.text import visible
from urial.experiments.sweep.aside import ASIDE, Runs, remove_left_over, run_aside
from urial.experiments.sweep.start import Start, start_of
from urial.experiments.sweep.variants import Variant, variant_params

Status = Literal["there", "made", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of one variant."""

    variant: Variant
    # Of the experiment; None: there is none, since it failed.
    experiment: str | None
    status: Status
    # That it took.
    seconds: float = 0.0
    error: UrialError | None = None


def run_variants(variants: Sequence[Variant], *, root: Path = Path(), jobs: int = 2) -> list[Outcome]:
    """Make the experiments that are not there, ``jobs`` at a time; one that fails does not stop the others.

    Says on standard output what becomes of each. Raises UrialError where none can start: names that are used twice, a project
    without git, another sweep at work.
    """
    require_names(variants)
    with alone(root):
        start = start_of(root)
        outcomes = list(_ran(start, variants, jobs))
    return sorted(outcomes, key=lambda outcome: variants.index(outcome.variant))


def require_names(variants: Sequence[Variant]) -> None:
    """Raises UrialError where two variants have one name."""
    names = [variant.name for variant in variants]
    if twice := [name for name in names if names.count(name) > 1][:1]:
        raise UrialError(f"two experiments of the sweep would have the name {twice[0]}", expected="one name each")


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Holds the project's lock of sweeps, and removes what a killed one left. Raises UrialError where another one has it."""
    (root / ASIDE).mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ASIDE / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UrialError("another sweep of this project is at work", fix="wait until it has ended, or end it") from None
    try:
        remove_left_over(root)
        yield
    finally:
        lock.release()


def _ran(start: Start, variants: Sequence[Variant], jobs: int) -> Iterator[Outcome]:
    """The outcomes as they come, each told at once."""
    runs = Runs()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(_made, start, variant, runs) for variant in variants]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                print(told(outcome), flush=True)
                yield outcome
        finally:
            # Also where the one who waits was interrupted: nothing is left running.
            pool.shutdown(wait=False, cancel_futures=True)
            runs.end()


def _made(start: Start, variant: Variant, runs: Runs) -> Outcome:
    """The variant's experiment, made if it is not there."""
    began = time.monotonic()
    try:
        made = variant_params(variant, start.root)
        if found := start.experiment_of(made.text):
            return Outcome(variant, found.name, "there")
        name = f"{variant.name}-{made.digest}" if start.is_taken(variant.name) else variant.name
        run_aside(start, name, made.text, runs)
    except UrialError as error:
        return Outcome(variant, None, "failed", time.monotonic() - began, error)
    return Outcome(variant, name, "made", time.monotonic() - began)


def told(outcome: Outcome) -> str:
    """A line of an outcome; of a failed one also why."""
    match outcome.status:
        case "there":
            return f"{outcome.experiment}: there already"
        case "made":
            return f"{outcome.experiment}: made in {duration(outcome.seconds)}"
        case "failed":
            return visible(f"{outcome.variant.name}: failed after {duration(outcome.seconds)}: {outcome.error}")
