"""`--repeat`, of the two commands that ask a judge: the same judged several times, each judging in a file of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.core.errors import UrialError
from urial.core.store import write_jsonl

if TYPE_CHECKING:
    from urial.judge.files.repeated import Judged

repeat_option = click.option(
    "--repeat", default=1, type=click.IntRange(1, 100),
    help="Judge so often, each time anew; the second judging is written to NAME-2 beside OUT.",
)  # fmt: skip


def paths_of_judgings(out: Path, repeat: int, *, dry_run: bool) -> list[Path]:
    """The file of each judging. Raises UrialError where there are several, and only requests are to be written."""
    from urial.judge.files.repeated import judging_path

    if dry_run and repeat > 1:
        raise UrialError("--dry-run writes the requests of one judging", fix="leave --repeat out")
    return [judging_path(out, number) for number in range(1, repeat + 1)]


def judge_repeatedly(
    judge: object, paths: Sequence[Path], judged: "Callable[[], list[Judged]]", said: "Callable[[list[Judged]], str]"
) -> "list[list[Judged]]":
    """Every judging, each written as it is done; a judge that would say the same again judges once, and that is said."""
    from urial.judge.files.repeated import is_deterministic, judgings

    if len(paths) > 1 and is_deterministic(judge):
        click.echo("the judge is deterministic: it judges once, since every judging would be the same")
        paths = paths[:1]
    done = []
    for path, rows in zip(paths, judgings(judge, len(paths), judged), strict=True):
        write_jsonl(path, rows)
        click.echo(f"{path}: {said(rows)}")
        done.append(rows)
    return done
