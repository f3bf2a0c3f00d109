"""Known answers: how many a system gives, and how far two systems agree about them, fact by fact."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Literal, Protocol

from urial.core.errors import UrialError, shorten
from urial.records.base import Role
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.known_answers import KnownAgreement, KnownAnswerFigures, KnownDifference, KnownSummary
from urial.statistics.accepted import Comparable, Match, match
from urial.statistics.bootstrap import ESTIMATED, Bootstrap
from urial.statistics.paired import mcnemar_p, with_holm

Outcome = Match | Literal["no_completion"]
# The best match with any accepted answer counts.
_BEST_FIRST: tuple[Match, ...] = ("exact", "contained", "missed")
# Outcomes that a share counts.
COUNTED: Mapping[str, tuple[Outcome, ...]] = {"exact": ("exact",), "contained": ("exact", "contained")}


class KnownLike(Protocol):
    """What figures read of an Instruction."""

    @property
    def accepted(self) -> Sequence[str]: ...


def outcome_of(instruction: KnownLike, completion: Completion) -> Outcome | None:
    """What became of the first message's answer; None: no answer to it is known. Thinking is no part of an answer."""
    if not instruction.accepted:
        return None
    if completion.answer is None:
        return "no_completion"
    answer = Comparable.of(completion.split()[1])
    found = {match(Comparable.of(accepted), answer) for accepted in instruction.accepted}
    return next(each for each in _BEST_FIRST if each in found)


def outcomes_of(instructions: Sequence[KnownLike], completions: Sequence[Completion]) -> list[Outcome | None]:
    """That of each row, in the order of the instructions."""
    return [outcome_of(*row) for row in zip(instructions, completions, strict=True)]


def known_answer_figures(outcomes: Sequence[Outcome | None], bootstrap: Bootstrap) -> KnownAnswerFigures | None:
    """The shares of one system, and what is in none of them; None: no answer is known."""
    known = [outcome for outcome in outcomes if outcome is not None]
    answered = [outcome for outcome in known if outcome != "no_completion"]
    if not known:
        return None
    shares = {name: bootstrap.mean([float(each in counted) for each in answered]) for name, counted in COUNTED.items()}
    return KnownAnswerFigures(
        **shares, answered=len(answered), no_completion=len(known) - len(answered), total=len(known)
    )


def known_answer_how(field: str, part: str) -> str:
    """How a value of KnownAnswerFigures is made, in words."""
    if part in ESTIMATED:
        what = {"contained": "have an accepted answer in them", "exact": "are an accepted answer"}[field]
        return f"share of the answers to instructions with accepted answers that {what}, both normalized (urial.statistics.accepted)"
    return "number of instructions with accepted answers" + {
        "answered": " and an answer", "no_completion": " and no answer", "total": "",
    }[field]  # fmt: skip


def counts_in(field: str, outcome: Outcome | None) -> str | None:
    """Why an instruction does not count in a field of KnownAnswerFigures; None: it does."""
    if outcome is None:
        return "no accepted answer"
    if field == "total" or (field == "no_completion") == (outcome == "no_completion"):
        return None
    return outcome if outcome == "no_completion" else "answered"


def known_agreements(
    outcomes: Mapping[str, Sequence[Outcome | None]], roles: Mapping[str, Role], bootstrap: Bootstrap
) -> tuple[KnownAgreement, ...]:
    """Each system of the base model with each of the aligned model, with p-values corrected for all of them together.

    ``outcomes`` are by system, as ``outcomes_of`` has them; none where no answer is known, or a study has no aligned model.
    """
    base, aligned = ([name for name in outcomes if roles[name] == role] for role in ("base", "aligned"))
    return agreements_of({pair: (outcomes[pair[0]], outcomes[pair[1]]) for pair in product(base, aligned)}, bootstrap)


def agreements_of(
    pairs: Mapping[tuple[str, str], tuple[Sequence[Outcome | None], Sequence[Outcome | None]]], bootstrap: Bootstrap
) -> tuple[KnownAgreement, ...]:
    """Of each pair of names the agreement of its outcomes, which are in the same order; none where nothing is known."""
    found = []
    for (first, second), (ours, theirs) in pairs.items():
        cells = Counter(agreement_of(*row) for row in zip(ours, theirs, strict=True))
        del cells[None]
        if cells:
            counts = {name: cells[name] for name in CELLS}
            difference = known_difference(ours, theirs, bootstrap)
            found.append(KnownAgreement(first=first, second=second, **counts, difference=difference))
    return with_holm(tuple(found))


