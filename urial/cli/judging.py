"""The command that judges answers outside of the pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.answers import answer_options, inputs_of, read_answers, require_files
from urial.cli.judges import PARAMS, ChosenJudge, judge_options
from urial.cli.repeating import judge_repeatedly, paths_of_judgings, repeat_option
from urial.cli.shared import FILE, force_option
from urial.core.row_cache import RowCache
from urial.core.store import require_free
from urial.core.text import counted

if TYPE_CHECKING:
    from urial.exchange.importers.answer_files import AnswerOptions


@click.command()
@click.argument("answers", type=FILE)
@click.option("--out", required=True, type=FILE, help="The judgments to write (JSONL).")
@judge_options("the run's")
@answer_options
@repeat_option
@click.option("--dry-run", is_flag=True, help="Write the requests of the batch API to OUT, and send nothing.")
@force_option
def judge(
    answers: Path, out: Path, chosen: ChosenJudge, reading: "AnswerOptions", repeat: int, dry_run: bool, force: bool
) -> None:
    """Judge a file of ANSWERS: from the pipeline, another tool's outputs, or a table of your own (CSV, JSON, JSONL, Parquet) with a
    question and an answer a row, or chats. Replies are kept in the row cache as they come.
    """
    from urial.judge.files.repeated import spread_table, spreads_of
    from urial.judge.model.counts import judgments_line
    from urial.judge.scores.run import judge_completions, make_judge, max_characters, write_requests

    require_files(answers)
    params = chosen.params()
    plan = chosen.plan(params, params.run.judge if params else None)
    paths = paths_of_judgings(out, repeat, dry_run=dry_run)
    require_free(*paths, force=force, inputs=[*inputs_of(answers, reading), PARAMS])
    found = read_answers(answers, reading, "judge")
    with RowCache() as cache:
        if dry_run:
            number = write_requests(plan, found.instructions, found.completions, cache, out)
            click.echo(f"{out}: {counted(number, 'request')}")
            return
        asked = make_judge(plan, cache)
        most = max_characters(plan)
        done = judge_repeatedly(
            asked, paths, lambda: judge_completions(asked, found.instructions, found.completions, most), judgments_line
        )
    if len(done) > 1:
        click.echo(f"\n{spread_table(spreads_of(done)).terminal()}", nl=False)
