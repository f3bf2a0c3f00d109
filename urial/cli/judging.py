"""The commands that judge answers outside of the pipeline, and estimate what judging will take."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.printing import as_json, force_option, print_json, print_table
from urial.core.errors import UrialError
from urial.core.strict_json import first_twice
from urial.records.model import BYTES_A_TOKEN

if TYPE_CHECKING:
    from urial.judge.files.estimate import SystemEstimate
    from urial.judge.scores.case import Case
    from urial.records.completion import Completion
    from urial.records.instruction import Instruction
    from urial.records.params.file import ParamsFile
    from urial.records.plans import JudgePlan

file_option = click.Path(path_type=Path)
PARAMS = Path("params.yaml")
judge_option = click.option("--judge", "name", help="A key of judges in params.yaml.  [default: the run's]")


@click.command()
@click.argument("completions", type=file_option)
@click.option("--out", required=True, type=file_option, help="The judgments to write (JSONL).")
@click.option(
    "--instructions", "instructions_path", default="data/instructions.jsonl", type=file_option, show_default=True
)
@judge_option
@click.option("--dry-run", is_flag=True, help="Write the requests of the batch API to OUT, and send nothing.")
@force_option
def judge(
    completions: Path, out: Path, *, instructions_path: Path, name: str | None, dry_run: bool, force: bool
) -> None:
    """Judge a file of COMPLETIONS, from the pipeline or imported. Replies are kept in the row cache as they come."""
    from urial.core.row_cache import RowCache
    from urial.core.store import read_jsonl, require_free, write_jsonl
    from urial.judge.scores.run import judge_completions, make_judge, max_characters, write_requests
    from urial.records.completion import Completion
    from urial.records.instruction import Instruction

    plan = _plan(_params(), name)
    require_free(out, force=force, inputs=[completions, instructions_path, PARAMS])
    rows = read_jsonl(completions, Completion)
    if not rows:
        raise UrialError("no answers to judge", path=completions)
    require_once(rows, completions)
    instructions = instructions_of(rows, read_jsonl(instructions_path, Instruction), instructions_path)
    with RowCache() as cache:
        if dry_run:
            click.echo(f"{out}: {write_requests(plan, instructions, rows, cache, out):,} requests")
            return
        judgments = judge_completions(make_judge(plan, cache), instructions, rows, max_characters(plan))
    write_jsonl(out, judgments)
    click.echo(f"{out}: {len(judgments):,} judgments, {sum(row.status == 'scored' for row in judgments):,} scored")


@click.command()
@click.option("--data", default="data", type=file_option, show_default=True, help="Folder of the run.")
@judge_option
@click.option("--tokenizer", help="Hub id or folder of a tokenizer to count with.  [default: 4 bytes a token]")
@click.option(
    "--answer-words", default=200, type=click.IntRange(min=0), show_default=True,
    help="Words of an answer that is not there yet; 200 is the length of URIAL's in the paper.",
)  # fmt: skip
@as_json
def estimate(data: Path, name: str | None, tokenizer: str | None, answer_words: int, as_json: bool) -> None:
    """What judging will take: requests, tokens, price, time. Nothing is sent."""
    from urial.core.row_cache import RowCache
    from urial.judge.files.estimate import judging_estimate, total
    from urial.records.plans import OpenAIPlan

    params = _params()
    plan = _plan(params, name)
    if not isinstance(plan.judge, OpenAIPlan):
        raise UrialError(
            f"judge {plan.name!r} is in this process: nothing is sent, and nothing is to be paid",
            fix="name another with --judge",
        )
    instructions = _instructions(data, params)
    parts = {}
    with RowCache() as cache:
        count_tokens = _token_counter(tokenizer)
        for system in params.systems:
            cases, assumed = _cases(data, system, instructions, answer_words, plan)
            parts[system] = judging_estimate(plan.judge, cases, assumed, cache, count_tokens)
    whole = total(parts)
    if as_json:
        print_json({"judge": plan.name, "systems": {key: part.model_dump() for key, part in parts.items()},
                    "total": whole.model_dump()})  # fmt: skip
        return
    print_table([_row(system, part) for system, part in [*parts.items(), ("total", whole)]])
    click.echo("\n" + "\n".join(_notes(plan, whole, tokenizer, answer_words)))


def require_once(rows: "Sequence[Completion]", path: Path) -> None:
    """Raises UrialError for a system that answers an instruction twice."""
    if twice := first_twice((row.system, row.instruction_id) for row in rows):
        raise UrialError(f"{twice[0]} answers {twice[1]!r} twice", path=path, expected="one row an instruction")


def _params() -> "ParamsFile":
    from urial.records.params.file import read_params

    if not PARAMS.is_file():
        raise UrialError(f"no {PARAMS} here", fix="run in the root of the project")
    return read_params(PARAMS)


def _plan(params: "ParamsFile", name: str | None) -> "JudgePlan":
    from urial.plan.judges import plan_judge
    from urial.prompts.versions.library import PROMPTS_DIR

    return plan_judge(params, name or params.run.judge, PROMPTS_DIR)


def _instructions(data: Path, params: "ParamsFile") -> "list[Instruction]":
    """Those of the last run, or those that the next one will have."""
    from urial.core.store import read_jsonl
    from urial.instructions.sets import load_instructions
    from urial.plan.planning import plan_instructions
    from urial.records.instruction import Instruction
    from urial.run.paths import INSTRUCTIONS

    path = data / INSTRUCTIONS.below()
    return read_jsonl(path, Instruction) if path.is_file() else load_instructions(plan_instructions(params))


def instructions_of(rows: "Sequence[Completion]", known: "Sequence[Instruction]", path: Path) -> "list[Instruction]":
    """The instruction of each row."""
    by_id = {row.id: row for row in known}
    lost = [row.instruction_id for row in rows if row.instruction_id not in by_id]
    if lost:
        raise UrialError(
            f"{len(lost)} completions have no instruction in it, first {lost[0]!r}",
            path=path,
            fix="name the file of their instructions with --instructions",
        )
    return [by_id[row.instruction_id] for row in rows]


def _cases(
    data: Path, system: str, instructions: "Sequence[Instruction]", answer_words: int, plan: "JudgePlan"
) -> "tuple[list[Case], int]":
    """What the judge would see of a system, and how many answers are made up because they are not there yet."""
    from urial.core.store import read_jsonl
    from urial.judge.scores.case import Case
    from urial.judge.scores.run import cases_of, max_characters
    from urial.records.completion import Completion

    path = data / "generations" / f"{system}.jsonl"
    if path.is_file():
        rows = read_jsonl(path, Completion)
        if [row.instruction_id for row in rows] == [row.id for row in instructions]:
            return cases_of(instructions, rows, max_characters(plan)), 0
    answer = " ".join(["words"] * answer_words)
    return [Case(instruction, answer, cut_off=False) for instruction in instructions], len(instructions)


def _token_counter(tokenizer: str | None) -> Callable[[str], int]:
    if tokenizer is None:
        return lambda text: -(-len(text.encode("utf-8")) // BYTES_A_TOKEN)
    from urial.local_models.loading.loading import encode, named_tokenizer

    loaded = named_tokenizer(tokenizer)
    return lambda text: len(encode(loaded, text, adds_special_tokens=True))


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


def _notes(plan: "JudgePlan", whole: "SystemEstimate", tokenizer: str | None, answer_words: int) -> list[str]:
    from urial.judge.files.estimate import SECONDS_A_REPLY, TOKENS_A_SCORE, TOKENS_AN_ASPECT
    from urial.records.plans import OpenAIPlan

    if not isinstance(plan.judge, OpenAIPlan):
        return []
    counted = f"counted by the tokenizer {tokenizer}" if tokenizer else f"taken as {BYTES_A_TOKEN} bytes each"
    notes = [
        f"judge {plan.name}: {plan.judge.judge.model}{', batch API' if plan.judge.judge.batch else ''}",
        f"tokens read are {counted}; written are taken as {TOKENS_AN_ASPECT} for an aspect with its rationale and "
        f"{TOKENS_A_SCORE} for a score alone, and at most max_tokens; requests made again are not counted",
        f"minutes are at the set limits, and at {SECONDS_A_REPLY:g} s a reply at the set concurrency; "
        "a batch can take a day",
    ]
    if whole.assumed_answers:
        notes.append(f"{whole.assumed_answers:,} answers are not there yet and are taken as {answer_words} words each")
    if plan.judge.price is None:
        notes.append(f"no price known: add {plan.judge.judge.model!r} to prices in params.yaml")
    else:
        notes.append("cost is in the currency of prices in params.yaml")
    budget = plan.judge.judge.budget
    if budget is not None:
        notes.append(f"the budget stops the judging of a system before it costs more than {budget:g}")
    return notes
