"""How far two judges, or a judge and people, agree on the scores of one system's answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from urial.core.errors import UrialError, shorten
from urial.judge.files.people import read_people
from urial.judge.files.raters import alpha_of, cohen_kappa
from urial.judge.files.reading import SystemRows, read_system
from urial.judge.files.records import Agreement, AspectAgreement, Disagreement
from urial.judge.files.repeated import spreads_of
from urial.records.estimate import Estimate
from urial.records.judge import JudgeIdentity, describe, distinct_judges
from urial.records.judgment import EVERY_ASPECT, Aspect
from urial.records.people import PersonScore
from urial.run.joining import asked_by, require_same_texts
from urial.statistics.bootstrap import Bootstrap, pearson, quadratic_kappa, spearman, whole
from urial.statistics.scores import category_of


@dataclass(frozen=True)
class Rating:
    """A score with what was said for it."""

    score: float
    rationale: str | None


class Rated(NamedTuple):
    """What was scored."""

    instruction_id: str
    turn: int
    aspect: Aspect


# Of several people the mean.
Ratings = Mapping[Rated, Rating]


def compare_judges(first: Path, second: Path, top: int, bootstrap: Bootstrap) -> Agreement:
    """``score_agreement`` of two files, of which the second may have people's scores."""
    if second.suffix.lower() == ".csv":
        return score_agreement([first], {second: scores_of_people(second)}, top, bootstrap)
    return score_agreement([first, second], {}, top, bootstrap)


def score_agreement(
    judgments: Sequence[Path], people: Mapping[Path, Sequence[PersonScore]], top: int, bootstrap: Bootstrap
) -> Agreement:
    """Agreement of the judges of one system's answers, with the ``top`` largest disagreements.

    ``judgments`` are files of one judge with people, of two judges, or of several judgings by one; without any, people are
    compared with each other. Raises UrialError where the answers judged differ, as far as judgments tell: by status and
    number of words.
    """
    systems = [read_system(path) for path in judgments]
    for other in systems[1:]:
        _require_same_answers(systems[0], other)
    judges = [_judges(system) for system in systems]
    again = len(set(judges)) == 1 and len(systems) > 1
    if len(systems) > (1 if people else 2) and not again:
        raise UrialError(
            f"judgments of {len(set(judges))} judges in {len(systems)} files",
            expected="one judge with people, two judges, or several judgings by one judge",
            fix="compare two files at a time",
        )
    labels = people_labels(people, systems[0] if systems else None)
    mine = _ratings(systems[0]) if systems else {}
    theirs = labels_mean(labels) if people else _ratings(systems[1]) if len(systems) > 1 else {}
    if judgments and mine.keys().isdisjoint(theirs):
        where = " and ".join(map(str, [*judgments, *people]))
        raise UrialError(f"{where}: no answer has a score of both", expected="judgments of the same answers")
    turns = sorted({rated.turn for rated in (*mine, *theirs)})
    return Agreement(
        system=systems[0].name if systems else None,
        judge_a=judges[0] if judges else (),
        judge_b=None if people else judges[1],
        people=tuple(sorted({row.person for rows in people.values() for row in rows})),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        aspects=_aspects(mine, theirs, labels, bootstrap),
        turns={
            turn: _aspects(
                {rated: one for rated, one in mine.items() if rated.turn == turn},
                {rated: one for rated, one in theirs.items() if rated.turn == turn},
                labels,
                bootstrap,
            )
            for turn in (turns if len(turns) > 1 else ())
        },
        spread=spreads_of([system.rows for system in systems]) if again else {},
        largest=tuple(_disagreements(mine, theirs)[:top]),
    )


def _disagreements(mine: Ratings, theirs: Ratings) -> list[Disagreement]:
    """The largest first; equal ones are in the order of the instructions' ids."""
    disagreements = [
        Disagreement(
            instruction_id=rated.instruction_id,
            turn=rated.turn,
            aspect=rated.aspect,
            score_a=rating.score,
            score_b=theirs[rated].score,
            rationale_a=rating.rationale,
            rationale_b=theirs[rated].rationale,
        )
        for rated, rating in mine.items()
        if rated in theirs and theirs[rated].score != rating.score
    ]
    return sorted(disagreements, key=lambda row: -abs(row.score_a - row.score_b))


def _judges(system: SystemRows) -> tuple[JudgeIdentity, ...]:
    """The judge, or the two of regular and safety instructions. Raises UrialError for several of one category."""
    judged: dict[str, list[JudgeIdentity]] = {}
    for row in system.rows:
        for kind in {category_of(score.aspect) for turn in (row, *row.later_turns) for score in turn.scores}:
            if row.judge is not None:
                judged.setdefault(kind, []).append(row.judge)
    distinct = {category: distinct_judges(judges) for category, judges in judged.items()}
    for category, judges in distinct.items():
        if len(judges) > 1:
            raise UrialError(
                f"several judges of {category} instructions",
                path=system.path,
                where="; ".join(shorten(describe(judge), 1_000) for judge in judges[:2]),
                expected="one judge",
            )
    every = distinct_judges(row.judge for row in system.rows if row.judge is not None)
    return tuple(dict.fromkeys(judge for judges in distinct.values() for judge in judges)) or every


