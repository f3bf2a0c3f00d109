"""The embedded rules compare: the answer with the higher score by the known truth is the better one."""

from collections.abc import Iterator, Sequence

from urial.judge.preferences.pairs import Pair
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Case
from urial.prompts.rubrics.conversation import EarlierTurn
from urial.records.judge import RulesIdentity
from urial.records.judgment import Aspect, AspectScore
from urial.records.preference import Choice, Comparison

# Both scores of an aspect, the system's first.
Scores = dict[Aspect, tuple[AspectScore, AspectScore]]


class RulesPreferences:
    """The rules over the world of a seed; None knows no world. They look at one answer at a time, so no order sways them."""

    def __init__(self, seed: int | None) -> None:
        self.rules = RulesJudge(seed)

    @property
    def identity(self) -> RulesIdentity:
        """See PreferenceJudgeLike.identity."""
        return self.rules.identity

    def comparisons(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, tuple[Comparison, ...]]]:
        """See PreferenceJudgeLike.comparisons."""
        for index, pair in enumerate(pairs):
            choices = _choices(self._scores(pair))
            yield index, tuple(Comparison(order=order, choices=choices) for order in pair.orders)

    def _scores(self, pair: Pair) -> Scores:
        """Each side's answer is judged after what that side said before."""
        ours, theirs = (
            self.rules.judge(Case(pair.instruction, side.text, side.cut_off, history=_history(pair, place))).scores
            for place, side in enumerate((pair.system, pair.baseline))
        )
        return {score.aspect: (score, other) for score, other in zip(ours, theirs, strict=True)}


def _history(pair: Pair, place: int) -> tuple[EarlierTurn, ...]:
    """What one side answered before: 0 the system, 1 the baseline."""
    return tuple(
        EarlierTurn(message, both[place].text, None)
        for message, both in zip(pair.instruction.turns, pair.earlier, strict=False)
    )


def _choices(scores: Scores) -> tuple[Choice, ...]:
    """One a criterion: aspects that have a score on both sides, and overall by their sums."""
    both = {
        aspect: (ours.score, theirs.score)
        for aspect, (ours, theirs) in scores.items()
        if ours.score is not None and theirs.score is not None
    }
    if not both:
        ours, theirs = next(iter(scores.values()))
        return (
            Choice(
                criterion="overall",
                status="invalid",
                preference=None,
                rationale=f"no aspect has a score of both answers: {ours.rationale}; {theirs.rationale}",
            ),
        )
    sums = sum(ours for ours, _ in both.values()), sum(theirs for _, theirs in both.values())
    detail = ", ".join(f"{aspect} {ours:g}:{theirs:g}" for aspect, (ours, theirs) in both.items())
    overall = Choice(
        criterion="overall",
        preference=_preferred(*sums),
        rationale=f"by the sums of scores, {sums[0]:g}:{sums[1]:g} ({detail})",
    )
    aspects = (
        Choice(
            criterion=aspect,
            preference=_preferred(ours, theirs),
            rationale=f"{ours:g}: {scores[aspect][0].rationale}; {theirs:g}: {scores[aspect][1].rationale}",
        )
        for aspect, (ours, theirs) in both.items()
    )
    return (overall, *aspects)


def _preferred(ours: float, theirs: float) -> float:
    return 0.5 if ours == theirs else float(ours > theirs)
