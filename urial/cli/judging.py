"""The commands that judge answers outside of the pipeline, and estimate what judging will take."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli import shared
from urial.cli.repeating import judge_repeatedly, paths_of_judgings, repeat_option
from urial.cli.shared import FILE, as_json, data_option, force_option
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import read_jsonl, require_free
from urial.core.strict_json import first_twice
from urial.records.instruction import Instruction
from urial.records.model import BYTES_A_TOKEN
from urial.run.project import prompts_folder, root_of

if TYPE_CHECKING:
    from urial.judge.files.estimate import SystemEstimate
    from urial.judge.preferences.pairs import Pair
    from urial.judge.scores.case import Case
    from urial.records.completion import Completion
    from urial.records.params.file import ParamsFile
    from urial.records.plans import JudgePlan, OpenAIPlan, PreferencesPlan

PARAMS = Path("params.yaml")
judge_option = click.option("--judge", "name", help="A key of judges in params.yaml.  [default: the run's]")


@click.command()
@click.argument("completions", type=FILE)
@click.option("--out", required=True, type=FILE, help="The judgments to write (JSONL).")
@shared.answered_option
@judge_option
@repeat_option
@click.option("--dry-run", is_flag=True, help="Write the requests of the batch API to OUT, and send nothing.")
@force_option
def judge(
    completions: Path, out: Path, instructions: Path | None, name: str | None, repeat: int, dry_run: bool, force: bool
) -> None:
    """Judge a file of COMPLETIONS, from the pipeline or imported. Replies are kept in the row cache as they come."""
    from urial.judge.files.repeated import spread_table, spreads_of
    from urial.judge.scores.counts import judgments_line
    from urial.judge.scores.run import judge_completions, make_judge, max_characters, write_requests

    plan = _params_and_plan(name)[1]
    known = shared.instructions_answered(completions, instructions)
    paths = paths_of_judgings(out, repeat, dry_run=dry_run)
    require_free(*paths, force=force, inputs=[completions, known, PARAMS])
    rows, answered = read_answers(completions, known, "judge")
    with RowCache() as cache:
        if dry_run:
            click.echo(f"{out}: {write_requests(plan, answered, rows, cache, out):,} requests")
            return
        judge = make_judge(plan, cache)
        most = max_characters(plan)
        done = judge_repeatedly(judge, paths, lambda: judge_completions(judge, answered, rows, most), judgments_line)
    if len(done) > 1:
        click.echo(f"\n{spread_table(spreads_of(done)).terminal()}", nl=False)


@click.command()
@data_option
@judge_option
@click.option(
    "--tokenizer", type=shared.NAME_OR_PATH,
    help="Hub id or folder of a tokenizer to count with.  [default: 4 bytes a token]",
)  # fmt: skip
@click.option(
    "--answer-words", default=200, type=click.IntRange(min=0),
    help="Words of an answer that is not there yet; 200 is the length of URIAL's in the paper.",
)  # fmt: skip
@as_json
def estimate(data: Path, name: str | None, tokenizer: str | None, answer_words: int, as_json: bool) -> None:
    """What judging and comparing will take: requests, tokens, price, time. Nothing is sent."""
    from urial.instructions.sets import load_instructions
    from urial.judge.files.estimate import comparing_estimate, judging_estimate, total
    from urial.plan.instructions import plan_instructions
    from urial.plan.left_out import answering_systems, compared_systems
    from urial.plan.preferences import plan_preferences
    from urial.records.plans import OpenAIPlan
    from urial.run import paths

    params, plan = _params_and_plan(name)
    # As `dvc exp run -S run.judge=NAME` would compare.
    params = params.model_copy(update={"run": params.run.model_copy(update={"judge": plan.name})})
    comparing = plan_preferences(params, prompts_folder())
    asked = next((one.judge for one in (plan, comparing) if isinstance(one.judge, OpenAIPlan)), None)
    if not isinstance(asked, OpenAIPlan):
        raise UrialError(
            f"judge {plan.name!r} is in this process: nothing is sent, and nothing is to be paid",
            fix="name another with --judge",
        )
    # Those of the last run, or those that the next one will have.
    path = data / paths.INSTRUCTIONS.below()
    known = read_jsonl(path, Instruction) if path.is_file() else load_instructions(plan_instructions(params))
    parts, compared = {}, {}
    with RowCache() as cache:
        count = shared.token_counter(tokenizer)
        for system in answering_systems(params) if isinstance(plan.judge, OpenAIPlan) else ():
            cases, assumed = _cases(data, system, known, answer_words, plan)
            parts[system] = judging_estimate(asked, cases, assumed, cache, count)
        for system in compared_systems(params) if isinstance(comparing.judge, OpenAIPlan) else ():
            pairs, assumed = _pairs(data, system, known, answer_words, comparing)
            compared[system] = comparing_estimate(comparing, pairs, assumed, cache, count)
    rows = {**parts, **{f"{system} against {comparing.baseline}": part for system, part in compared.items()}}
    whole = total(rows)
    if as_json:
        shared.print_json({"judge": plan.name, "systems": {key: part.model_dump() for key, part in parts.items()},
                    "preferences": {key: part.model_dump() for key, part in compared.items()},
                    "total": whole.model_dump()})  # fmt: skip
        return
    shared.print_table([_row(system, part) for system, part in [*rows.items(), ("total", whole)]])
    counted = f"counted by the tokenizer {tokenizer}" if tokenizer else f"taken as {BYTES_A_TOKEN} bytes each"
    # A system's answers that are not there are the same in both.
    notes = _notes(str(plan.name), asked, total(parts or rows), counted, answer_words)
    if compared:
        notes.append(
            f"of preferences, every pair is asked about in {comparing.orders} order{'s' * (comparing.orders == 'both')}"
        )
    click.echo("\n" + "\n".join(notes))


def read_answers(path: Path, instructions: Path, purpose: str) -> "tuple[list[Completion], list[Instruction]]":
    """The answers in a file, and the instruction of each.

    Raises UrialError where there are no answers to the ``purpose``, where a system answers an instruction twice, and where
    an instruction is missing or asks something else than was answered.
    """
    from urial.exchange.importers.instructions import read_instructions
    from urial.records.completion import Completion
    from urial.run.joining import asked_by, asked_of, require_same_texts

    rows = read_jsonl(path, Completion)
    if not rows:
        raise UrialError(f"no answers to {purpose}", path=path, expected="completions, one a line")
    if twice := first_twice((row.system, row.instruction_id) for row in rows):
        raise UrialError(f"{twice[0]} answers {twice[1]!r} twice", path=path, expected="one row an instruction")
    by_id = {row.id: row for row in read_instructions(instructions)}
    other = "name the file of their instructions with --instructions"
    if lost := [row.instruction_id for row in rows if row.instruction_id not in by_id]:
        raise UrialError(
            f"{len(lost)} completions have no instruction in it, first {lost[0]!r}", path=instructions, fix=other
        )
    require_same_texts(asked_by(path, rows), asked_of(instructions, by_id.values()), other)
    for row in rows:
        asked, answers = len(by_id[row.instruction_id].turns), 1 + len(row.later_turns)
        if answers > asked:
            raise UrialError(
                f"{row.system} answers {answers} messages of {row.instruction_id!r}, which has {asked} in {instructions}",
                path=path,
                fix=other,
            )
    return rows, [by_id[row.instruction_id] for row in rows]


def params_of_run() -> "ParamsFile":
    """params.yaml of the project. Raises UrialError outside of any."""
    from urial.records.params.file import read_params

    if not PARAMS.is_file():
        root_of(Path())
    return read_params(PARAMS)


def _params_and_plan(name: str | None) -> "tuple[ParamsFile, JudgePlan]":
    """params.yaml, and the plan of the judge of this name; None: of the run's. Raises UrialError where that has none."""
    from urial.plan.judges import plan_judge

    params = params_of_run()
    name = name or params.run.judge
    if name is None:
        raise UrialError(
            "the run has no judge: run.judge is null", path=PARAMS, fix="name one of its judges with --judge NAME"
        )
    return params, plan_judge(params, name, prompts_folder())