# What can be said of two systems and one fact, each with what others are called.
CELLS: Mapping[str, str] = {
    "both": "both are right", "only_first": "only the first is right", "only_second": "only the second is right",
    "neither": "neither is right",
    "no_completion": "one of them has no answer",
}  # fmt: skip


def agreement_of(first: Outcome | None, second: Outcome | None) -> str | None:
    """The cell of one instruction, of CELLS; None: no answer to it is known."""
    if first is None or second is None:
        return None
    if "no_completion" in (first, second):
        return "no_completion"
    right = (first in COUNTED["contained"], second in COUNTED["contained"])
    return {(True, True): "both", (True, False): "only_first", (False, True): "only_second"}.get(right, "neither")


def agreement_how(field: str, part: str) -> str:
    """How a value of KnownAgreement is made, in words."""
    if field != "difference":
        return f"number of instructions with accepted answers of which {CELLS[field]}"
    if part in ("p", "p_holm"):
        corrected = ", corrected for all agreements beside it (Holm)" if part == "p_holm" else ""
        return f"two-sided exact test by McNemar of the instructions that only one of the two answers right{corrected}"
    if part == "n":
        return "number of instructions with accepted answers that both have an answer to"
    return "mean over the instructions that both answer: 1 where only the first is right, -1 where only the second is"


def agreement_counts_in(field: str, cell: str | None) -> str | None:
    """Why an instruction does not count in a field of KnownAgreement; None: it does."""
    if cell is None:
        return "no accepted answer"
    counted = cell != "no_completion" if field == "difference" else cell == field
    return None if counted else CELLS[cell]


def known_difference(
    first: Sequence[Outcome | None], second: Sequence[Outcome | None], bootstrap: Bootstrap
) -> KnownDifference:
    """The share that the first answers right minus the second's, over the rows that both answer; not yet corrected."""
    cells = [
        cell for row in zip(first, second, strict=True) if (cell := agreement_of(*row)) not in (None, "no_completion")
    ]
    values = [float((cell == "only_first") - (cell == "only_second")) for cell in cells]
    p = mcnemar_p(values.count(1.0), values.count(-1.0)) if values else None
    return KnownDifference(**bootstrap.mean(values).model_dump(), n=len(values), p=p, p_holm=None)


def known_summary(
    files: Mapping[str, tuple[Sequence[Instruction], Sequence[Completion]]], bootstrap: Bootstrap
) -> KnownSummary:
    """The figures of systems by their names, each with its own instructions, which are paired by what they ask.

    Raises UrialError where no answer is known, and where two files accept other answers to the same.
    """
    outcomes = {
        name: dict(zip((row.turns for row in of[0]), outcomes_of(*of), strict=True)) for name, of in files.items()
    }
    figures = {name: known_answer_figures([*found.values()], bootstrap) for name, found in outcomes.items()}
    if lost := [name for name, known in figures.items() if known is None]:
        raise UrialError(
            f"no accepted answers to what {lost[0]} was asked",
            fix="name their column with --column accepted=COLUMN, or instructions that have them with --instructions FILE",
        )
    accepted = {name: {row.turns: row.accepted for row in asked} for name, (asked, _) in files.items()}
    pairs = {}
    for first, second in combinations(files, 2):
        both = [turns for turns in accepted[first] if turns in accepted[second]]
        if other := next((turns for turns in both if accepted[first][turns] != accepted[second][turns]), None):
            raise UrialError(
                f"{first} and {second}: other answers are accepted to {shorten(other[0])}",
                fix="name the instructions of both with --instructions FILE",
            )
        ours, theirs = ([outcomes[name][turns] for turns in both] for name in (first, second))
        pairs[first, second] = (ours, theirs)
    return KnownSummary(
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        systems={name: known for name, known in figures.items() if known},
        agreements=agreements_of(pairs, bootstrap),
    )
