"""Known answers: shares, counts and agreement, against values worked out by hand."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.files.rows import BOOTSTRAP
from tests.report.conftest import make_completion, make_instruction
from urial.records.base import Role
from urial.statistics.known_answers import (
    CELLS,
    Outcome,
    agreement_counts_in,
    agreement_how,
    agreement_of,
    counts_in,
    known_agreements,
    known_answer_figures,
    known_answer_how,
    known_difference,
    outcome_of,
)

OUTCOMES = st.none() | st.sampled_from(["exact", "contained", "missed", "no_completion"])
ROLES: dict[str, Role] = {"a": "base", "b": "aligned"}


def outcome(accepted: tuple[str, ...], text: str | None) -> Outcome | None:
    return outcome_of(make_instruction("r1", accepted=accepted), make_completion("a", "r1", text))


def test_the_best_match_with_any_accepted_answer_counts() -> None:
    assert outcome(("Selwen", "Karmost"), "It is Karmost.") == "contained"
    assert outcome(("city of Karmost", "Karmost"), "Karmost.") == "exact"
    assert outcome(("Selwen", "Ombrist"), "Karmost.") == "missed"


def test_no_answer_is_no_wrong_answer_and_an_empty_one_is() -> None:
    assert outcome(("Karmost",), None) == "no_completion"
    assert outcome(("Karmost",), "") == "missed"
    assert outcome((), "Karmost") is None


def test_thinking_is_no_part_of_an_answer() -> None:
    assert outcome(("Karmost",), "<think>Karmost? No.</think>\n\nDunvara.") == "missed"
    assert outcome(("Karmost",), "<think>Dunvara? No.</think>Karmost") == "exact"


def test_shares_are_of_answers_and_nothing_else() -> None:
    figures = known_answer_figures(["exact", "contained", "missed", "missed", "no_completion", None], BOOTSTRAP)
    assert figures is not None
    assert (figures.exact.mean, figures.contained.mean) == (1 / 4, 2 / 4)
    assert (figures.answered, figures.no_completion, figures.total) == (4, 1, 5)
    low, high = figures.contained.low, figures.contained.high
    assert low is not None
    assert high is not None
    assert 0 <= low <= 0.5 <= high <= 1


def test_without_accepted_answers_there_are_no_figures_and_without_answers_no_shares() -> None:
    assert known_answer_figures([None, None], BOOTSTRAP) is None
    nothing = known_answer_figures(["no_completion"], BOOTSTRAP)
    assert nothing is not None
    assert (nothing.exact.mean, nothing.contained.mean, nothing.total) == (None, None, 1)


def test_two_systems_agree_fact_by_fact() -> None:
    first: list[Any] = ["exact", "contained", "contained", "missed", "missed", "no_completion", "exact", None]
    second: list[Any] = ["contained", "exact", "missed", "exact", "missed", "exact", "no_completion", None]
    (found,) = known_agreements({"a": first, "b": second}, ROLES, BOOTSTRAP)
    assert (found.first, found.second) == ("a", "b")
    assert (found.both, found.only_first, found.only_second, found.neither, found.no_completion) == (2, 1, 1, 1, 2)
    assert (found.difference.mean, found.difference.n, found.difference.p) == (0.0, 5, 1.0)


def test_one_sided_knowledge_is_tested_exactly_and_corrected_for_all_pairs() -> None:
    outcomes: dict[str, list[Any]] = {
        "a": ["exact"] * 6, "b": ["missed"] * 6, "c": ["exact"] * 5 + ["missed"],
    }  # fmt: skip
    found = known_agreements(outcomes, {**ROLES, "c": "base"}, BOOTSTRAP)
    assert [(row.first, row.difference.mean, row.difference.p, row.difference.p_holm) for row in found] == [
        ("a", 1.0, 2 / 64, 4 / 64),
        ("c", 5 / 6, 2 / 32, 4 / 64),
    ]


@pytest.mark.parametrize("roles", [{"a": "base", "b": "base"}, {"a": "aligned", "b": "aligned"}])
def test_without_systems_of_both_models_there_is_no_agreement(roles: dict[str, Role]) -> None:
    assert known_agreements({"a": ["exact"], "b": ["exact"]}, roles, BOOTSTRAP) == ()
    assert known_agreements({"a": [None], "b": [None]}, ROLES, BOOTSTRAP) == ()


def test_nothing_in_common_is_no_number() -> None:
    found = known_difference(["exact"], ["no_completion"], BOOTSTRAP)
    assert (found.mean, found.low, found.n, found.p) == (None, None, 0, None)


@given(st.lists(st.tuples(OUTCOMES, OUTCOMES), min_size=1))
def test_every_known_instruction_is_in_one_cell_and_the_difference_is_that_of_the_shares(rows: list[Any]) -> None:
    first, second = ([row[side] if None not in row else None for row in rows] for side in (0, 1))
    agreements = known_agreements({"a": first, "b": second}, ROLES, BOOTSTRAP)
    known = [row for row in rows if None not in row]
    assert bool(agreements) == bool(known)
    for found in agreements:
        counts = {cell: getattr(found, cell) for cell in CELLS}
        assert counts == dict.fromkeys(CELLS, 0) | Counter(str(agreement_of(*row)) for row in known)
        assert sum(counts.values()) == len(known)
        both = [row for row in known if "no_completion" not in row]
        shares = [known_answer_figures([row[side] for row in both], BOOTSTRAP) for side in (0, 1)]
        means = [share.contained.mean for share in shares if share and share.contained.mean is not None]
        if means:
            assert found.difference.mean == pytest.approx(means[0] - means[1])


@given(st.lists(OUTCOMES))
def test_the_rows_that_are_said_to_count_are_those_that_do(outcomes: list[Any]) -> None:
    figures = known_answer_figures(outcomes, BOOTSTRAP)
    for field, part in (
        ("contained", "mean"),
        ("exact", "low"),
        ("answered", ""),
        ("no_completion", ""),
        ("total", ""),
    ):
        counted = sum(counts_in(field, each) is None for each in outcomes)
        assert known_answer_how(field, part)
        if figures is not None:
            assert counted == (figures.answered if part else getattr(figures, field))


@pytest.mark.parametrize("cell", [None, *CELLS])
def test_an_instruction_counts_in_its_own_cell_alone(cell: str | None) -> None:
    counted = [field for field in CELLS if agreement_counts_in(field, cell) is None]
    assert counted == ([] if cell is None else [cell])
    assert (agreement_counts_in("difference", cell) is None) == (cell not in (None, "no_completion"))
    assert all(agreement_how(field, "") for field in CELLS)
