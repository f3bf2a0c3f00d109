"""Samples of a harness as rows of this project: completions, and judgments of those scores that are of an aspect."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.text import and_more
from urial.exchange.importers.completions import imported_completion
from urial.exchange.importers.instructions import require_name
from urial.exchange.importers.judgments import Imported
from urial.exchange.importers.logs.helm_samples import read_helm
from urial.exchange.importers.logs.inspect_samples import read_inspect
from urial.exchange.importers.logs.lm_eval_samples import read_lm_eval
from urial.exchange.importers.logs.samples import LoggedSample, LoggedScore
from urial.exchange.importers.scored_turns import UNNAMED_JUDGE
from urial.instructions.formats import Category
from urial.instructions.identity import text_id, told_apart
from urial.records.completion import Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judge import ImportedIdentity
from urial.records.judgment import EVERY_ASPECT, SCALE, Aspect, AspectScore, Judgment, LaterJudgment, ScoreStatus

LogKind = Literal["inspect", "lm-eval", "helm"]
LOG_KINDS: tuple[LogKind, ...] = get_args(LogKind)
_LATER = re.compile(r"(?P<name>.*)/turn-(?P<turn>[2-9]|[1-9][0-9])", re.DOTALL)
_UNSCORED = set(get_args(ScoreStatus)) - {"scored"}
MOST_NAMED = 12


class LoggedAnswers(NamedTuple):
    """Completions, the instructions that they answer, and how many samples have no answer."""

    completions: list[Completion]
    instructions: list[Instruction]
    unanswered: int


@dataclass(frozen=True)
class LogOptions:
    """What a log leaves open about its scores."""

    # Who judged.
    judge: str | None = None
    # The aspect of each score that counts; empty: those that have the name of an aspect.
    aspects: Mapping[str, str] = field(default_factory=dict)
    # The highest score.
    scale: int = SCALE


def read_samples(path: Path, kind: LogKind, query: str | None = None) -> list[LoggedSample]:
    """The samples in a file of a kind; ``query``: see read_lm_eval."""
    if query is not None and kind != "lm-eval":
        raise UrialError(f"--column is for tables and --kind lm-eval, not for {kind}")
    if kind == "lm-eval":
        return read_lm_eval(path, query)
    return read_inspect(path) if kind == "inspect" else read_helm(path)


def logged_answers(
    path: Path, kind: LogKind, system: str, category: Category = "regular", query: str | None = None
) -> LoggedAnswers:
    """Each sample's answers, or why there is none. Raises UrialError naming file, sample and field."""
    require_name(system)
    samples = read_samples(path, kind, query)
    asked = _instructions(samples, kind, [category] * len(samples))
    rows = [_completion(row, sample, system) for row, sample in zip(asked, samples, strict=True)]
    return LoggedAnswers(rows, asked, sum(sample.answers is None for sample in samples))


def _instructions(samples: Sequence[LoggedSample], kind: LogKind, categories: Sequence[Category]) -> list[Instruction]:
    rows = [
        Instruction(id=text_id(kind, sample.turns), turns=sample.turns, category=category, source=kind)
        for sample, category in zip(samples, categories, strict=True)
    ]
    return told_apart(rows, list(range(len(rows))))


def _completion(asked: Instruction, sample: LoggedSample, system: str) -> Completion:
    if not sample.answers:
        return Completion(
            instruction_id=asked.id, system=system, status="too_long", reason=sample.reason or "no answer was given",
            answer=None, key=None, query=asked.turns[0],
        )  # fmt: skip
    row = imported_completion(asked.id, system, asked.turns[0], sample.answers)
    if len(sample.answers) == len(asked.turns):
        return row
    lost = LaterTurn(status="too_long", reason="no answer was given", answer=None, key=None, prompt=None)
    return row.model_copy(update={"later_turns": (*row.later_turns, lost)})


def import_log_judgments(paths: Sequence[Path], kind: LogKind, system: str, options: LogOptions) -> Imported:
    """The scores of aspects in logs of one system, unscored ones with their reasons. Raises UrialError naming file and sample."""
    require_name(system)
    samples = [sample for path in paths for sample in read_samples(path, kind)]
    chosen = _chosen(samples, options)
    by_turn = [_by_turn(sample, chosen, options.scale) for sample in samples]
    categories: list[Category] = [
        "safety" if {score.aspect for score in turns.get(1, ())} == {"safety"} else "regular" for turns in by_turn
    ]
    asked = _instructions(samples, kind, categories)
    judge = ImportedIdentity(
        kind="imported", tool=kind, model=options.judge or UNNAMED_JUDGE, mode="scores", template=None
    )
    rows = [
        _judgment(row.id, _Judged(sample, turns, tuple(chosen.values())), judge, system)
        for row, sample, turns in zip(asked, samples, by_turn, strict=True)
    ]
    return Imported(rows, asked)


