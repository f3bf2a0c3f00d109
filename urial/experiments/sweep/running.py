"""Runs variants as DVC experiments, some at a time, and says what became of each.

What is there already is not made again: an experiment of the same commit and files with the same params.yaml. A killed sweep goes
on when it is called again, since finished experiments are kept in git, and the rows of the others in the row cache.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from urial.core.errors import UrialError
from urial.core.progress import duration, progress
from urial.core.row_cache import RowCache
from urial.core.text import visible
from urial.experiments.sweep.aside import ASIDE, Runs, log_of, remove_left_over, run_aside
from urial.experiments.sweep.planned import Planned, Work, plan_variant, work_of, work_table
from urial.experiments.sweep.rows import Judges, answers_of, is_judged_by_a_model
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
    # That DVC took; None: it was not begun.
    seconds: float | None = None
    error: UrialError | None = None
    # What it printed, where it failed.
    log: Path | None = None

    def __str__(self) -> str:
        """A line; of a failed one also why."""
        match self.status:
            case "there":
                return f"{self.experiment}: there already"
            case "made":
                return f"{self.experiment}: made in {duration(self.seconds or 0)}"
            case "failed":
                after = "" if self.seconds is None else f" after {duration(self.seconds)}"
                log = "" if self.log is None else f"\n  log: {self.log}"
                return visible(f"{self.variant.name}: failed{after}: {self.error}{log}")


def run_variants(variants: Sequence[Variant], *, jobs: int = 2, dry_run: bool = False) -> list[Outcome]:
    """Make the experiments of the project here that are not there, ``jobs`` at a time; one that fails does not stop others.

    Prints what is to be computed, and, without ``dry_run``, what became of each. Returns the outcomes in the order of the variants;
    with ``dry_run`` those only of which there is nothing to run. Raises UrialError where none can start: two of one name, a
    project without git, another sweep at work.
    """
    _require_names(variants)
    # Before torch is loaded: its threads would spin while they wait, and take the time of DVC's stages, which work beside it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with _alone(), RowCache() as cache:
        start = start_of(Path())
        found = [_planned(variant, start) for variant in progress(variants, len(variants), "planning")]
        _print_plan(found, cache)
        outcomes = {item.variant.name: item for item in found if isinstance(item, Outcome)}
        for outcome in outcomes.values():
            if outcome.status == "failed":
                print(outcome, flush=True)
        planned = [item for item in found if isinstance(item, Planned)]
        if not dry_run:
            outcomes |= {outcome.variant.name: outcome for outcome in _run(start, planned, jobs, cache)}
    return [outcomes[variant.name] for variant in variants if variant.name in outcomes]


def _require_names(variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if twice := [name for name in names if names.count(name) > 1][:1]:
        raise UrialError(f"two experiments of the sweep would have the name {twice[0]}", expected="one name each")


@contextmanager
def _alone() -> Iterator[None]:
    """Holds the project's lock of sweeps, and removes what a killed one left. Raises UrialError where another one has it."""
    ASIDE.mkdir(parents=True, exist_ok=True)
    lock = FileLock(ASIDE / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UrialError("another sweep of this project is at work", fix="wait until it has ended, or end it") from None
    try:
        remove_left_over(Path())
        yield
    finally:
        lock.release()


def _planned(variant: Variant, start: Start) -> Planned | Outcome:
    """What is to be run, or why nothing is."""
    try:
        params = variant_params(variant, start.root)
        if experiment := start.experiment_of(params.text):
            return Outcome(variant, experiment.name, "there")
        return plan_variant(variant, params, start)
    except UrialError as error:
        return Outcome(variant, None, "failed", error=error)


def _print_plan(found: Sequence[Planned | Outcome], cache: RowCache) -> None:
    rows: list[tuple[str, str, Work | None]] = []
    for item in progress(found, len(found), "looking for rows in the row cache"):
        if isinstance(item, Planned):
            rows.append((item.name, item.variant.label, work_of(item, cache)))
        elif item.experiment is not None:
            rows.append((item.experiment, item.variant.label, None))
    if rows:
        table = work_table(rows)
        print(table.terminal() + (f"{table.caption}\n" if table.caption else ""), end="", flush=True)


def _run(start: Start, variants: Sequence[Planned], jobs: int, cache: RowCache) -> Iterator[Outcome]:
    """The outcomes as they come. While DVC runs those whose rows are there, the rows of the next are computed."""
    runs, futures = Runs(), list[Future[Outcome]]()
    # What rows print as they are computed goes into logs.
    say = partial(print, file=sys.stdout, flush=True)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for planned, error in _with_rows(variants, cache):
                if error is None:
                    futures.append(pool.submit(_experiment, start, planned, runs, say))
                else:
                    outcome = Outcome(planned.variant, None, "failed", None, error, log_of(planned.name))
                    say(outcome)
                    yield outcome
            for future in as_completed(futures):
                yield future.result()
        finally:
            # Also where this was interrupted: nothing is left running.
            pool.shutdown(wait=False, cancel_futures=True)
            runs.end()


def _with_rows(variants: Sequence[Planned], cache: RowCache) -> Iterator[tuple[Planned, UrialError | None]]:
    """Each variant once its rows are in the row cache, or with the error that is in the way."""
    judged = []
    for planned in variants:
        log_of(planned.name).unlink(missing_ok=True)
        error = _logged(planned, answers_of, planned, cache)
        # When no other model is loaded, so that the memory need not have room for both.
        if error is None and is_judged_by_a_model(planned):
            judged.append(planned)
        else:
            yield planned, error
    judges = Judges(cache)
    for planned in judged:
        yield planned, _logged(planned, judges.judge, planned)


def _logged(planned: Planned, work: Callable[..., object], *arguments: object) -> UrialError | None:
    """Do the work, with what it prints in the experiment's log; the error that ends it, whatever it is."""
    log = log_of(planned.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="backslashreplace") as output, redirect_stdout(output):
        try:
            work(*arguments)
        except UrialError as error:
            print(error)
            return error
        except Exception as error:  # a model of others can fail in any way, and other variants are well
            traceback.print_exc(file=output)
            return UrialError(f"{type(error).__name__}: {error}")
    return None


def _experiment(start: Start, planned: Planned, runs: Runs, say: Callable[[Outcome], None]) -> Outcome:
    """Run one experiment, and say what became of it."""
    began = time.monotonic()
    try:
        run_aside(start, planned.name, planned.params.text, runs)
        outcome = Outcome(planned.variant, planned.name, "made", time.monotonic() - began)
    except UrialError as error:
        outcome = Outcome(planned.variant, None, "failed", time.monotonic() - began, error, log_of(planned.name))
    if not runs.ended:
        say(outcome)
    return outcome