def _cases(
    data: Path, system: str, instructions: Sequence[Instruction], answer_words: int, plan: "JudgePlan"
) -> "tuple[list[Case], int]":
    """What the judge would see of a system, and how many answers are made up because they are not there yet."""
    from urial.judge.scores.case import Case
    from urial.judge.scores.run import cases_of, max_characters
    from urial.prompts.rubrics.conversation import EarlierTurn

    if rows := _answers_there(data, system, instructions):
        return cases_of(instructions, rows, max_characters(plan)), 0
    answer = _made_up(answer_words)
    histories = ((row, [EarlierTurn(query, answer) for query in row.turns]) for row in instructions)
    cases = [
        Case(row, answer, cut_off=False, history=tuple(turns[:turn]))
        for row, turns in histories
        for turn in range(len(turns))
    ]
    return cases, len(cases)


def _pairs(
    data: Path, system: str, instructions: Sequence[Instruction], answer_words: int, plan: "PreferencesPlan"
) -> "tuple[list[Pair], int]":
    """What the judge would see of a system and the baseline, and how many answers are made up, likewise."""
    from urial.judge.preferences.pairs import Pair, Shown, orders_of
    from urial.judge.preferences.run import pairs_between

    ours = _answers_there(data, system, instructions)
    # Published outputs need not answer every instruction.
    theirs = _answers_there(data, str(plan.baseline), instructions, in_part=True)
    if ours and theirs:
        return pairs_between(plan, instructions, ours, theirs), 0
    # Not one text, which would be a tie without a question.
    first, second = Shown(_made_up(answer_words), False), Shown(f"{_made_up(answer_words)}.", False)
    pairs = [
        Pair(row, turn, first, second, orders_of(row, plan.orders), ((first, second),) * turn)
        for row in instructions
        for turn in range(len(row.turns))
    ]
    return pairs, 2 * len(pairs)


