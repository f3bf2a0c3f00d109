"""Thinking, tags and answers apart: the part of every token, and the figures by part against sums by hand."""

from math import log
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.local_models.test_text import ids_of
from tests.tiny_models import tiny_tokenizer
from tests.token_shift.measured import BOOTSTRAP, coverage_of, table_of, token
from urial.core.thinking import ThinkingSpan, thinking_span
from urial.local_models.decoding.answer_text import token_spans
from urial.records.token_shift import LABELS, MOVES, PARTS
from urial.report.part_tables import move_table, part_table
from urial.token_shift.figures.described import position_figure, shift_how
from urial.token_shift.figures.parts import part_curves
from urial.token_shift.figures.positions import curve
from urial.token_shift.figures.summary import summarize
from urial.token_shift.measure.labels import token_labels
from urial.token_shift.measure.parts import MarkedText, part_at, token_parts


def parts(text: str, *tokens: str, opened: bool = False, end: bool = True) -> list[str]:
    """The parts of the tokens that a text is cut into, and of an end token."""
    assert "".join(tokens) == text
    ends = [len("".join(tokens[: number + 1])) for number in range(len(tokens))]
    spans = [*zip([0, *ends], ends, strict=False), *[(len(text), len(text))] * end]
    marked = MarkedText(text, thinking_span(text, opened=opened))
    return list(token_parts(marked, spans, [False] * len(tokens) + [True] * end))


def test_every_token_has_its_part() -> None:
    found = parts(
        "<think>\nOkay.</think>\n\nHi.", "<think", ">", "\n", "Okay", ".", "</", "think", ">\n", "\n", "Hi", "."
    )
    assert found == [
        "tag",
        "tag",
        "thinking",
        "thinking",
        "thinking",
        "tag",
        "tag",
        "tag",
        "tag",
        "answer",
        "answer",
        "answer",
    ]


def test_a_token_over_an_edge_has_the_part_of_what_it_says() -> None:
    assert parts("<think>a</think>b", "<think>a</", "think>b") == ["thinking", "answer", "answer"]
    assert parts("<think> a", "<think>", " a") == ["tag", "thinking", "thinking"]


def test_a_prompt_that_opens_thinking_and_a_thought_without_end() -> None:
    assert parts("a</think>b", "a", "</think>", "b", opened=True) == ["thinking", "tag", "answer", "answer"]
    assert parts("a b", "a", " b", opened=True) == ["thinking"] * 3
    assert parts("a b", "a", " b") == ["answer"] * 3


def test_bytes_of_a_character_have_its_part() -> None:
    marked = MarkedText("<think>é</think>é", thinking_span("<think>é</think>é"))
    spans = [(0, 7), (7, 8), (8, 8), (8, 16), (16, 17), (17, 17)]
    assert token_parts(marked, spans, [False] * 6) == ["tag", "thinking", "thinking", "tag", "answer", "answer"]


def test_tags_are_no_words_and_what_they_part_begins_anew() -> None:
    text = "<think>Hello</think>Hello"
    marked = MarkedText(text, thinking_span(text))
    assert marked.without_tags == "\n" * 7 + "Hello" + "\n" * 8 + "Hello"
    spans = [(0, 7), (7, 12), (12, 20), (20, 25)]
    assert token_labels(marked.without_tags, spans, [False] * 4) == ["markup", "greeting", "markup", "greeting"]


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "a", "é", "🙂", "\n", " b", "."]), max_size=14)


@given(PIECES, st.booleans())
def test_of_any_text_every_token_has_one_part_and_they_are_in_order(pieces: list[str], opened: bool) -> None:
    text = "".join(pieces)
    ids = ids_of(text)
    spans, span = token_spans(tiny_tokenizer(), [], ids), thinking_span(text, opened=opened)
    found = token_parts(MarkedText(text, span), spans, [False] * len(ids))
    assert len(found) == len(ids)
    assert len(MarkedText(text, span).without_tags) == len(text)
    if span is None:
        assert set(found) <= {"answer"}
        return
    for part, (start, end) in zip(found, spans, strict=True):
        assert start == end or part in {part_at(place, span) for place in range(start, end)}


def test_the_place_behind_the_text_goes_on_with_its_part() -> None:
    assert part_at(3, ThinkingSpan(0, 3, 3)) == "thinking"
    assert part_at(9, ThinkingSpan(0, 1, 9)) == "answer"


def thought(rank: int, kl: float | None, part: str, **changes: Any) -> dict[str, Any]:
    return token(rank, kl=kl, part=part, base_logprob=log(0.5), **changes)


