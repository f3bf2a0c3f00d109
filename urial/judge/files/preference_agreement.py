"""How far a judge and people agree on pairs of answers: AlpacaEval's figures, MT-Bench's votes, kappa and alpha."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.judge.files.agreement_records import (
    Leaning,
    PreferenceAgreement,
    PreferenceDisagreement,
    PreferencePart,
    SystemRates,
)
from urial.judge.files.pairs import SAME_PAIRS, Key, Pairs, Said, as_in, judged_pairs, pairs_of_people
from urial.judge.files.preferences import read_preferences
from urial.judge.files.raters import (
    alpha_of,
    bias,
    cohen_kappa,
    equal_votes,
    leave_one_out,
    majority,
    one_minus,
    votes_of_each_other,
    with_people,
)
from urial.records.diagnostics import Share, Spread
from urial.records.estimate import Estimate
from urial.records.people import PersonPreference
from urial.records.preference import Side, describe_preference_judge
from urial.run.joining import asked_by, require_same_texts
from urial.statistics.bootstrap import Bootstrap, pearson, quadratic_kappa, spearman
from urial.statistics.diagnostics import LONGER_BY, share, spread

NOTHING = Estimate(mean=None, low=None, high=None)
# Sides by their rank, of which kappa and alpha take the distance.
RANK: Mapping[Side, float] = {"loss": 0.0, "tie": 0.5, "win": 1.0}


def preference_agreement(
    judgments: Sequence[Path], people: Mapping[Path, Sequence[PersonPreference]], top: int, bootstrap: Bootstrap
) -> PreferenceAgreement:
    """Agreement of one judge with people or with another judge, of people alone, or of a judge's repeated judgings.

    ``judgments`` are files of preferences: of one judge, or of two where there are no people. Raises UrialError where they
    are of more, or not about the same answers.
    """
    files = [read_preferences(path) for path in judgments]
    judges = judged_pairs(files)
    if len(judges) > (1 if people else 2):
        shown = "; ".join(shorten(describe_preference_judge(judged.judge), 1_000) for judged in judges[:3])
        raise UrialError(
            f"preferences of {len(judges)} judges",
            where=shown,
            expected="one judge with people, or two judges",
            fix="compare one judge at a time",
        )
    for path, rows in people.items():
        for file in files:
            require_same_texts(file.asked, asked_by(path, rows), SAME_PAIRS)
    mine: Pairs = judges[0].pairs if judges else {}
    others: Pairs = judges[1].pairs if len(judges) > 1 else _of_people(people, mine if judges else None)
    where = " and ".join(map(str, [*judgments, *people]))
    theirs = as_in(others, mine, where)
    if mine and theirs and mine.keys().isdisjoint(theirs):
        raise UrialError(f"{where}: no pair of answers that both rated", expected=SAME_PAIRS)
    return PreferenceAgreement(
        judge_a=judges[0].judge if judges else None,
        judge_b=judges[1].judge if len(judges) > 1 else None,
        judgings=max(map(len, mine.values()), default=0),
        people=tuple(sorted({row.person for rows in people.values() for row in rows})),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        parts=tuple(_parts(mine, theirs, bootstrap)),
        largest=tuple(_disagreements(mine, theirs)[:top]),
    )


def _of_people(people: Mapping[Path, Sequence[PersonPreference]], judged: Mapping[Key, object] | None) -> Pairs:
    """All people's preferences. Raises UrialError where one person rated the same in two files."""
    pairs: dict[Key, list[Said]] = {}
    seen: dict[tuple[object, ...], Path] = {}
    for path, rows in people.items():
        for row in rows:
            if seen.setdefault(row.rated, path) != path:
                raise UrialError(
                    f"{shorten(row.person)} rates {shorten(row.instruction_id)} here and in {seen[row.rated]}",
                    path=path,
                    expected="one rating a person",
                )
    for path in people:
        for key, said in pairs_of_people(path, people[path], judged).items():
            pairs.setdefault(key, []).extend(said)
    return pairs


def _parts(mine: Pairs, theirs: Pairs, bootstrap: Bootstrap) -> list[PreferencePart]:
    keys = sorted({*mine, *theirs}, key=lambda key: tuple(str(part or "") for part in key))
    parts = []
    for criterion in dict.fromkeys(key.criterion for key in keys):
        own = [key for key in keys if key.criterion == criterion]
        numbers = sorted({key.turn for key in own})
        turns: list[int | None] = [*numbers, *([None] if len(numbers) > 1 else [])]
        for turn in turns:
            chosen = [key for key in own if turn in (None, key.turn)]
            parts.append(_part(chosen, turn, mine, theirs, bootstrap))
    return parts