def _chosen(samples: Sequence[LoggedSample], options: LogOptions) -> dict[str, Aspect]:
    """The aspect of each score that counts. Raises UrialError where none does, or one is of no sample."""
    names = list(dict.fromkeys(_name_and_turn(name)[0] for sample in samples for name in sample.scores))
    named = dict(options.aspects) or {name: name for name in EVERY_ASPECT if name in names}
    there = f"the scores here are {and_more(map(shorten, names), MOST_NAMED)}" if names else "there are no scores here"
    if not named:
        raise UrialError(
            f"no score has the name of an aspect: {there}",
            expected=f"one of {', '.join(EVERY_ASPECT)}",
            fix="say of which aspect a score is, as in --score NAME=overall",
        )
    for name, aspect in named.items():
        if name not in names:
            raise UrialError(f"no score {shorten(name)}", expected=there, fix=did_you_mean(name, names))
        if aspect not in EVERY_ASPECT:
            raise UrialError(f"no aspect {shorten(aspect)}", expected=f"one of {', '.join(EVERY_ASPECT)}")
    if len(set(named.values())) < len(named):
        raise UrialError("an aspect has two scores", expected="one score an aspect", fix="choose one with --score")
    return cast("dict[str, Aspect]", named)


def _name_and_turn(name: str) -> tuple[str, int]:
    """A score is of the first answer, unless its name ends with the number of a turn, as urial itself exports them."""
    later = _LATER.fullmatch(name)
    return (later["name"], int(later["turn"])) if later else (name, 1)


def _by_turn(sample: LoggedSample, chosen: Mapping[str, Aspect], scale: int) -> dict[int, tuple[AspectScore, ...]]:
    found: dict[int, dict[Aspect, AspectScore]] = {}
    for full, logged in sample.scores.items():
        name, turn = _name_and_turn(full)
        if name in chosen:
            found.setdefault(turn, {})[chosen[name]] = _score(chosen[name], logged, scale)
    order = list(chosen.values())
    return {turn: tuple(scores[name] for name in order if name in scores) for turn, scores in sorted(found.items())}


def _score(aspect: Aspect, logged: LoggedScore, scale: int) -> AspectScore:
    value = logged.value
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= scale:
        rationale = logged.explanation if (logged.explanation or "").strip() else None
        return AspectScore(aspect=aspect, score=float(value), scale=scale, rationale=rationale)
    if value is None:
        status = cast("ScoreStatus", logged.reason if logged.reason in _UNSCORED else "invalid")
        why = logged.explanation or (None if status == "not_applicable" else logged.reason or "unscored")
    else:
        status, why = "invalid", f"the score is {shorten(value)}, no number from 1 to {scale}"
    return AspectScore(aspect=aspect, status=status, score=None, scale=scale, rationale=why)


class _Judged(NamedTuple):
    """A sample with its scores by turn, and of which aspects there were to be some."""

    sample: LoggedSample
    turns: Mapping[int, tuple[AspectScore, ...]]
    aspects: tuple[Aspect, ...]

    def of_turn(self, turn: int) -> dict[str, Any]:
        """The fields of a judgment of one answer; without an answer nothing is judged, whatever the log has."""
        answers, scores = self.sample.answers or (), self.turns.get(turn, ())
        if turn > len(answers):
            reason = self.sample.reason or "no answer was given"
            return {"status": "no_completion", "reason": reason, "scores": (), "key": None}
        if not scores:
            why = "the log has no score of it"
            scores = tuple(
                AspectScore(aspect=aspect, status="failed", score=None, rationale=why) for aspect in self.aspects
            )
        scored = any(score.score is not None for score in scores)
        return {
            "status": "scored" if scored else scores[0].status,
            "reason": None if scored else scores[0].rationale or "the judge gives no reason",
            "scores": scores,
            "key": None,
            "words": len(answers[turn - 1].split()),
        }


def _judgment(name: str, judged: _Judged, judge: ImportedIdentity, system: str) -> Judgment:
    later = range(2, max(judged.turns, default=1) + 1)
    return Judgment(
        instruction_id=name,
        system=system,
        judge=judge,
        query=judged.sample.turns[0],
        later_turns=tuple(LaterJudgment(**judged.of_turn(turn)) for turn in later),
        **judged.of_turn(1),
    )
