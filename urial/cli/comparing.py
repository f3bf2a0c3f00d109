"""`urial compare-answers`: which of two files of answers a judge prefers, outside of the pipeline."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.answers import answer_options, inputs_of, read_answers, require_files
from urial.cli.judges import PARAMS, ChosenJudge, judge_options
from urial.cli.repeating import judge_repeatedly, paths_of_judgings, repeat_option
from urial.cli.shared import FILE, force_option
from urial.core.errors import UrialError, shorten
from urial.core.row_cache import RowCache
from urial.core.store import require_free
from urial.core.text import counted
from urial.records.base import MAX_NAME, NAME_PATTERN
from urial.run.project import prompts_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from urial.exchange.importers.answer_files import AnswerFile, AnswerOptions
    from urial.records.completion import Completion


@click.command("compare-answers")
@click.argument("answers", type=FILE)
@click.argument("baseline", type=FILE)
@click.option("--out", required=True, type=FILE, help="The preferences to write (JSONL).")
@judge_options("that of preferences, or the run's")
@answer_options
@click.option("--rubric", help="A rubric for preferences.  [default: the one of params.yaml]")
@click.option("--orders", type=click.Choice(["both", "one"]), help="[default: as in params.yaml]")
@click.option("--verdict", type=click.Choice(["json", "text", "tokens"]), help="[default: as in params.yaml]")
@click.option("--baseline-name", help="What to call the baseline.  [default: the system that its file names]")
@repeat_option
@click.option("--dry-run", is_flag=True, help="Write the requests of the batch API to OUT, and send nothing.")
@force_option
def compare_answers(
    answers: Path,
    baseline: Path,
    out: Path,
    chosen: ChosenJudge,
    reading: "AnswerOptions",
    rubric: str | None,
    orders: str | None,
    verdict: str | None,
    baseline_name: str | None,
    repeat: int,
    dry_run: bool,
    force: bool,
) -> None:
    """Which answers a judge prefers: those in ANSWERS, or those in BASELINE to the same instructions.

    Both are files of the pipeline, other tools' outputs, or tables of your own, as `urial judge` takes them. Every pair is shown in
    both orders. Rows are joined by what they answer, never by their place. Replies are kept in the row cache as they come.
    """
    from urial.judge.files.repeated import preference_spreads, spread_table
    from urial.judge.model.counts import preferences_line
    from urial.judge.preferences.run import compare_completions, make_preference_judge, pairs_between, write_requests
    from urial.plan.preferences import plan_comparison, preferences_judge
    from urial.records.params.preferences import PreferenceParams
    from urial.records.plans import RulesPlan

    require_files(answers, baseline)
    params = chosen.params()
    judge_plan = chosen.plan(params, preferences_judge(params) if params else None, "preferences.judge")
    if isinstance(judge_plan.judge, RulesPlan) and (rubric or verdict):
        raise UrialError(
            f"judge {judge_plan.name!r} is asked nothing: the rules have no rubric and no form of verdict",
            fix="leave --rubric and --verdict out, or name a judge model with --judge",
        )
    paths = paths_of_judgings(out, repeat, dry_run=dry_run)
    require_free(*paths, force=force, inputs=[*inputs_of(answers, reading), *inputs_of(baseline, reading), PARAMS])
    ours = read_answers(answers, _of_one(reading, answers, baseline), "compare")
    theirs = baseline_rows(baseline, answers, ours, reading)
    _, other = _two_names(answers, ours.completions, baseline, theirs, baseline_name)
    changes = {"rubric": rubric, "orders": orders, "verdict": verdict, "baseline": other}
    given = {key: value for key, value in changes.items() if value is not None}
    wanted = (params.preferences if params else PreferenceParams()).model_copy(update=given)
    plan = plan_comparison(judge_plan, wanted, prompts_folder())
    asked, rows = ours.instructions, ours.completions
    with RowCache() as cache:
        if dry_run:
            number = write_requests(plan, pairs_between(plan, asked, rows, theirs), cache, out)
            click.echo(f"{out}: {counted(number, 'request')}")
            return
        judge = make_preference_judge(plan, cache)
        done = judge_repeatedly(
            judge, paths, lambda: compare_completions(judge, plan, asked, rows, theirs), preferences_line
        )
    if len(done) > 1:
        click.echo(f"\n{spread_table(preference_spreads(done)).terminal()}", nl=False)


def _of_one(reading: "AnswerOptions", answers: Path, baseline: Path) -> "AnswerOptions":
    """What the options say of ANSWERS: of completions nothing, where BASELINE is the table that they are about."""
    from urial.exchange.importers.answer_files import is_record

    about_baseline = is_record(answers) and not is_record(baseline)
    return replace(reading, columns={}, category=None) if about_baseline else reading


def baseline_rows(path: Path, answers: Path, ours: "AnswerFile", reading: "AnswerOptions") -> "list[Completion]":
    """The baseline's answers to the instructions that were answered, under their ids: by id, or else by the text that is asked.

    Raises UrialError, with both texts, where one id stands for two, and where it answers none of them.
    """
    from urial.core.strict_json import first_twice
    from urial.exchange.importers.answer_files import read_rows_alone, renamed
    from urial.run.joining import answers_to, asked_by, asked_of, require_same_texts

    fix = "name two files of answers to the same instructions"
    rows, turns = read_rows_alone(path, reading)
    if (twice := first_twice(row.instruction_id for row in rows)) is not None:
        raise UrialError(f"{twice!r} is answered twice", path=path, expected="one row an instruction")
    require_same_texts(asked_of(answers, ours.instructions), asked_by(path, rows), fix)
    found = [renamed(*pair) for pair in answers_to(ours.instructions, rows, path, turns)]
    if not found:
        raise UrialError(f"answers none of the instructions that {answers} answers", path=path, fix=fix)
    return found


def _name(baseline_name: str) -> str:
    if len(baseline_name) > MAX_NAME or not re.fullmatch(NAME_PATTERN, baseline_name):
        raise UrialError(
            f"--baseline-name {shorten(baseline_name)}: no name of a system",
            expected=f"a letter or digit, then letters, digits, '.', '_' and '-', {MAX_NAME} at most",
        )
    return baseline_name


def _two_names(
    answers: Path,
    rows: "Sequence[Completion]",
    baseline: Path,
    others: "Sequence[Completion]",
    baseline_name: str | None,
) -> tuple[str, str]:
    """The names of the system and of the baseline. Raises UrialError unless they are one each, and differ."""
    from urial.run.joining import require_one_system

    for path, of_file in ((answers, rows), (baseline, others)):
        require_one_system(path, of_file)
    system, other = rows[0].system, others[0].system if baseline_name is None else _name(baseline_name)
    if system == other:
        raise UrialError(
            f"{answers} and {baseline}: both of the system {system!r}",
            expected="two names",
            fix="give the baseline another one with --baseline-name",
        )
    return system, other
