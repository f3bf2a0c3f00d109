"""`urial estimate`: what judging and comparing will take, before anything is sent."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli import shared
from urial.cli.answers import answer_options, read_answers, require_files
from urial.cli.judges import PARAMS, ChosenJudge, judge_options
from urial.cli.shared import DATA, FILE, as_json
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import read_jsonl
from urial.core.text import counted
from urial.records.instruction import Instruction
from urial.records.model import BYTES_A_TOKEN
from urial.run.project import prompts_folder

if TYPE_CHECKING:
    from urial.exchange.importers.answer_files import AnswerOptions
    from urial.judge.files.estimate import Reckoning, SystemEstimate
    from urial.judge.files.run_estimate import Estimates
    from urial.records.params.file import ParamsFile
    from urial.records.plans import JudgePlan, OpenAIPlan, PreferencesPlan


@click.command()
@click.argument("answers", type=FILE, required=False)
@click.option("--data", type=FILE, help="Folder of the run that is estimated, without ANSWERS.  [default: data]")
@judge_options("the run's")
@answer_options
@click.option(
    "--tokenizer",
    type=shared.NAME_OR_PATH,
    help="Hub id or folder of a tokenizer to count with.  [default: 4 bytes a token]",
)
@click.option(
    "--answer-words", default=200, type=click.IntRange(min=0),
    help="Words of an answer that is not there yet; 200 is the length of URIAL's in the paper.",
)  # fmt: skip
@click.option(
    "--reply-seconds", default=5.0, type=shared.NumberRange(0.001, 86_400),
    help="Time of one reply: a small server of your own may need a minute.",
)  # fmt: skip
@as_json
def estimate(
    answers: Path | None,
    data: Path | None,
    chosen: ChosenJudge,
    reading: "AnswerOptions",
    tokenizer: str | None,
    answer_words: int,
    reply_seconds: float,
    as_json: bool,
) -> None:
    """Estimate the requests, tokens, cost and time of judging ANSWERS, a file as `urial judge` takes it. Nothing is sent.

    Without ANSWERS, of judging and comparing the systems of the run, and of judging the answers that are begun for them.
    """
    from urial.judge.files.estimate import Reckoning
    from urial.judge.files.run_estimate import estimates_of_file
    from urial.records.plans import OpenAIPlan

    if answers and data:
        raise UrialError("ANSWERS and --data are two things to estimate", fix="leave one of them out")
    require_files(*([answers] if answers else []))
    params = chosen.params()
    if params is None and not answers:
        # Before a hub is asked for anything.
        raise UrialError(f"no {PARAMS} here, and no ANSWERS named", fix="name a file of answers, or go into a project")
    plan = chosen.plan(params, params.run.judge if params else None)
    comparing = None if answers or params is None else _comparing(params, chosen, plan)
    # A file that cannot be judged has no price, whoever judges it.
    file = read_answers(answers, reading, "judge") if answers else None
    asked = next((one.judge for one in (plan, comparing) if one and isinstance(one.judge, OpenAIPlan)), None)
    if asked is None:
        _nothing_to_pay(plan, as_json)
        return
    with RowCache() as cache:
        reckoning = Reckoning(cache, shared.token_counter(tokenizer), reply_seconds, answer_words)
        if file:
            found = estimates_of_file(plan, file.completions, file.instructions, reckoning)
        else:
            found = _of_run(params, plan, comparing, data, reckoning)
    if as_json:
        _print_json(plan, found)
        return
    counting = f"counted by the tokenizer {tokenizer}" if tokenizer else f"taken as {BYTES_A_TOKEN} bytes each"
    _show(found, comparing, _notes(plan, asked, counting, reply_seconds), answer_words)


def _show(found: "Estimates", comparing: "PreferencesPlan | None", notes: Sequence[str], answer_words: int) -> None:
    """A line a system, their sum where there are several, and below what the figures stand on."""
    from urial.judge.files.estimate import total

    rows, further = {**found.systems}, []
    if comparing:
        rows |= {f"{system} against {comparing.baseline}": part for system, part in found.preferences.items()}
    rows |= {f"{system}, begun answers": part for system, part in found.safety_depth.items()}
    whole = total(rows.values())
    shown = [*rows.items(), ("total", whole)] if len(rows) > 1 else rows.items()
    shared.print_table([_row(system, part, whole.cost is not None) for system, part in shown])
    # A system's answers that are not there are the same when they are compared.
    if made_up := total([*(found.systems or found.preferences).values(), *found.safety_depth.values()]).assumed_answers:
        further.append(f"{made_up:,} answers are not there yet and are taken as {answer_words} words each")
    if found.preferences and comparing:
        orders = "both orders" if comparing.orders == "both" else "one order"
        further.append(f"of preferences, every pair is asked about in {orders}")
    click.echo("\n" + "\n".join([*notes, *further]))


def _comparing(params: "ParamsFile", chosen: ChosenJudge, plan: "JudgePlan") -> "PreferencesPlan":
    """As `dvc exp run -S run.judge=NAME` would compare."""
    from urial.plan.preferences import plan_preferences

    if chosen.server is None:
        params = params.model_copy(update={"run": params.run.model_copy(update={"judge": plan.name})})
    return plan_preferences(
        params, prompts_folder(), plan if chosen.server or params.preferences.judge is None else None
    )


def _of_run(
    params: "ParamsFile | None",
    plan: "JudgePlan",
    comparing: "PreferencesPlan | None",
    data: Path | None,
    reckoning: "Reckoning",
) -> "Estimates":
    """Of the run in this folder, with the instructions of the last run, else those that the next one will have."""
    from urial.instructions.sets import load_instructions
    from urial.judge.files.run_estimate import estimates_of_run
    from urial.plan.instructions import plan_instructions
    from urial.run.paths import INSTRUCTIONS
    from urial.safety_depth.estimate import begun_estimates

    assert params is not None  # noqa: S101
    assert comparing is not None  # noqa: S101
    path = (data or DATA) / INSTRUCTIONS.below()
    if data and not path.is_file():
        raise UrialError(
            f"no {path.name} in it", path=data, expected="the folder data of a run", fix="leave --data out"
        )
    known = read_jsonl(path, Instruction) if path.is_file() else load_instructions(plan_instructions(params))
    found = estimates_of_run(params, plan, comparing, data or DATA, instructions=known, reckoning=reckoning)
    found.safety_depth = begun_estimates(params, plan, data or DATA, known, reckoning)
    return found


def _nothing_to_pay(plan: "JudgePlan", as_json: bool) -> None:
    from urial.judge.files.run_estimate import Estimates

    if as_json:
        _print_json(plan, Estimates())
    else:
        click.echo(f"judge {plan.name!r} is in this process: nothing is sent, and nothing is to be paid")


def _print_json(plan: "JudgePlan", found: "Estimates") -> None:
    from urial.judge.files.estimate import total

    shared.print_json(
        {
            "judge": plan.name,
            "systems": {key: part.model_dump() for key, part in found.systems.items()},
            "preferences": {key: part.model_dump() for key, part in found.preferences.items()},
            "safety_depth": {key: part.model_dump() for key, part in found.safety_depth.items()},
            "total": total(
                [*found.systems.values(), *found.preferences.values(), *found.safety_depth.values()]
            ).model_dump(),
        }
    )


def _row(system: str, part: "SystemEstimate", priced: bool) -> dict[str, str | None]:
    money = {
        "cost (currency of prices)": None if part.cost is None else f"{part.cost:.2f}",
        "cost at most (currency of prices)": None if part.most_cost is None else f"{part.most_cost:.2f}",
    }
    return {
        "system": system,
        "requests": f"{part.requests:,}",
        "of them on record": f"{part.on_record:,}",
        "tokens read": f"{part.input_tokens:,}",
        "tokens written": f"{part.output_tokens:,}",
        "tokens written at most": f"{part.most_output_tokens:,}",
        **(money if priced else {}),
        "minutes": f"{part.seconds / 60:.1f}",
    }


def _notes(plan: "JudgePlan", asked: "OpenAIPlan", counting: str, reply_seconds: float) -> list[str]:
    """What the figures stand on; ``counting`` says how tokens were."""
    from urial.api.servers import public_address
    from urial.judge.files.estimate import TOKENS_A_SCORE, TOKENS_AN_ASPECT

    judge, limits = asked.judge, asked.judge.limits
    named = (
        f"judge {plan.name}: {judge.model}" if plan.name else f"judge: {judge.model} on {public_address(judge.server)}"
    )
    further = [
        f"{value:,} {name.replace('_', ' ')}"
        for name in ("requests_per_minute", "tokens_per_minute")
        if (value := getattr(limits, name))
    ]
    notes = [
        f"{named}{', batch API' if judge.batch else ''}",
        f"tokens read are {counting}; written are taken as {TOKENS_AN_ASPECT} for an aspect with its rationale and "
        f"{TOKENS_A_SCORE} for a score alone",
        f"at most: every reply as long as max_tokens allows, {judge.max_tokens:,} tokens; questions that are put again, since their "
        "reply is no verdict, are in neither",
        f"minutes are at the set limits: {counted(limits.concurrency, 'request')} at a time of {reply_seconds:g} s each"
        + "".join(f", {text}" for text in further)
        + ("; a batch can take a day" if judge.batch else ""),
    ]
    if asked.price is None:
        notes.append(f"no price known: add {judge.model!r} to prices in params.yaml")
    else:
        notes.append("cost is in the currency of prices in params.yaml")
    if judge.budget is not None:
        notes.append(f"the budget stops the judging of a system before it costs more than {judge.budget:g}")
    return notes
