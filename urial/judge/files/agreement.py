"""How far two judges, or a judge and people, agree on the same answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.judge.files.people import Rating, Ratings, people_ratings
from urial.judge.files.reading import SystemRows, read_system
from urial.judge.files.records import Agreement, AspectAgreement, Disagreement
from urial.records.judgment import ASPECTS, Aspect, JudgeIdentity, describe
from urial.statistics.bootstrap import Bootstrap, quadratic_kappa, spearman, whole
from urial.statistics.scores import category_of


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
    pairs = [key for key in mine if key in theirs]
    if not pairs:
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
        aspects={
            aspect: _aspect(_of(aspect, mine), _of(aspect, theirs), bootstrap)
            for aspect in ASPECTS
            if _of(aspect, mine) or _of(aspect, theirs)
        },
        largest=_largest(pairs, mine, theirs)[:top],
    )


def _judges(system: SystemRows) -> tuple[JudgeIdentity, ...]:
    """The judge, or the two of regular and safety instructions. Raises UrialError for several of one category."""
    judges: dict[str, JudgeIdentity] = {}
    for row in system.rows:
        for category in {category_of(score.aspect) for score in row.scores}:
            if judges.setdefault(category, row.judge) != row.judge:
                raise UrialError(
                    f"several judges of {category} instructions",
                    path=system.path,
                    where=f"{shorten(describe(judges[category]), 1_000)}; {shorten(describe(row.judge), 1_000)}",
                    expected="one judge",
                )
    return tuple(dict.fromkeys(judges.values())) or tuple(dict.fromkeys(row.judge for row in system.rows))


def _ratings(system: SystemRows) -> Ratings:
    return {
        (row.instruction_id, score.aspect): Rating(score.score, score.rationale)
        for row in system.rows
        for score in row.scores
        if score.score is not None
    }


def _of(aspect: Aspect, ratings: Ratings) -> dict[str, float]:
    return {name: rating.score for (name, of), rating in ratings.items() if of == aspect}


def _aspect(ours: Mapping[str, float], theirs: Mapping[str, float], bootstrap: Bootstrap) -> AspectAgreement:
    both = [name for name in ours if name in theirs]
    first, second = [ours[name] for name in both], [theirs[name] for name in both]
    equal = whole(first) == whole(second)
    return AspectAgreement(
        n=len(both),
        only_a=len(ours) - len(both),
        only_b=len(theirs) - len(both),
        spearman=spearman(first, second),
        kappa=quadratic_kappa(first, second),
        bias=bootstrap.mean([one - other for one, other in zip(first, second, strict=True)]),
        exact=float(equal.mean()) if both else None,
    )


def _largest(pairs: Sequence[tuple[str, Aspect]], mine: Ratings, theirs: Ratings) -> tuple[Disagreement, ...]:
    """Every disagreement, largest first; equal ones in the order of the first judge's rows."""
    disagreements = [
        Disagreement(
            instruction_id=key[0],
            aspect=key[1],
            score_a=mine[key].score,
            score_b=theirs[key].score,
            rationale_a=mine[key].rationale,
            rationale_b=theirs[key].rationale,
        )
        for key in pairs
        if mine[key].score != theirs[key].score
    ]
    return tuple(sorted(disagreements, key=lambda row: -abs(row.score_a - row.score_b)))


def _require_same_answers(ours: SystemRows, theirs: SystemRows) -> None:
    """Raises UrialError where two judgments are not of one answer, as far as they tell."""
    if ours.name != theirs.name:
        raise UrialError(
            f"{ours.path} and {theirs.path}: judgments of the systems {ours.name!r} and {theirs.name!r}",
            expected="two judges of one system's answers",
            fix="to compare two systems use `urial summarize`",
        )
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
