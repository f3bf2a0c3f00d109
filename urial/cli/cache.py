"""`urial cache`: the row cache, so that a group shares what was paid for."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from urial.cli.shared import DATA, FILE, as_json, force_option, print_json, print_table
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, require_place, rows_path
from urial.core.store import require_free
from urial.core.text import counted

if TYPE_CHECKING:
    from urial.exchange.row_cache.kinds import Kind, KindSize, TrainedSize
    from urial.exchange.row_cache.run_rows import RunRows

# As urial.exchange.row_cache.kinds has them; a test holds them together.
KINDS = ("answer", "reply", "measured_batch", "scores", "logprob_protocol", "capabilities", "batch_membership")
kind_option = click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only rows of this kind; can be repeated."
)
# Rows of files and of the cache need no project: it is looked for only where a run is asked for.
run_data_option = click.option("--data", default=DATA, type=FILE, help="Folder of the run.")


@click.group()
def cache() -> None:
    """The row cache: what is in it, shared as files, checked and cut back.

    Kinds of rows: answer (of a model to a prompt), reply (of a judge), measured_batch (what a pair makes of the tokens of
    some answers), scores (of a served base model about an answer), logprob_protocol and capabilities (what a server can
    do), batch_membership (the batch that a request to a judge is in).
    """


@cache.command()
@as_json
def stats(as_json: bool) -> None:
    """Where the cache is, how many rows of each kind are in it, and how many trained pairs and tuned models beside it."""
    from urial.exchange.row_cache.maintenance import summarize_cache

    require_place(rows_path())
    with _cache() if rows_path().exists() else nullcontext() as rows:
        size = summarize_cache(rows)
    if as_json:
        print_json(size)
        return
    click.echo(f"{size.path}: {_size(size.file_bytes)}" if size.file_bytes else f"{size.path}: no rows yet")
    _print_kinds(size.kinds)
    if size.trained.bytes:
        click.echo(f"beside it: {_trained(size.trained)}")


@cache.command()
@click.argument("file", type=FILE)
@kind_option
@click.option("--run", "of_run", is_flag=True, help="Only rows that the run in this folder refers to.")
@run_data_option
@force_option
@as_json
def save(file: Path, kinds: "tuple[Kind, ...]", of_run: bool, data: Path, force: bool, as_json: bool) -> None:
    """Write rows into FILE (JSONL), for `urial cache load` elsewhere.

    Rows hold what models wrote: answers, replies of judges, tokens. Prompts, addresses and keys of servers are not in them,
    unless a model or server repeats them. The same rows give the same bytes.
    """
    from urial.exchange.row_cache.files import save_rows
    from urial.exchange.row_cache.kinds import Exported
    from urial.exchange.row_cache.run_keys import run_keys

    require_free(file, force=force)
    with _cache() as rows:
        keys = run_keys(data, rows) if of_run else None
        counts = save_rows(rows, file, kinds, keys.all if keys else None)
    missing, notes = (keys.missing_answers, keys.notes) if keys else (0, ())
    if as_json:
        print_json(Exported(file=str(file), kinds=dict(sorted(counts.items())), missing=missing, notes=notes))
        return
    of_kinds = f" ({', '.join(f'{count:,} {kind}' for kind, count in sorted(counts.items()))})" if counts else ""
    click.echo(f"{file}: {_rows(counts.total())}{of_kinds}")
    missed = [f"{missing:,} of the run's answers have no row in the cache"] if missing else []
    for note in (*missed, *notes):
        click.echo(note, err=True)


@cache.command()
@click.argument("files", nargs=-1, type=FILE)
@click.option("--from-run", is_flag=True, help="Take the rows that the files of the run in this folder hold.")
@click.option(
    "--keep", type=click.Choice(["ours", "theirs"]),
    help="Whose row is kept where both have one under the same key and they differ. Without it, nothing is loaded then.",
)  # fmt: skip
@as_json
def load(files: tuple[Path, ...], from_run: bool, keep: Literal["ours", "theirs"] | None, as_json: bool) -> None:
    """Take the rows of FILES, or of a run, into the row cache: all of them, or none.

    Rows are checked as records and by their hashes. What a row answers is in no file: who loads it trusts who saved it.
    After `dvc pull`, --from-run spares a variant the answers, replies of judges and measurements that the run has: each
    is kept under the key that its inputs give, and what belongs under another one is left out.
    """
    from urial.exchange.row_cache.files import load_rows

    if not (files or from_run):
        raise click.UsageError("Name files that `urial cache save` wrote, or --from-run.")
    with RowCache() as rows:
        run = _run_rows(rows) if from_run else None
        loaded = load_rows(rows, files, keep, run or ())
    notes = tuple(run.notes) if run else ()
    if as_json:
        print_json(loaded.model_copy(update={"notes": notes}))
        return
    conflicts = ((loaded.kept, "ours kept"), (loaded.replaced, "theirs taken"))
    conflict_notes = "".join(f", {count:,} in conflict: {what}" for count, what in conflicts if count)
    click.echo(f"{_rows(loaded.rows)}: {loaded.new:,} new, {loaded.known:,} already there{conflict_notes}")
    for note in notes:
        click.echo(note, err=True)


@cache.command()
@as_json
def check(as_json: bool) -> None:
    """Check every row of the cache, the file itself, and what was trained, beside it.

    A row has to be a record of its kind and what its hash says, and a file of a pair what was trained. Exits with 1 where
    anything is not sound.
    """
    from urial.exchange.row_cache.maintenance import verify_cache

    with _cache() as rows:
        checked = verify_cache(rows)
    if as_json:
        print_json(checked)
    else:
        for problem in checked.database:
            click.echo(f"{checked.path}: {problem}", err=True)
        for row in checked.broken:
            click.echo(f"row {row.key} {row.problem}", err=True)
        for damage in checked.damaged:
            click.echo(damage, err=True)
        count = checked.unhashed
        unhashed = f", {count:,} of them without a hash (an older version kept them)" if count else ""
        whole = _counted_trained(checked.trained, checked.tuned)
        trained = f"; {' and '.join(whole)} sound" if whole else ""
        click.echo(f"{checked.path}: {_rows(checked.sound)} sound{unhashed}{trained}")
    tuned, pairs = checked.damaged_tuned, len(checked.damaged) - checked.damaged_tuned
    damaged = f"{' and '.join(_counted_trained(pairs, tuned))} damaged" if checked.damaged else None
    broken = f"{_rows(len(checked.broken))} not sound" if checked.broken or checked.database else None
    unsound = f"{checked.path}: {' and '.join(filter(None, (broken, damaged)))}"
    if checked.database:
        fix = f"move {checked.path} away, then load what was saved from it"
        raise UrialError(f"{unsound}; the file is damaged", fix=fix)
    if checked.broken or checked.damaged:
        named = {"rows": broken, "pairs": pairs, "tuned models": tuned}
        what = " and ".join(f"damaged {name}" for name, some in named.items() if some)
        raise UrialError(unsound, fix=f"`urial cache prune --damaged` removes {what}")


@cache.command()
@kind_option
@click.option(
    "--older-than", type=click.IntRange(0, 36_500), metavar="DAYS", help="Rows kept here longer ago than this."
)
@click.option("--not-in-run", is_flag=True, help="Rows that the run in this folder does not refer to.")
@run_data_option
@click.option("--damaged", is_flag=True, help="Rows that were sound once, and are not.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@as_json
def prune(
    kinds: "tuple[Kind, ...]",
    older_than: int | None,
    not_in_run: bool,
    data: Path,
    damaged: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove rows of which all options hold. What is removed has to be computed or paid for again where it is needed.

    Trained pairs and tuned models go by --older-than and --damaged alone.
    """
    from urial.exchange.row_cache.maintenance import Choice, prune_cache
    from urial.exchange.row_cache.run_keys import run_keys

    if not (kinds or older_than is not None or not_in_run or damaged):
        raise click.UsageError("Name what to remove: --kind, --older-than, --not-in-run or --damaged.")
    with _cache() as rows:
        keys = run_keys(data, rows) if not_in_run else None
        choice = Choice(kinds, older_than, keys.all if keys else None, damaged)
        pruned = prune_cache(rows, choice, dry_run, keys.notes if keys else ())
    if as_json:
        print_json(pruned)
        return
    _print_kinds(pruned.kinds)
    count = sum(size.rows for size in pruned.kinds.values())
    freed = "would be removed" if pruned.freed_bytes is None else f"removed, {_size(pruned.freed_bytes)} freed"
    pairs = f" and {_trained(pruned.trained)}" if pruned.trained.bytes else ""
    click.echo(f"{_rows(count)}{pairs} {freed}; {pruned.left:,} left")
    if pruned.undated:
        click.echo(f"of those left, an older version kept {pruned.undated:,} without noting when", err=True)
    for note in pruned.notes:
        click.echo(note, err=True)


