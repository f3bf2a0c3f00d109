"""The rows that a finished run's files still hold, under the keys that its stages keep them by.

So a run that was pulled fills the row cache of a machine that never computed it. No key is read out of a file: each is derived
from the model, prompt and decoding, from what a judge was asked, or from the tokens that were measured. What lies under another
key, since another version of urial made it or somebody edited it, is counted and left out. Whether an answer is what its model
says, nobody can tell without asking it again: see `urial verify`.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from urial.blending.control import rule_of
from urial.blending.run import blend_folders, turn_keys
from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.row_cache import RowCache
from urial.exchange.row_cache.measured_rows import measured_rows
from urial.exchange.row_cache.prefilled_rows import begun_answers, prefilled_systems
from urial.generate.keys import completion_key
from urial.judge.model.asking import Asker, Question
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import ModelJudge
from urial.judge.preferences.model_judge import PreferenceModelJudge
from urial.judge.preferences.pairs import comparison_key, pairs_of
from urial.judge.preferences.run import max_characters as shown_to_comparing_judge
from urial.judge.scores.case import turn_cases
from urial.judge.scores.run import max_characters as shown_to_judge
from urial.judge.scores.run import verdict_key
from urial.records.base import ROLES, Hash
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judge import JudgeModel, ModelIdentity
from urial.records.judgment import Judgment, Reply
from urial.records.model import ServerModel
from urial.records.plans import JudgePlan, OpenAIPlan, TransformersPlan
from urial.records.preference import PreferenceModelIdentity
from urial.run import paths
from urial.run.files import Digests
from urial.run.lockfile import LOCK, Lock
from urial.run.reader import CHECKOUT, RunReader
from urial.run.running import require_nothing_running
from urial.safety_depth.verdicts.run import whole_answers

OF_ROWS = (
    paths.COMPLETIONS, paths.JUDGMENTS, paths.PREFERENCES, paths.TOKEN_SHIFT, paths.PREFILLED, paths.PREFILLED_VERDICTS,
)  # fmt: skip
ASKED_ONCE = "what the judge's server can do is in no file of a run: it is asked that once"


class RunRow(NamedTuple):
    """A row of the cache, and the file that it comes from."""

    key: Hash
    row: BaseModel
    file: str


class RunRows:
    """What a run's files give the cache; ``notes`` says what they cannot give, once all rows are read."""

    def __init__(self, data: Path, cache: RowCache) -> None:
        """``data`` is the run's folder of outputs. Raises UrialError where there is no run, or one that is not whole or was edited."""
        self.run, self._cache = RunReader(data), cache
        if not self.run.file(paths.REPORT_PLAN).is_file():
            raise UrialError("no run here", path=data, fix="run `dvc pull`, or `dvc repro`")
        root = data.absolute().parent
        require_nothing_running(root)
        _require_recorded(root)
        self.notes: list[str] = []
        self._other: Counter[str] = Counter()
        self._lacking = 0

    def __iter__(self) -> Iterator[tuple[str, bytes, str]]:
        """Key, canonical JSON and file of every row."""
        for part in (self._answers, self._blended, self._prefilled, self._judged, self._compared, self._measured):
            for key, row, file in part():
                yield key, canonical_json(row.model_dump(mode="json")), file
        self.notes += [
            f"{count:,} {what} are under another key than their inputs give, since another version of urial made them or they were "
            "edited: not taken"
            for what, count in self._other.items()
        ]
        if self._lacking:
            self.notes.append(
                f"{self._lacking:,} batches of answers are not whole in the table of the token shift, which leaves positions out: "
                "measured again"
            )

    def _answers(self) -> Iterator[RunRow]:
        run = self.run
        for system in run.plan.own_systems:
            plan, file = run.record(paths.SYSTEM_PLAN, system), paths.COMPLETIONS.path(system)
            manifest = run.record(paths.MANIFEST, plan.model)
            prompts, answered = run.ordered_rows(paths.PROMPTS, system), run.ordered_rows(paths.COMPLETIONS, system)
            for instruction, prompt, completion in zip(run.instructions, prompts, answered, strict=True):
                decoding = plan.decoding.of_tasks(instruction.task)
                for asked, row in ((prompt, completion), *((turn.prompt, turn) for turn in completion.later_turns)):
                    if asked is None or row.written is None:
                        continue
                    key = completion_key(manifest, asked, plan, decoding)
                    if key == row.key:
                        yield RunRow(key, row.written, file)
                    else:
                        self._other["answers"] += 1

    def _prefilled(self) -> Iterator[RunRow]:
        """The answers that were begun."""
        for key, row, file in begun_answers(self.run):
            if row.written is not None and key == row.key:
                yield RunRow(key, row.written, file)
            else:
                self._other["answers"] += 1

    def _blended(self) -> Iterator[RunRow]:
        """The answers of blends and controls, under the keys that both models, prompts and the rule give."""
        run = self.run
        for system in run.plan.blended:
            plan = run.record(paths.SYSTEM_PLAN, system)
            if plan.blend is None:
                continue
            blended = run.rows(paths.BLENDED, plan.blend.control_of) if plan.blend.control_of else ()
            rows = run.ordered_rows(paths.BLENDED, system)
            models = {role: run.model_folder(role) for role in ROLES}
            try:
                with blend_folders(plan.blend, models) as folders:
                    keys = turn_keys(plan, rule_of(plan, blended), run.instructions, rows, folders)
            except UrialError as error:
                self.notes.append(f"answers of {system} cannot be told: {error.what}")
                continue
            for row, own in zip(rows, keys, strict=True):
                for turn, key in zip((row, *row.later_turns), own, strict=True):
                    if turn.written is None:
                        continue
                    if key is not None and key == turn.key:
                        yield RunRow(key, turn.written, paths.BLENDED.path(system))
                    else:
                        self._other["answers"] += 1

    def _judged(self) -> Iterator[RunRow]:
        """The replies to a judge model; rules are asked again in no time."""
        run, plan = self.run, self.run.record(paths.JUDGE_PLAN)
        if not isinstance(planned := plan.judge, OpenAIPlan | TransformersPlan):
            return
        self._note_server(planned)
        for system in run.plan.systems:
            completions = run.ordered_rows(paths.COMPLETIONS, system)
            judgments = run.ordered_rows(paths.JUDGMENTS, system)
            rows = zip(run.instructions, completions, judgments, strict=True)
            yield from self._replies(plan, planned, rows, paths.JUDGMENTS.path(system))
        for system in prefilled_systems(run):
            verdicts = run.rows(paths.PREFILLED_VERDICTS, system)
            asked, answers = whole_answers(run.instructions, run.rows(paths.PREFILLED, system))
            rows = zip(asked, answers, (row.judgment for row in verdicts), strict=True)
            yield from self._replies(plan, planned, rows, paths.PREFILLED_VERDICTS.path(system))

    def _replies(
        self,
        plan: JudgePlan,
        planned: OpenAIPlan | TransformersPlan,
        rows: Iterable[tuple[Instruction, Completion, Judgment]],
        file: str,
    ) -> Iterator[RunRow]:
        """The replies in the judgments of a file."""
        for instruction, completion, judgment in rows:
            if not isinstance(judgment.judge, ModelIdentity):
                continue
            judge = ModelJudge(_Named(judgment.judge.model), planned, self._cache, Ledger())
            identity = judge.identity_for(instruction)
            cases = turn_cases(instruction, completion, shown_to_judge(plan))
            for case, turn in zip(cases, (judgment, *judgment.later_turns), strict=False):
                if case is None or turn.key is None:
                    continue
                if turn.key != verdict_key(identity, case):
                    self._other["judgments"] += 1
                    continue
                for question in judge.questions([case]):
                    replies = [reply for reply in turn.replies if reply.aspect == question.aspect]
                    yield from _replies(judge, question, replies, file)

    def _compared(self) -> Iterator[RunRow]:
        """The replies to a judge model that compares answers."""
        run = self.run
        if not run.plan.compared:
            return
        plan = run.record(paths.PREFERENCES_PLAN)
        if not isinstance(planned := plan.judge, OpenAIPlan | TransformersPlan) or plan.rubric is None:
            return
        self._note_server(planned)
        baseline = {row.instruction_id: row for row in run.rows(paths.COMPLETIONS, str(plan.baseline))}
        for system in run.plan.compared:
            completions = run.ordered_rows(paths.COMPLETIONS, system)
            preferences = run.ordered_rows(paths.PREFERENCES, system)
            for instruction, completion, preference in zip(run.instructions, completions, preferences, strict=True):
                other = baseline.get(instruction.id)
                if other is None or not isinstance(preference.judge, PreferenceModelIdentity):
                    continue
                judge = PreferenceModelJudge(
                    _Named(preference.judge.model), planned, plan.rubric, self._cache, Ledger()
                )
                pairs = pairs_of(instruction, completion, other, plan.orders, shown_to_comparing_judge(plan))
                for pair, turn in zip(pairs, (preference, *preference.later_turns), strict=False):
                    if pair is None or turn.key is None:
                        continue
                    if turn.key != comparison_key(judge.identity, pair):
                        self._other["preferences"] += 1
                        continue
                    replies = {comparison.order: comparison.replies for comparison in turn.comparisons}
                    for question in judge.questions([pair]):
                        yield from _replies(
                            judge, question, replies.get(question.order, ()), paths.PREFERENCES.path(system)
                        )

    def _note_server(self, planned: OpenAIPlan | TransformersPlan) -> None:
        if isinstance(planned, OpenAIPlan) and ASKED_ONCE not in self.notes:
            self.notes.append(ASKED_ONCE)

    def _measured(self) -> Iterator[RunRow]:
        """Measured batches of a pair that is here, of which the table has every position."""
        from urial.token_shift.measure.context import LocalRoute
        from urial.token_shift.measure.inputs import ShiftInputs

        run = self.run
        if not run.plan.measurements:
            return
        plan = run.record(paths.TOKEN_SHIFT_PLAN)
        folders = {role: run.model_folder(role) for role in ("base", "aligned")}
        if any(isinstance(run.record(paths.MANIFEST, role).source, ServerModel) for role in ("base", "aligned")):
            self.notes.append(
                "what a model on a server says of tokens is not whole in the files of a run: token shift is measured again"
            )
            return
        for measurement in run.plan.measurements:
            context, inputs = measurement.name, ShiftInputs.read(run, measurement)
            try:
                route = LocalRoute(plan, inputs, folders, None)
                rows = list(measured_rows(route, run.table(context))) if route.answers else []
            except UrialError as error:
                self.notes.append(f"rows of the token shift cannot be told: {error.what}")
                return
            for key, row in rows:
                if row is None:
                    self._lacking += 1
                else:
                    yield RunRow(key, row, paths.TOKEN_SHIFT.path(context))


