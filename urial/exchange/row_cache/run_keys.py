"""Which rows of the cache a run refers to: found from its files, and from what the cache knows of its servers.

No server is asked. Completions name their rows. A judgment's replies, and the scores behind a served token shift, are kept
under what was asked, which is put together again here as the stages do it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from urial.api.servers import public_address
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import read_json, read_jsonl
from urial.judge.model.model_judge import ModelJudge, reply_key
from urial.judge.scores.run import cases_of, make_judge, max_characters
from urial.judge.server.batch import BatchBackend, request_name
from urial.judge.server.batch_api import ticket_key
from urial.judge.server.capabilities import facts_key, recorded_facts
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Hash
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.plans import JudgePlan, OpenAIPlan, ReportPlan, TokenShiftPlan

if TYPE_CHECKING:
    from urial.token_shift.measure.answers import ShiftInputs


@dataclass(frozen=True)
class RunKeys:
    """The keys of a run's rows; not every one need be in the cache."""

    # Of answers, in the order of the files; an imported answer has no row.
    answers: tuple[Hash, ...]
    # Of all other rows that the run can have.
    others: frozenset[Hash]
    # What could not be told, and why.
    notes: tuple[str, ...]

    @property
    def all(self) -> frozenset[Hash]:
        """Every key."""
        return self.others | frozenset(self.answers)

    def missing_answers(self, cache: RowCache) -> int:
        """How many of the run's answers have no row in the cache."""
        wanted = set(self.answers)
        return len(wanted - cache.get(wanted, Answer).keys())


@dataclass(frozen=True)
class _Run:
    data: Path
    systems: Sequence[str]
    instructions: list[Instruction]
    completions: dict[str, list[Completion]]


def run_keys(data: Path, cache: RowCache) -> RunKeys:
    """The keys of a finished run's rows. Raises UrialError where a system has no answers yet."""
    run = _read_run(data)
    judge, judge_notes = _judge_keys(run, cache)
    scores, shift_notes = _score_keys(run, cache)
    return RunKeys(tuple(_answer_keys(run)), frozenset(judge) | frozenset(scores), tuple(judge_notes + shift_notes))


def _read_run(data: Path) -> _Run:
    if not (data / "plan/report.json").is_file():
        raise UrialError(f"{data}: no run here", fix="run in a folder that has one, or name its data with --data")
    plan = read_json(data / "plan/report.json", ReportPlan)
    files = {system: data / f"generations/{system}.jsonl" for system in plan.systems}
    if unfinished := [str(path) for path in files.values() if not path.is_file()]:
        raise UrialError(
            f"{unfinished[0]}: is not there; which rows an unfinished run will refer to cannot be told",
            fix="run `dvc repro`, or `dvc pull` where a remote has it",
        )
    completions = {system: read_jsonl(path, Completion) for system, path in files.items()}
    return _Run(data, plan.systems, read_jsonl(data / "instructions.jsonl", Instruction), completions)


def _answer_keys(run: _Run) -> Iterator[Hash]:
    for rows in run.completions.values():
        for row in rows:
            yield from (turn.key for turn in (row, *row.later_turns) if turn.key is not None)


def _judge_keys(run: _Run, cache: RowCache) -> tuple[set[Hash], list[str]]:
    plan = read_json(run.data / "plan/judge.json", JudgePlan)
    found: set[Hash] = set()
    if isinstance(plan.judge, OpenAIPlan):
        settings = plan.judge.judge
        address = public_address(settings.server)
        if recorded_facts(settings, address, cache) is None:
            return found, [f"the cache knows nothing of the judge at {address}, and so none of its replies"]
        found.add(facts_key(settings, address))
    judge = make_judge(plan, cache)
    if isinstance(judge, ModelJudge):
        for system in run.systems:
            cases = cases_of(run.instructions, run.completions[system], max_characters(plan))
            for asked in judge.questions(cases):
                for attempt in range(judge.asking.re_asks + 1):
                    question = replace(asked.question, attempt=attempt)
                    found.add(reply_key(judge.backend.identity, asked.rubric, question))
                    if isinstance(judge.backend, BatchBackend):
                        name = request_name(judge.backend.direct.body(question), question)
                        found.add(ticket_key(judge.backend.direct.client.address, name))
    return found, []


def _score_keys(run: _Run, cache: RowCache) -> tuple[set[Hash], list[str]]:
    plan = read_json(run.data / "plan/token_shift.json", TokenShiftPlan)
    if plan.server is None:
        return set(), []
    from urial.token_shift.served.logprob_cache import ScoreCache
    from urial.token_shift.served.prompt_logprobs import FEWEST
    from urial.token_shift.served.route import score_requests

    address = public_address(plan.server.server)
    scores = ScoreCache(cache, address, plan.server.model, max(FEWEST, plan.token_shift.top_k))
    found: set[Hash] = set()
    folders = {"base": run.data / "models/base", "aligned": run.data / "models/aligned"}
    for context in plan.token_shift.contexts:
        requests = score_requests(plan, _shift_inputs(run, plan.token_shift.answers, context), folders)
        for request in requests.values():
            way = scores.way(request.form)
            if way is None:
                return found, [f"the cache knows nothing of the base model at {address}, and so none of its scores"]
            found |= {scores.way_key(request.form), scores.key(way, request)}
    return found, []


def _shift_inputs(run: _Run, answers: str, context: str) -> "ShiftInputs":
    from urial.token_shift.measure.answers import ShiftInputs

    return ShiftInputs(
        instructions=run.instructions,
        completions=run.completions[answers],
        aligned_prompts=read_jsonl(run.data / f"prompts/{answers}.jsonl", AssembledPrompt),
        base_prompts=read_jsonl(run.data / f"prompts/{context}.jsonl", AssembledPrompt),
    )
