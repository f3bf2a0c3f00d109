"""`urial compare-answers`: which of two files of answers a judge prefers, outside of the pipeline."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli import shared
from urial.cli.judging import PARAMS, params_of_run, read_answers
from urial.cli.repeating import judge_repeatedly, paths_of_judgings, repeat_option
from urial.cli.shared import FILE, force_option
from urial.core.errors import UrialError, shorten
from urial.core.row_cache import RowCache
from urial.core.store import require_free
from urial.records.base import MAX_NAME, NAME_PATTERN
from urial.run.project import prompts_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from urial.records.completion import Completion
    from urial.records.instruction import Instruction


@click.command("compare-answers")
@click.argument("completions", type=FILE)
@click.argument("baseline", type=FILE)
@click.option("--out", required=True, type=FILE, help="The preferences to write (JSONL).")
@shared.answered_option
@click.option("--judge", "name", help="A key of judges in params.yaml.  [default: that of preferences, or the run's]")
@click.option("--rubric", help="A rubric for preferences.  [default: the one of params.yaml]")
@click.option("--orders", type=click.Choice(["both", "one"]), help="[default: as in params.yaml]")
@click.option("--verdict", type=click.Choice(["json", "text", "tokens"]), help="[default: as in params.yaml]")
@click.option("--baseline-name", help="What to call the baseline.  [default: the system that its file names]")
@repeat_option
@click.option("--dry-run", is_flag=True, help="Write the requests of the batch API to OUT, and send nothing.")
@force_option
def compare_answers(
    completions: Path,
    baseline: Path,
    out: Path,
    instructions: Path | None,
    name: str | None,
    rubric: str | None,
    orders: str | None,
    verdict: str | None,
    baseline_name: str | None,
    repeat: int,
    dry_run: bool,
    force: bool,
) -> None:
    """Which answers a judge prefers: those in COMPLETIONS, or those in BASELINE to the same instructions.

    Every pair is shown in both orders. Rows are joined by what they answer, never by their place. Replies are kept in the row
    cache as they come.
    """
    from urial.judge.files.repeated import preference_spreads, spread_table
    from urial.judge.preferences.counts import preferences_line
    from urial.judge.preferences.run import compare_completions, make_preference_judge, pairs_between, write_requests
    from urial.plan.judges import plan_judge
    from urial.plan.preferences import plan_comparison, preferences_judge
    from urial.records.plans import RulesPlan

    params = params_of_run()
    judge_name = name or preferences_judge(params)
    if judge_name is None:
        raise UrialError("no judge: run.judge is null", path=PARAMS, fix="name one of its judges with --judge NAME")
    known = shared.instructions_answered(completions, instructions)
    paths = paths_of_judgings(out, repeat, dry_run=dry_run)
    require_free(*paths, force=force, inputs=[completions, baseline, known, PARAMS])
    rows, answered = read_answers(completions, known, "compare")
    others = baseline_rows(baseline, completions, rows, answered, known)
    system = _one_system(completions, rows)
    other = _one_system(baseline, others) if baseline_name is None else _name(baseline_name)
    if system == other:
        raise UrialError(
            f"{completions} and {baseline}: both of the system {system!r}",
            expected="two names",
            fix="give the baseline another one with --baseline-name",
        )
    changes = {"rubric": rubric, "orders": orders, "verdict": verdict, "baseline": other}
    given = {key: value for key, value in changes.items() if value is not None}
    wanted = params.preferences.model_copy(update=given)
    judge_plan = plan_judge(params, judge_name, prompts_folder(), "preferences.judge")
    if isinstance(judge_plan.judge, RulesPlan) and (rubric or verdict):
        raise UrialError(
            f"judge {judge_name!r} is asked nothing: the rules have no rubric and no form of verdict",
            fix="leave --rubric and --verdict out, or name a judge model with --judge",
        )
    plan = plan_comparison(judge_plan, wanted, prompts_folder())
    with RowCache() as cache:
        if dry_run:
            number = write_requests(plan, pairs_between(plan, answered, rows, others), cache, out)
            click.echo(f"{out}: {number:,} requests")
            return
        judge = make_preference_judge(plan, cache)
        done = judge_repeatedly(
            judge, paths, lambda: compare_completions(judge, plan, answered, rows, others), preferences_line
        )
    if len(done) > 1:
        click.echo(f"\n{spread_table(preference_spreads(done)).terminal()}", nl=False)


def baseline_rows(
    path: Path, completions: Path, rows: "Sequence[Completion]", answered: "Sequence[Instruction]", known: Path
) -> "list[Completion]":
    """The baseline's answers to the instructions that were answered, under their ids: by id, or else by the text that is asked.

    Raises UrialError, with both texts, where one id stands for two, and where it answers none of them.
    """
    from urial.core.store import read_jsonl
    from urial.core.strict_json import first_twice
    from urial.records.completion import Completion
    from urial.run.joining import asked_by, asked_of, require_same_texts

    others, fix = read_jsonl(path, Completion), "name two files of answers to the same instructions"
    asked = asked_by(path, others)
    require_same_texts(asked_by(completions, rows), asked, fix)
    require_same_texts(asked_of(known, answered), asked, fix)
    by_id = {row.instruction_id: row for row in others}
    if twice := first_twice(row.instruction_id for row in others):
        raise UrialError(f"{twice!r} is answered twice", path=path, expected="one row an instruction")
    by_text: dict[str | None, list[Completion]] = {}
    for row in others:
        by_text.setdefault(row.query, []).append(row)
    found = []
    for instruction in answered:
        same = [by_id[instruction.id]] if instruction.id in by_id else by_text.get(instruction.turns[0], [])
        if len(same) > 1:
            raise UrialError(
                f"{len(same)} answers to one text, and no id tells which counts: {shorten(instruction.turns[0])}",
                path=path,
                expected="one row an instruction",
            )
        found += [row.model_copy(update={"instruction_id": instruction.id}) for row in same]
    if not found:
        raise UrialError(f"answers none of the instructions that {completions} answers", path=path, fix=fix)
    return found


def _name(baseline_name: str) -> str:
    if len(baseline_name) > MAX_NAME or not re.fullmatch(NAME_PATTERN, baseline_name):
        raise UrialError(
            f"--baseline-name {shorten(baseline_name)}: no name of a system",
            expected=f"a letter or digit, then letters, digits, '.', '_' and '-', {MAX_NAME} at most",
        )
    return baseline_name


def _one_system(path: Path, rows: "Sequence[Completion]") -> str:
    systems = list(dict.fromkeys(row.system for row in rows))
    if len(systems) > 1:
        raise UrialError(f"answers of {', '.join(systems[:3])}", path=path, expected="one system a file")
    return systems[0]
