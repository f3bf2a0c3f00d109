"""How far two judges, or a judge and people, agree on the same answers. People's scores are in a CSV file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.instructions.reading import read_rows, require_columns
from urial.judge.files.reading import SystemRows, read_system
from urial.judge.files.records import Agreement, AspectAgreement, Disagreement
from urial.records.judgment import ASPECTS, Aspect, JudgeIdentity, describe
from urial.run.joining import require_same_texts
from urial.statistics.bootstrap import Bootstrap, quadratic_kappa, spearman, whole
from urial.statistics.scores import category_of

COLUMNS = {
    "instruction_id": "the instruction's id, as in the judgments",
    "aspect": ", ".join(ASPECTS),
    "score": "a number from 1 to 5, or N/A",
}
RATIONALE = "rationale"
NOT_APPLICABLE = "N/A"
_SCORE = re.compile(r"[1-4](\.[0-9]+)?|5(\.0+)?")


@dataclass(frozen=True)
class Rating:
    """A score with what was said for it."""

    score: float
    rationale: str | None


# By instruction id and aspect.
Ratings = Mapping[tuple[str, Aspect], Rating]


def compare_judges(first: Path, second: Path, top: int, bootstrap: Bootstrap) -> Agreement:
    """Agreement of the judges of one system's answers, with the ``top`` largest disagreements.

    ``first`` has judgments; ``second`` has others of the same system, or is a .csv file of people's scores. Raises
    UrialError where the answers judged differ, as far as judgments tell: by status and number of words.
    """
    ours = read_system(first)
    if second.suffix.lower() == ".csv":
        theirs, judge = people_ratings(second, ours), None
    else:
        others = read_system(second)
        _require_same_answers(ours, others)
        theirs, judge = _ratings(others), _judges(others)
    mine = _ratings(ours)
    if mine.keys().isdisjoint(theirs):
        raise UrialError(
            f"{first} and {second}: no answer has a score of both", expected="judgments of the same answers"
        )
    return Agreement(
        system=ours.name,
        judge_a=_judges(ours),
        judge_b=judge,
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        aspects=_aspects(mine, theirs, bootstrap),
        largest=tuple(_disagreements(mine, theirs)[:top]),
    )


def _disagreements(mine: Ratings, theirs: Ratings) -> list[Disagreement]:
    """The largest first; equal ones are in the order of the instructions' ids."""
    disagreements = [
        Disagreement(
            instruction_id=name,
            aspect=aspect,
            score_a=rating.score,
            score_b=theirs[name, aspect].score,
            rationale_a=rating.rationale,
            rationale_b=theirs[name, aspect].rationale,
        )
        for (name, aspect), rating in mine.items()
        if (name, aspect) in theirs and theirs[name, aspect].score != rating.score
    ]
    return sorted(disagreements, key=lambda row: -abs(row.score_a - row.score_b))


def _judges(system: SystemRows) -> tuple[JudgeIdentity, ...]:
    """The judge, or the two of regular and safety instructions. Raises UrialError for several of one category."""
    judges: dict[str, JudgeIdentity] = {}
    judged = [(row.judge, row.scores) for row in system.rows if row.judge is not None]
    for judge, scores in judged:
        for category in {category_of(score.aspect) for score in scores}:
            if judges.setdefault(category, judge) != judge:
                raise UrialError(
                    f"several judges of {category} instructions",
                    path=system.path,
                    where=f"{shorten(describe(judges[category]), 1_000)}; {shorten(describe(judge), 1_000)}",
                    expected="one judge",
                )
    return tuple(dict.fromkeys(judges.values())) or tuple(dict.fromkeys(judge for judge, _ in judged))


def _ratings(system: SystemRows) -> Ratings:
    return {
        (row.instruction_id, score.aspect): Rating(score.score, score.rationale)
        for row in system.rows
        for score in row.scores
        if score.score is not None
    }