ANSWERS = {
    "a": [
        thought(1, 0.5, "tag", label="markup"),
        thought(9, 2.0, "thinking", label="content_word", move="plan"),
        thought(3, 1.0, "thinking", label="content_word"),
        thought(9, 1.0, "tag", label="markup"),
        thought(9, 3.0, "answer", label="greeting"),
        thought(1, 0.0, "answer", label="end"),
    ],
    "b": [
        thought(9, None, "thinking", label="content_word", move="check"),
        thought(9, 0.5, "thinking", label="greeting"),
    ],
    "c": [thought(1, 0.25, "answer", label="content_word", move="plan")],
}


def test_shares_by_part_and_move_are_of_the_positions_of_the_part() -> None:
    table = table_of(ANSWERS)
    found = summarize(table, coverage_of(table), BOOTSTRAP)
    assert list(found.parts) == list(PARTS)
    assert {name: part.positions for name, part in found.parts.items()} == {"thinking": 4, "tag": 2, "answer": 3}
    thinking, answer = found.parts["thinking"], found.parts["answer"]
    assert (thinking.unshifted.mean, thinking.marginal.mean, thinking.shifted.mean) == pytest.approx((0, 0.25, 0.75))
    assert thinking.share_of_shifted.mean == pytest.approx(3 / 5)
    assert thinking.kl.mean == pytest.approx(3.5 / 3)
    assert thinking.kl.positions == 3
    assert answer.shifted.mean == pytest.approx(1 / 3)
    assert answer.kl.mean == pytest.approx(3.25 / 3)
    assert thinking.labels["greeting"].positions == 1
    assert thinking.labels["greeting"].share_of_shifted.mean == pytest.approx(1 / 5)
    assert thinking.moves["plan"].shifted.mean == 1
    assert (answer.moves["plan"].positions, answer.moves["plan"].shifted.mean) == (1, 0)
    assert found.moves["plan"].positions == 2
    assert found.moves["plan"].shifted.mean == pytest.approx(0.5)
    assert (found.moves["backtrack"].positions, found.moves["backtrack"].shifted.mean) == (0, None)
    assert sum(part.positions for part in found.parts.values()) == found.positions


def test_where_nothing_but_answers_is_measured_there_are_no_parts() -> None:
    found = summarize(table_of({"a": [token(1), token(9)]}), None, BOOTSTRAP)
    assert (found.parts, found.moves) == ({}, {})
    assert not {"parts", "moves"} & found.model_dump(mode="json").keys()
    assert part_curves(table_of({"a": [token(1)]}), BOOTSTRAP) == {}
    assert (part_table({"x": found}), move_table({"x": found})) == (None, None)


def test_every_figure_by_part_is_declared_with_its_positions() -> None:
    table = table_of(ANSWERS)
    found = summarize(table, None, BOOTSTRAP).model_dump()
    for part in PARTS:
        for path in [("kl", "mean"), ("unshifted", "mean"), *(("labels", label, "shifted") for label in LABELS)]:
            assert part in shift_how(("parts", part, *path))
        for move in MOVES:
            figure = position_figure(("parts", part, "moves", move, "shifted", "mean"))
            assert figure is not None
            assert int(figure.of(table).sum()) == found["parts"][part]["moves"][move]["positions"]


def test_a_curve_by_part_is_the_curve_of_that_part_alone_counted_from_its_first_token() -> None:
    inner = [[(number + answer) % 4 + 1 for number in range(3)] for answer in range(6)]
    whole = {
        f"q{number}": [
            thought(1, 0.5, "tag"), *(thought(rank, rank / 8, "thinking") for rank in ranks), thought(1, 0.5, "tag"),
            *(thought(rank, rank / 4, "answer") for rank in ranks[:2]),
        ]
        for number, ranks in enumerate(inner)
    }  # fmt: skip
    alone = {name: [row for row in rows if row["part"] == "thinking"] for name, rows in whole.items()}
    found = part_curves(table_of(whole), BOOTSTRAP)
    assert list(found) == ["thinking", "answer"]
    assert found["thinking"] == curve(table_of(alone), BOOTSTRAP)
    assert [point.index for point in found["answer"]] == [0, 1]
    shuffled = table_of(whole).take(pa.array(range(len(table_of(whole)) - 1, -1, -1)))
    assert [point.kl.mean for point in part_curves(shuffled, BOOTSTRAP)["thinking"]] == pytest.approx(
        [point.kl.mean for point in found["thinking"]]
    )
