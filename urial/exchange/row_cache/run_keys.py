"""Which rows of the cache a run refers to: found from its files, and from what the cache knows of its servers.

No server is asked and no model is loaded. Completions name their rows. A judgment's replies, and what the token shift is made
from, are kept under what was asked or measured, which is put together again here as the stages do it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from urial.api.servers import public_address
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.exchange.row_cache.prefilled_rows import prefilled_systems
from urial.judge.model.asking import Asker, Question
from urial.judge.model.model_judge import ModelJudge
from urial.judge.preferences.model_judge import PreferenceModelJudge
from urial.judge.preferences.run import make_preference_judge, pairs_between
from urial.judge.scores.run import cases_of, make_judge, max_characters
from urial.judge.server.batch import BatchBackend, request_name
from urial.judge.server.batch_api import membership_key
from urial.judge.server.capabilities import capabilities_key, recorded_capabilities
from urial.records.base import Hash
from urial.records.completion import Answer
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import OpenAIPlan, RulesPlan, TokenShiftPlan, TransformersPlan
from urial.run.paths import COMPLETIONS, JUDGE_PLAN, PREFERENCES_PLAN, PREFILLED, REPORT_PLAN, TOKEN_SHIFT_PLAN
from urial.run.reader import RunReader, pull
from urial.safety_depth.verdicts.run import whole_answers
from urial.token_shift.served.answer_logprobs import NoScore, Scores

if TYPE_CHECKING:
    from urial.token_shift.measure.inputs import ShiftInputs


PlannedJudge = RulesPlan | OpenAIPlan | TransformersPlan | None


class RunKeys(NamedTuple):
    """The keys of a run's rows; not every one need be in the cache."""

    all: frozenset[Hash]
    # Answers of the run that have no row in the cache; an imported answer has no key.
    missing_answers: int
    # What could not be told, and why.
    notes: tuple[str, ...]


def run_keys(data: Path, cache: RowCache) -> RunKeys:
    """The keys of a finished run's rows. Raises UrialError where a system has no answers yet."""
    run = RunReader(data)
    if not run.file(REPORT_PLAN).is_file():
        raise UrialError("no run here", path=data, fix="run in a folder that has one, or name its data with --data")
    files = [run.file(COMPLETIONS, system) for system in run.plan.systems]
    if unfinished := [str(path) for path in files if not path.is_file()]:
        raise UrialError(
            f"{unfinished[0]}: is not there; which rows an unfinished run will refer to cannot be told",
            fix=pull(unfinished),
        )
    rows = [row for system in run.plan.systems for row in run.rows(COMPLETIONS, system)]
    prefilled = [row for system in prefilled_systems(run) for row in run.rows(PREFILLED, system)]
    answers = {turn.key for row in rows for turn in (row, *row.later_turns) if turn.key is not None}
    answers |= {row.key for row in prefilled if row.key is not None}
    missing = len(answers - cache.get(answers, Answer).keys())
    notes: list[str] = []
    keys = answers.union(
        _judge_keys(run, cache, notes), _preference_keys(run, cache, notes), _token_shift_keys(run, cache, notes)
    )
    return RunKeys(frozenset(keys), missing, tuple(notes))


def _judge_keys(run: RunReader, cache: RowCache, notes: list[str]) -> Iterator[Hash]:
    """Of the judge's replies, and of what its server can do; ``notes`` gets what could not be told."""
    plan = run.record(JUDGE_PLAN)
    if not _server_is_known(plan.judge, cache, notes):
        return
    judge = make_judge(plan, cache)
    if isinstance(judge, ModelJudge):
        for system in run.plan.systems:
            cases = cases_of(run.instructions, run.rows(COMPLETIONS, system), max_characters(plan))
            yield from _reply_keys(judge, judge.questions(cases))
        for system in prefilled_systems(run):
            cases = cases_of(*whole_answers(run.instructions, run.rows(PREFILLED, system)), max_characters(plan))
            yield from _reply_keys(judge, judge.questions(cases))