def _ratings(system: SystemRows) -> Ratings:
    return {
        Rated(row.instruction_id, number, score.aspect): Rating(score.score, score.rationale)
        for row in system.rows
        for number, turn in enumerate((row, *row.later_turns), start=1)
        for score in turn.scores
        if score.score is not None
    }


def _aspects(
    mine: Ratings, theirs: Ratings, labels: Mapping[Rated, Sequence[Rating]], bootstrap: Bootstrap
) -> dict[Aspect, AspectAgreement]:
    """The agreement on each aspect that either scored."""
    aspects: dict[Aspect, AspectAgreement] = {}
    for aspect in EVERY_ASPECT:
        names, others = ([rated for rated in side if rated.aspect == aspect] for side in (mine, theirs))
        if not names and not others:
            continue
        both = [rated for rated in names if rated in theirs]
        first, second = ([side[rated].score for rated in both] for side in (mine, theirs))
        people = [[one.score for one in labels[rated]] for rated in others if rated in labels]
        aspects[aspect] = AspectAgreement(
            n=len(both),
            only_a=len(names) - len(both),
            only_b=len(others) - len(both),
            spearman=spearman(first, second),
            pearson=pearson(first, second),
            kappa=quadratic_kappa(first, second),
            cohen_kappa=cohen_kappa(whole(first).tolist(), whole(second).tolist()),
            bias=_bias(both, [one - other for one, other in zip(first, second, strict=True)], bootstrap),
            exact=float((whole(first) == whole(second)).mean()) if both else None,
            alpha=alpha_of(people) if people else None,
        )
    return aspects


def _bias(rated: Sequence[Rated], differences: Sequence[float], bootstrap: Bootstrap) -> Estimate:
    """Their mean; what is drawn are instructions, with all turns of each."""
    of_each: dict[str, list[float]] = {}
    for one, difference in zip(rated, differences, strict=True):
        of_each.setdefault(one.instruction_id, []).append(difference)
    return bootstrap.ratio([sum(own) for own in of_each.values()], [float(len(own)) for own in of_each.values()])


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


def scores_of_people(path: Path) -> list[PersonScore]:
    """The scores in a table. Raises UrialError where it has preferences."""
    scores = [row for row in read_people(path) if isinstance(row, PersonScore)]
    if not scores:
        raise UrialError("people's preferences", path=path, expected="people's scores, to be compared with judgments")
    return scores


def people_labels(people: Mapping[Path, Sequence[PersonScore]], judged: SystemRows | None) -> dict[Rated, list[Rating]]:
    """Every score by people of the answers judged, in the order of their names; not applicable is none.

    Raises UrialError where they scored what was not judged, or one person scored the same in two files.
    """
    ids = {row.instruction_id for row in judged.rows} if judged else set()
    labels: dict[Rated, list[tuple[str, Rating]]] = {}
    seen: dict[tuple[object, ...], Path] = {}
    for path, rows in people.items():
        of_system = [row for row in rows if judged is None or row.system in (None, judged.name)]
        if judged is not None:
            require_same_texts(judged.asked, asked_by(path, of_system), "name the scores of the same answers")
        for row in of_system:
            if seen.setdefault(row.rated, path) != path:
                raise UrialError(
                    f"{shorten(row.person)} rates {shorten(row.instruction_id)} here and in {seen[row.rated]}",
                    path=path,
                    expected="one rating a person",
                )
            if judged is not None and row.instruction_id not in ids:
                raise UrialError(f"{shorten(row.instruction_id)} is not in {judged.path}", path=path)
            if row.score is not None:
                # Without judgments, several systems can be in a file.
                name = row.instruction_id if judged or row.system is None else f"{row.system} {row.instruction_id}"
                rating = Rating(row.score, row.rationale)
                labels.setdefault(Rated(name, row.turn, row.aspect), []).append((row.person, rating))
    return {rated: [rating for _, rating in sorted(given, key=lambda pair: pair[0])] for rated, given in labels.items()}


def labels_mean(labels: Mapping[Rated, Sequence[Rating]]) -> Ratings:
    """The mean of people's scores, with the first rationale that any of them gave."""
    return {
        rated: Rating(
            sum(one.score for one in given) / len(given), next((one.rationale for one in given if one.rationale), None)
        )
        for rated, given in labels.items()
    }
