"""A run as an entry of a leaderboard: its report, and of its judgments the scores alone.

Whatever a run has besides, such as its answers and what was measured at their tokens, is not read, so that many runs take seconds.
"""

import math
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from urial.core.errors import UrialError
from urial.core.store import parse_record, require_same_ids
from urial.experiments.leaderboard.sizes import WEIGHTS, parameters_of
from urial.records.base import Role
from urial.records.checkpoint import checkpoint_of
from urial.records.judgment import Aspect
from urial.records.leaderboard_entry import (
    EntryInstructions,
    EntryModel,
    EntryShift,
    EntrySystem,
    LeaderboardEntry,
    entry_of,
    scores_in,
    scores_text,
)
from urial.records.model import EmbeddedWeights, ModelManifest
from urial.records.report import Report
from urial.records.shift_figures import ShiftFigures
from urial.report.build import model_hash
from urial.run import paths

# The bytes of a file of the run, by its path. Raises UrialError.
ReadBytes = Callable[[str], bytes]
Model = TypeVar("Model", bound=BaseModel)
NEEDS = (
    paths.REPORT.path(),
    paths.JUDGMENTS.folder,
    paths.MANIFEST.path("base"),
    paths.MANIFEST.path("aligned"),
)
_OTHER_VERSION = "another version of urial computed it: compute the run with this one, or save its entry with that one"
# Scores are rounded to a hundredth.
_ROUNDED = 0.0051


class _Scored(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")
    aspect: Aspect
    score: float | None


class _Turn(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")
    scores: tuple[_Scored, ...]


class _Row(_Turn):
    """What a leaderboard needs of a judgment: rationales and replies can be a hundred times as long."""

    instruction_id: str
    later_turns: tuple[_Turn, ...] = ()


def read_entry(read: ReadBytes, name: str, commit: str | None, experiment: str | None) -> LeaderboardEntry:
    """The entry of a run whose files ``read`` gives. Raises UrialError naming the run ``name``, file, line and field."""
    report = _record(read, name, paths.REPORT.path(), Report)
    ids: list[str] = []
    systems = {}
    for system in report.systems:
        found, scores = _scores(read, name, report, system)
        ids = ids or found
        require_same_ids(_place(name, paths.JUDGMENTS.path(system)), found, ids)
        systems[system] = _system(report, system, scores)
    entry = entry_of(
        commit=commit,
        experiment=experiment,
        study=report.study,
        models={role: _model(read, name, role, digest) for role, digest in report.models.items()},
        loading=report.loading,
        instructions=EntryInstructions(name=report.instructions, hash=report.instructions_hash, ids=tuple(ids)),
        judge=report.judge,
        preference_judge=report.preference_judge,
        confidence=report.confidence,
        resamples=report.resamples,
        seed=report.seed,
        systems=systems,
    )
    require_consistent(
        entry, name, "the report is of other judgments: run `dvc repro`, or `dvc checkout` what it was made of"
    )
    return entry


def require_consistent(entry: LeaderboardEntry, name: str, fix: str) -> None:
    """Raises UrialError where a mean is not that of the scores beside it."""
    for system, of in entry.systems.items():
        for aspect, figures in of.figures.aspects.items():
            scores = [score for score in scores_in(of.scores[0][aspect]) if score is not None] if of.scores else []
            mean = sum(scores) / len(scores) if scores else None
            agree = mean == figures.mean or (
                mean is not None and figures.mean is not None and math.isclose(mean, figures.mean, abs_tol=_ROUNDED)
            )
            if len(scores) != figures.scored or not agree:
                raise UrialError(
                    f"systems.{system}: {len(scores):,} scores for {aspect} with the mean {mean}, and in its figures "
                    f"{figures.scored:,} with the mean {figures.mean}",
                    path=name,
                    expected="figures of these scores",
                    fix=fix,
                )


def _record(read: ReadBytes, name: str, path: str, model: type[Model]) -> Model:
    try:
        return parse_record(read(path), model, _place(name, path))
    except UrialError as error:
        raise error.but(fix=error.fix or _OTHER_VERSION) from error


def _place(name: str, path: str) -> str:
    """As git names the file of a revision."""
    return f"{name}:{path}"


def _model(read: ReadBytes, name: str, role: Role, digest: str) -> EntryModel:
    path = paths.MANIFEST.path(role)
    manifest = _record(read, name, path, ModelManifest)
    if manifest.source is None or model_hash(manifest) != digest:
        raise UrialError(
            f"not the {role} model that {paths.REPORT.path()} is of: the run did not end",
            path=_place(name, path),
            expected=f"the model {digest}",
            fix="run it again: `dvc repro`, or the experiment's `dvc exp run`",
        )
    source = manifest.source
    checkpoint = checkpoint_of(source)
    return EntryModel(
        label=f"{source.embedded} {role}" if isinstance(source, EmbeddedWeights) else source.label,
        hash=digest,
        checkpoint=checkpoint.name if checkpoint else None,
        step=checkpoint.step if checkpoint else None,
        tokens=checkpoint.tokens if checkpoint else None,
        parameters=parameters_of(source, lambda: read(f"{paths.MODELS_FOLDER}/{role}/{WEIGHTS}")),
    )


def _system(report: Report, system: str, scores: tuple[dict[Aspect, str], ...]) -> EntrySystem:
    shift = report.token_shift.get(system)
    return EntrySystem(
        figures=report.systems[system],
        preferences=report.preferences.get(system),
        token_shift=_shift(shift) if shift else None,
        scores=scores,
    )


def _shift(shift: ShiftFigures) -> EntryShift:
    return EntryShift(**{name: getattr(shift, name) for name in EntryShift.model_fields})


def _scores(read: ReadBytes, name: str, report: Report, system: str) -> tuple[list[str], tuple[dict[Aspect, str], ...]]:
    """Ids of the instructions, and the scores by turn and aspect; of later turns, of the instructions that have them.

    No row outlives the next one: to look through all objects again and again is most of what many of them cost.
    """
    path, figures = paths.JUDGMENTS.path(system), report.systems[system]
    later = figures.turns.by_turn if figures.turns else {}
    asked = [figures.aspects, *(later[str(turn)] for turn in range(2, len(later) + 1))] if figures.aspects else []
    columns: list[dict[Aspect, list[float | None]]] = [{aspect: [] for aspect in aspects} for aspects in asked]
    ids = []
    for number, line in enumerate(read(path).splitlines(), start=1):
        row = parse_record(line, _Row, _place(name, path), number)
        ids.append(row.instruction_id)
        for turn, of_turn in enumerate(columns):
            given = {score.aspect: score.score for score in _turn(row, turn)}
            for aspect, scores in of_turn.items():
                scores.append(given.get(aspect))
    return ids, tuple({aspect: scores_text(scores) for aspect, scores in of_turn.items()} for of_turn in columns)


def _turn(row: _Row, turn: int) -> tuple[_Scored, ...]:
    if turn == 0:
        return row.scores
    return row.later_turns[turn - 1].scores if turn <= len(row.later_turns) else ()
