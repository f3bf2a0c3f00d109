"""Known answers: how many a system gives, and how far two systems agree about them, fact by fact."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from urial.core.thinking import split_thinking
from urial.records.base import Role
from urial.records.completion import Completion
from urial.records.known_answers import KnownAgreement, KnownAnswerFigures, KnownDifference
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
    answer = Comparable.of(split_thinking(completion.answer.text)[1])
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
    return with_holm(
        tuple(
            agreement
            for one in base
            for other in aligned
            if (agreement := known_agreement(one, other, outcomes, bootstrap)) is not None
        )
    )


def known_agreement(
    base: str, aligned: str, outcomes: Mapping[str, Sequence[Outcome | None]], bootstrap: Bootstrap
) -> KnownAgreement | None:
    """Two systems fact by fact, with a p-value that is not yet corrected; None: no answer is known."""
    cells = Counter(agreement_of(*row) for row in zip(outcomes[base], outcomes[aligned], strict=True))
    del cells[None]
    if not cells:
        return None
    counts = {name: cells[name] for name in CELLS}
    return KnownAgreement(
        base=base, aligned=aligned, **counts, difference=known_difference(outcomes[base], outcomes[aligned], bootstrap)
    )


# What can be said of two systems and one fact, each with what others are called.
CELLS: Mapping[str, str] = {
    "both": "both are right", "only_base": "only the base model's system is right",
    "only_aligned": "only the aligned model's system is right", "neither": "neither is right",
    "no_completion": "one of them has no answer",
}  # fmt: skip


def agreement_of(base: Outcome | None, aligned: Outcome | None) -> str | None:
    """The cell of one instruction, of CELLS; None: no answer to it is known."""
    if base is None or aligned is None:
        return None
    if "no_completion" in (base, aligned):
        return "no_completion"
    right = (base in COUNTED["contained"], aligned in COUNTED["contained"])
    return {(True, True): "both", (True, False): "only_base", (False, True): "only_aligned"}.get(right, "neither")


def agreement_how(field: str, part: str) -> str:
    """How a value of KnownAgreement is made, in words."""
    if field != "difference":
        return f"number of instructions with accepted answers of which {CELLS[field]}"
    if part in ("p", "p_holm"):
        corrected = ", corrected for all agreements of the report (Holm)" if part == "p_holm" else ""
        return f"two-sided exact test by McNemar of the instructions that only one of the two answers right{corrected}"
    if part == "n":
        return "number of instructions with accepted answers that both have an answer to"
    return "mean over the instructions that both answer: 1 where only the base model's system is right, -1 where only the other is"


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
    values = [float((cell == "only_base") - (cell == "only_aligned")) for cell in cells]
    p = mcnemar_p(values.count(1.0), values.count(-1.0)) if values else None
    return KnownDifference(**bootstrap.mean(values).model_dump(), n=len(values), p=p, p_holm=None)
