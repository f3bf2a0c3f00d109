"""Landmarks found in texts of several tokens, and distances from them against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, SHIFTED, UNSHIFTED, table_of, token
from urial.records.shift_figures import Landmark
from urial.token_shift.figures.landmarks import AROUND, Landmarks, is_landmark, landmark_curve, landmark_figures
from urial.token_shift.figures.positions import FEWEST_ANSWERS, Positions

PIECES = st.lists(
    st.sampled_from(["a", " b", "\n", "\n\n", "\n\n- ", "1.", " c\n", "-", "", "é", "* d"]), min_size=1, max_size=12
)


def landmarks(*answers: list[str]) -> Landmarks:
    table = table_of({str(number): [token(1, text) for text in texts] for number, texts in enumerate(answers)})
    return Landmarks.of(table, Positions.of(table))


def marked(name: Landmark, *texts: str) -> list[int]:
    return np.flatnonzero(landmarks(list(texts)).rows(name)).tolist()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["One", ".", "\n\n", "Two", ".", "\n", "\n", " Three"], [3, 7]),
        (["One.\n", "\nTwo", " three"], [1]),
        (["One", ".\n\n", "\n", "Two"], [3]),
        (["One", ".\n \t\n", "Two"], [2]),
        # The first one begins at the start alone, and blanks before it change nothing.
        (["\n\n", "One"], []),
        (["\n", " \n", "\nOne", "\n\n", "Two"], [4]),
        (["One", ".\n", "Two", "\n\n"], []),
        (["é", "\n\n", "ü"], [2]),
    ],
)
def test_a_paragraph_begins_behind_a_blank_line(texts: list[str], expected: list[int]) -> None:
    assert marked("paragraph", *texts) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["So", ":\n", "-", " one", "\n", "-", " two"], [2, 5]),
        (["1", ".", " one", "\n\n", "2", ".", " two"], [0, 4]),
        (["So:\n\n1. one", " x", "\n  * two"], [0, 2]),
        (["So", "\n", "12", ")", " x"], [2]),
        (["A", " - ", "b", "\n", "-b", "\n", "**", "bold", "**", "\n", "1999", ". x"], []),
        (["a", "\n", "-", "\n"], []),
    ],
)
def test_a_list_item_begins_with_its_marker(texts: list[str], expected: list[int]) -> None:
    assert marked("list_item", *texts) == expected


def test_the_end_is_the_end_token_and_its_text_is_none_of_the_answers() -> None:
    rows = [token(1, "a"), token(1, "\n\n"), token(1, "</s>", is_end=True)]
    table = table_of({"a": rows, "b": [token(1, "a")]})
    found = Landmarks.of(table, Positions.of(table))
    assert set(found.marks) == {"start", "end"}
    assert [np.flatnonzero(found.rows(name)).tolist() for name in ("start", "end", "paragraph")] == [[0, 3], [2], []]
    assert is_landmark("end")(table).tolist() == [False, False, True, False]


def test_thinking_begins_and_ends_where_its_part_does() -> None:
    parts = ["tag", "thinking", "thinking", "tag", "answer"]
    table = table_of({"a": [token(1, part=part) for part in parts], "b": [token(1), token(1, part="thinking")]})
    found = Landmarks.of(table, Positions.of(table))
    assert np.flatnonzero(found.rows("thinking_start")).tolist() == [1, 6]
    assert np.flatnonzero(found.rows("thinking_end")).tolist() == [3]


def test_the_first_paragraph_of_a_part_begins_at_the_part_alone() -> None:
    told = [
        ("<think>", "tag"), ("\n\n", "tag"), ("a", "thinking"), ("\n\n", "thinking"), ("b", "thinking"),
        ("\n\n", "thinking"), ("</think", "tag"), (">\n\n", "tag"), ("c", "answer"), ("\n\n", "answer"), ("d", "answer"),
    ]  # fmt: skip
    over_edge = [("a", "thinking"), ("</think", "tag"), (">\n\nb", "answer"), ("\n\n", "answer"), ("c", "answer")]
    answers = {"a": told, "b": over_edge}
    table = table_of({name: [token(1, text, part=part) for text, part in tokens] for name, tokens in answers.items()})
    found = Landmarks.of(table, Positions.of(table))
    assert np.flatnonzero(found.rows("paragraph")).tolist() == [4, 10, len(told) + 4]


def test_figures_are_of_the_tokens_at_the_landmark() -> None:
    rows = [token(SHIFTED, "a", kl=2.0), token(UNSHIFTED, "\n\n"), token(SHIFTED, "b", kl=None), token(UNSHIFTED, "c")]
    table = table_of({"a": rows, "b": [token(UNSHIFTED, "x", kl=4.0)]})
    found = landmark_figures(Landmarks.of(table, Positions.of(table)), BOOTSTRAP)
    start, paragraph = found["start"], found["paragraph"]
    assert (start.tokens, start.answers, start.shifted.mean, start.kl.mean, start.kl.positions) == (2, 2, 0.5, 3.0, 2)
    assert (paragraph.tokens, paragraph.answers, paragraph.shifted.mean) == (1, 1, 1.0)
    assert (paragraph.kl.mean, paragraph.kl.positions) == (None, 0)
    assert landmark_figures(landmarks(), BOOTSTRAP) == {}


def test_a_curve_has_both_sides_of_a_landmark_where_enough_answers_reach() -> None:
    rows = [token(UNSHIFTED, "a"), token(SHIFTED, "\n\n"), token(SHIFTED, "b"), token(UNSHIFTED, "c")]
    answers = {str(number): rows for number in range(FEWEST_ANSWERS)} | {"longer": [*rows, token(SHIFTED, "d")]}
    points = landmark_curve(table_of(answers), BOOTSTRAP)
    assert [(point.landmark, point.distance, point.shifted.mean) for point in points] == [
        ("start", 0, 0.0), ("start", 1, 1.0), ("start", 2, 1.0), ("start", 3, 0.0),
        ("paragraph", -2, 0.0), ("paragraph", -1, 1.0), ("paragraph", 0, 1.0), ("paragraph", 1, 0.0),
    ]  # fmt: skip
    assert {(point.answers, point.positions, point.kl_positions) for point in points} == {(6, 6, 6)}
    assert landmark_curve(table_of({}), BOOTSTRAP) == []


@given(st.lists(PIECES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_distances_are_those_of_a_plain_loop_whatever_the_order_of_rows(
    answers: list[list[str]], random: object
) -> None:
    table = table_of({str(number): [token(1, text) for text in texts] for number, texts in enumerate(answers)})
    order = list(range(len(table)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = table.take(order)
    found = Landmarks.of(shuffled, Positions.of(shuffled))
    plain = Landmarks.of(table, Positions.of(table))
    keys = shuffled.select(["instruction_id", "position"]).to_pylist()
    for name in plain.marks:
        at = [row for row, is_one in zip(keys, found.rows(name), strict=True) if is_one]
        expected = {
            (row["instruction_id"], row["position"])
            for row, is_one in zip(table.to_pylist(), plain.rows(name), strict=True)
            if is_one
        }
        assert {(row["instruction_id"], row["position"]) for row in at} == expected
        after, before = found.distances(name)
        for row, behind, ahead in zip(keys, after.tolist(), before.tolist(), strict=True):
            own = [position for answer, position in expected if answer == row["instruction_id"]]
            last = max((position for position in own if position <= row["position"]), default=None)
            following = min((position for position in own if position > row["position"]), default=None)
            assert behind == (AROUND + 1 if last is None or row["position"] - last > AROUND else row["position"] - last)
            far = following is None or following - row["position"] > AROUND
            assert ahead == (AROUND + 1 if far or following is None else row["position"] - following)