def _aspects(mine: Ratings, theirs: Ratings, bootstrap: Bootstrap) -> dict[Aspect, AspectAgreement]:
    """The agreement on each aspect that either scored."""
    aspects: dict[Aspect, AspectAgreement] = {}
    for aspect in ASPECTS:
        names, others = ([name for name, of in ratings if of == aspect] for ratings in (mine, theirs))
        if not names and not others:
            continue
        both = [name for name in names if (name, aspect) in theirs]
        first, second = ([ratings[name, aspect].score for name in both] for ratings in (mine, theirs))
        aspects[aspect] = AspectAgreement(
            n=len(both),
            only_a=len(names) - len(both),
            only_b=len(others) - len(both),
            spearman=spearman(first, second),
            kappa=quadratic_kappa(first, second),
            bias=bootstrap.mean([one - other for one, other in zip(first, second, strict=True)]),
            exact=float((whole(first) == whole(second)).mean()) if both else None,
        )
    return aspects


def _require_same_answers(ours: SystemRows, theirs: SystemRows) -> None:
    """Raises UrialError where two judgments are not of one answer, as far as they tell."""
    if ours.name != theirs.name:
        raise UrialError(
            f"{ours.path} and {theirs.path}: judgments of the systems {ours.name!r} and {theirs.name!r}",
            expected="two judges of one system's answers",
            fix="to compare two systems use `urial summarize`",
        )
    require_same_texts(ours.asked, theirs.asked, "name two files of judgments of the same answers")
    others = {row.instruction_id: row for row in theirs.rows}
    for row in ours.rows:
        other = others.get(row.instruction_id, row)
        answered = row.status != "no_completion", other.status != "no_completion"
        if answered[0] != answered[1]:
            problem = f"only the {'first' if answered[0] else 'second'} has one"
        elif row.words is not None and other.words is not None and row.words != other.words:
            problem = f"{row.words:,} words, and {other.words:,}"
        else:
            continue
        raise UrialError(
            f"{ours.path} and {theirs.path}: not the same answer to {shorten(row.instruction_id)}: {problem}",
            expected="two judges of the same answers",
        )


def people_ratings(path: Path, judged: SystemRows) -> Ratings:
    """The scores in a CSV file of the answers judged. Raises UrialError naming line and column."""
    rows, known = read_rows(path, None), [*COLUMNS, RATIONALE]
    require_columns(rows, COLUMNS)
    for column in rows.columns:
        if column not in known:
            raise UrialError(
                f"unknown column {shorten(column)}",
                path=path,
                expected=f"{', '.join(COLUMNS)} and, if there is one, {RATIONALE}",
                fix=did_you_mean(column[:80], known),
            )
    if not rows.rows:
        raise UrialError(
            "no rows", path=path, expected=f"a header of {', '.join(COLUMNS)}, cells between commas, and rows"
        )
    ids = {row.instruction_id for row in judged.rows}
    ratings: dict[tuple[str, Aspect], Rating] = {}
    places: dict[tuple[str, Aspect], str] = {}
    for row in rows.rows:
        name, aspect, score = (row.values[column] for column in COLUMNS)
        if aspect not in ASPECTS:
            row.refuse("aspect", aspect, COLUMNS["aspect"])
        if name not in ids:
            raise UrialError(f"{row.where}, column 'instruction_id': {shorten(name)} is not in {judged.path}")
        if (name, aspect) in places:
            raise UrialError(
                f"{row.where}: {shorten(name)} has its {aspect} scored already, in {places[name, aspect]}",
                expected="one row an instruction and aspect; of several people, the mean of their scores",
            )
        places[name, aspect] = row.where
        if score == NOT_APPLICABLE:
            continue
        if not isinstance(score, str) or not _SCORE.fullmatch(score):
            row.refuse("score", score, COLUMNS["score"])
        rationale = row.values.get(RATIONALE)
        ratings[name, aspect] = Rating(float(score), rationale if isinstance(rationale, str) and rationale else None)
    return ratings