def _require_recorded(root: Path) -> None:
    """Raises UrialError for a file of rows that is not what dvc.lock recorded: its rows would come back in every later run."""
    if not (root / LOCK).is_file():
        return
    tree = Digests(root)
    for entry in Lock.read(root).outs.values():
        of_rows = any(kind.fits(root / entry.path) for kind in OF_ROWS)
        if of_rows and (root / entry.path).exists() and tree.differing(entry):
            raise UrialError(
                f"is not what {LOCK} recorded", path=entry.path, expected="the rows that the run computed",
                fix=CHECKOUT.format(entry.path),
            )  # fmt: skip


class _Named:
    """A judge model as rows name it, which is asked nothing."""

    def __init__(self, model: JudgeModel) -> None:
        self.model = model

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        raise TypeError("nobody is asked for what a run has")


def _replies(judge: Asker, question: Question, replies: Sequence[Reply], file: str) -> Iterator[RunRow]:
    """The replies to a question, in the order asked, as they were kept; one that never came was not."""
    served = isinstance(judge.planned, OpenAIPlan)
    for attempt, reply in enumerate(replies):
        if reply.finish != "failed":
            # Which aspect was asked for is noted of a server's reply only after it was kept: see Asker.ask.
            kept = reply.model_copy(update={"aspect": None}) if served else reply
            yield RunRow(judge.reply_key(replace(question, attempt=attempt)), kept, file)