def _preference_keys(run: RunReader, cache: RowCache, notes: list[str]) -> Iterator[Hash]:
    """The same of the judge who compares answers."""
    if not run.plan.compared:
        return
    plan = run.record(PREFERENCES_PLAN)
    if not _server_is_known(plan.judge, cache, notes):
        return
    judge = make_preference_judge(plan, cache)
    if isinstance(judge, PreferenceModelJudge):
        baseline = run.rows(COMPLETIONS, str(plan.baseline))
        for system in run.plan.compared:
            pairs = pairs_between(plan, run.instructions, run.rows(COMPLETIONS, system), baseline)
            yield from _reply_keys(judge, judge.questions(pairs))


def _server_is_known(judge: PlannedJudge, cache: RowCache, notes: list[str]) -> bool:
    """Whether the cache knows what a judge's server can do, which replies are kept under; else ``notes`` says that it does not."""
    if not isinstance(judge, OpenAIPlan):
        return True
    address = public_address(judge.judge.server)
    known = recorded_capabilities(judge.judge, address, cache) is not None
    note = f"the cache knows nothing of the judge at {address}, and so none of its replies"
    if not known and note not in notes:
        notes.append(note)
    return known


def _reply_keys(judge: Asker, questions: Iterable[Question]) -> Iterator[Hash]:
    """Of every reply to these questions, of the batches that they were in, and of what the server can do."""
    if isinstance(judge.planned, OpenAIPlan):
        settings = judge.planned.judge
        yield capabilities_key(settings, public_address(settings.server))
    for asked in questions:
        for attempt in range(judge.max_reasks + 1):
            again = replace(asked, attempt=attempt)
            yield judge.reply_key(again)
            if isinstance(judge.backend, BatchBackend):
                name = request_name(judge.backend.body(again), again)
                yield membership_key(judge.backend.client.address, name)


def _token_shift_keys(run: RunReader, cache: RowCache, notes: list[str]) -> Iterator[Hash]:
    """Of measured batches, and of a server's log-probabilities; the tokenizers of the pair tell which they are."""
    from urial.token_shift.measure.inputs import ShiftInputs

    plan = run.record(TOKEN_SHIFT_PLAN)
    folders = {"base": run.model_folder("base"), "aligned": run.model_folder("aligned")}
    for measurement in run.plan.measurements:
        inputs = ShiftInputs.read(run, measurement)
        try:
            yield from _shift_keys(plan, inputs, folders, cache)
        except UrialError as error:
            notes.append(f"rows of the token shift cannot be told: {error.what}")
            return


def _shift_keys(plan: TokenShiftPlan, inputs: "ShiftInputs", folders: Mapping[str, Path], cache: RowCache) -> set[Hash]:
    """Of one measurement. Raises UrialError where the pair's files or the server's protocol are not known here."""
    from urial.token_shift.measure.context import LocalRoute
    from urial.token_shift.served.logprob_server import ScoreCache
    from urial.token_shift.served.prompt_logprobs import FEWEST
    from urial.token_shift.served.route import ServedRoute

    if plan.server is None:
        aligned_is_served = isinstance(read_manifest(folders["aligned"]).source, ServerModel)
        return set() if aligned_is_served else LocalRoute(plan, inputs, folders, None).keys()
    address = public_address(plan.server.server)
    scores = ScoreCache(cache, address, plan.server.model, max(FEWEST, plan.token_shift.top_k))
    route, keys, replies = ServedRoute(plan, inputs, folders, None), set[Hash](), dict[int, Scores | NoScore]()
    for form in {request.form for request in route.requests.values()}:
        requests = {index: request for index, request in route.requests.items() if request.form == form}
        protocol = scores.protocol(form)
        if protocol is None:
            raise UrialError(f"the cache knows nothing of the base model at {address}, and so none of its scores")
        keys |= {scores.protocol_key(form), *(scores.key(protocol, request) for request in requests.values())}
        replies |= dict(scores.rows(protocol, requests))
    route.take(replies)
    return keys | route.keys()