def _run_rows(rows: RowCache) -> "RunRows":
    # It imports all of the stages, and files of rows want none of it.
    from urial.exchange.row_cache.run_rows import RunRows
    from urial.run.project import root_of

    root_of(Path())
    return RunRows(DATA, rows)


def _cache() -> RowCache:
    """The cache. Raises UrialError where no file has one: none is made."""
    from urial.models.trained import pairs_folder

    require_place(rows_path())
    if not rows_path().exists() and not pairs_folder().is_dir():
        raise UrialError("no row cache yet", path=rows_path(), fix="run `dvc repro`, or `urial cache load FILE`")
    return RowCache()


def _print_kinds(kinds: "dict[str, KindSize]") -> None:
    print_table([{"kind": kind, "rows": f"{size.rows:,}", "size": _size(size.bytes)} for kind, size in kinds.items()])


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _trained(size: "TrainedSize") -> str:
    return ", ".join((*_counted_trained(size.pairs, size.tuned), _size(size.bytes)))


def _counted_trained(pairs: int, tuned: int) -> list[str]:
    """Each of the two that there is."""
    return [counted(count, name) for count, name in ((pairs, "trained pair"), (tuned, "tuned model")) if count]


def _size(count: int) -> str:
    return f"{count:,} bytes" if count < 10_000 else f"{count / 1_000_000:,.2f} MB"