def _part(keys: Sequence[Key], turn: int | None, mine: Pairs, theirs: Pairs, bootstrap: Bootstrap) -> PreferencePart:
    both = [key for key in keys if key in mine and key in theirs]
    # Without the other side each is shown alone.
    rated_a = both if theirs else [key for key in keys if key in mine]
    rated_b = both if mine else [key for key in keys if key in theirs]
    ours, labels = ([[one.preference for one in side[key]] for key in both] for side in (mine, theirs))
    judgings = [[one.preference for one in mine[key]] for key in rated_a]
    people = [[one.preference for one in theirs[key]] for key in rated_b]
    votes = [(one.side, other.side) for key in both for one in mine[key] for other in theirs[key]]
    among = [vote for key in rated_b for vote in votes_of_each_other([one.side for one in theirs[key]])]
    first, second = ([majority([RANK[one.side] for one in side[key]]) for key in both] for side in (mine, theirs))
    systems = _systems(both, mine, theirs)
    rates = [[getattr(row, name) for row in systems] for name in ("win_rate_a", "win_rate_b")]
    return PreferencePart(
        criterion=keys[0].criterion,
        turn=turn,
        both=len(both),
        only_a=sum(key in mine and key not in theirs for key in keys),
        only_b=sum(key in theirs and key not in mine for key in keys),
        inconsistent=sum(any(one.inconsistent for one in mine[key]) for key in rated_a),
        agreement=with_people(ours, labels, bootstrap) if both else NOTHING,
        bias=bias(ours, labels, bootstrap) if both else NOTHING,
        variance=one_minus(leave_one_out(judgings, bootstrap)),
        among_b=leave_one_out(people, bootstrap),
        with_ties=_share(votes, with_ties=True),
        without_ties=_share(votes, with_ties=False),
        b_with_ties=_share(among, with_ties=True),
        b_without_ties=_share(among, with_ties=False),
        kappa=cohen_kappa(first, second),
        quadratic_kappa=quadratic_kappa([2 * value for value in first], [2 * value for value in second]),
        alpha=alpha_of([[RANK[one.side] for one in theirs[key]] for key in rated_b]),
        leaning_a=_leaning(rated_a, mine, theirs),
        leaning_b=_leaning(rated_b, theirs, mine),
        systems=systems,
        spearman=spearman(*rates),
        pearson=pearson(*rates),
        spread=_spread(rated_a, mine),
    )


def _share(votes: Sequence[tuple[str, str]], *, with_ties: bool) -> Share:
    return share(*equal_votes(votes, with_ties=with_ties))


def _spread(keys: Sequence[Key], pairs: Pairs) -> Spread | None:
    """Over the pairs that every judging has."""
    judgings = max((len(pairs[key]) for key in keys), default=0)
    if judgings < 2:
        return None
    whole = [key for key in keys if len(pairs[key]) == judgings]
    return spread([{str(key): pairs[key][place].preference for key in whole} for place in range(judgings)])


def _leaning(keys: Sequence[Key], pairs: Pairs, others: Pairs) -> Leaning:
    """What the preferences of one side lean to; what it does not know of the answers, the other may."""
    longer, lists, every = [], [], []
    for key in keys:
        known = [*pairs[key], *others.get(key, ())]
        lengths = next((one.characters for one in known if None not in one.characters), None)
        has_list = next((one.lists for one in known if None not in one.lists), None)
        for one in pairs[key]:
            every.append(one.preference)
            if one.preference == 0.5:
                continue
            wins = one.preference > 0.5
            if lengths and abs(difference := (lengths[0] or 0) - (lengths[1] or 0)) > LONGER_BY:
                longer.append((difference > 0) == wins)
            if has_list and has_list[0] != has_list[1]:
                lists.append(has_list[0] == wins)
    mean = 1 - sum(every) / len(every) if every else None
    return Leaning(longer=share(sum(longer), len(longer)), lists=share(sum(lists), len(lists)), baseline=mean)


def _systems(both: Sequence[Key], mine: Pairs, theirs: Pairs) -> tuple[SystemRates, ...]:
    compared: dict[tuple[str | None, str | None], list[Key]] = {}
    for key in both:
        compared.setdefault((key.system, key.baseline), []).append(key)

    def rate(keys: Sequence[Key], pairs: Pairs) -> float:
        values = [one.preference for key in keys for one in pairs[key]]
        return sum(values) / len(values)

    return tuple(
        SystemRates(
            system=system,
            baseline=baseline,
            pairs=len(keys),
            win_rate_a=rate(keys, mine),
            win_rate_b=rate(keys, theirs),
        )
        for (system, baseline), keys in compared.items()
    )


def _disagreements(mine: Pairs, theirs: Pairs) -> list[PreferenceDisagreement]:
    """The largest first; equal ones are in the order of the instructions' ids."""
    rows = []
    for key in sorted(mine.keys() & theirs.keys(), key=lambda key: tuple(str(part or "") for part in key)):
        ours, others = mine[key], theirs[key]
        row = PreferenceDisagreement(
            instruction_id=key.instruction_id,
            turn=key.turn,
            criterion=key.criterion,
            system=key.system,
            baseline=key.baseline,
            preference_a=sum(one.preference for one in ours) / len(ours),
            preference_b=sum(one.preference for one in others) / len(others),
            people=len(others),
            rationale_a=next((one.rationale for one in ours if one.rationale), None),
            rationale_b=next((one.rationale for one in others if one.rationale), None),
        )
        if row.preference_a != row.preference_b:
            rows.append(row)
    return sorted(rows, key=lambda row: -abs(row.preference_a - row.preference_b))