def _answers_there(
    data: Path, system: str, instructions: Sequence[Instruction], *, in_part: bool = False
) -> "list[Completion] | None":
    """A system's answers to these instructions; None: they are not there, or are those to others."""
    from urial.records.completion import Completion

    path = data / "generations" / f"{system}.jsonl"
    rows = read_jsonl(path, Completion) if path.is_file() else []
    found, known = [row.instruction_id for row in rows], [row.id for row in instructions]
    return rows if found == known or (in_part and set(found) <= set(known)) else None


def _made_up(words: int) -> str:
    return " ".join(["words"] * words)


def _row(system: str, part: "SystemEstimate") -> dict[str, str | None]:
    return {
        "system": system,
        "requests": f"{part.requests:,}",
        "on record": f"{part.on_record:,}",
        "tokens read": f"{part.input_tokens:,}",
        "written": f"{part.output_tokens:,}",
        "at most": f"{part.most_output_tokens:,}",
        "cost": None if part.cost is None else f"{part.cost:.2f}",
        "cost at most": None if part.most_cost is None else f"{part.most_cost:.2f}",
        "minutes": f"{part.seconds / 60:.1f}",
    }


def _notes(name: str, plan: "OpenAIPlan", whole: "SystemEstimate", counted: str, answer_words: int) -> list[str]:
    """What the figures stand on; ``counted`` says how tokens were."""
    from urial.judge.files.estimate import SECONDS_A_REPLY, TOKENS_A_SCORE, TOKENS_AN_ASPECT

    judge = plan.judge
    notes = [
        f"judge {name}: {judge.model}{', batch API' if judge.batch else ''}",
        f"tokens read are {counted}; written are taken as {TOKENS_AN_ASPECT} for an aspect with its rationale and "
        f"{TOKENS_A_SCORE} for a score alone, and at most max_tokens; requests made again are not counted",
        f"minutes are at the set limits, and at {SECONDS_A_REPLY:g} s a reply at the set concurrency; "
        "a batch can take a day",
    ]
    if whole.assumed_answers:
        notes.append(f"{whole.assumed_answers:,} answers are not there yet and are taken as {answer_words} words each")
    if plan.price is None:
        notes.append(f"no price known: add {judge.model!r} to prices in params.yaml")
    else:
        notes.append("cost is in the currency of prices in params.yaml")
    if judge.budget is not None:
        notes.append(f"the budget stops the judging of a system before it costs more than {judge.budget:g}")
    return notes
