"""Shares by task and topic."""

import pytest

from tests.conftest import make_query
from tests.token_shift.measured import BOOTSTRAP, MARGINAL, SHIFTED, UNSHIFTED, ranks
from urial.statistics.scores import by_tag
from urial.token_shift.figures.tags import tag_shifts

TABLE = ranks({"a": [SHIFTED, UNSHIFTED], "b": [SHIFTED], "c": [UNSHIFTED, UNSHIFTED, MARGINAL]})
INSTRUCTIONS = [
    make_query("a", task=("write", "code"), topic=("x",)),
    make_query("b", task=("code",)),
    make_query("c", task=("write",)),
    make_query("d", task=("sing",)),
]


def test_an_instruction_counts_under_each_of_its_tags() -> None:
    tags = by_tag(INSTRUCTIONS, "task")
    assert tags == {"code": {"a", "b"}, "sing": {"d"}, "write": {"a", "c"}}
    assert list(tags) == ["code", "sing", "write"]
    assert by_tag(INSTRUCTIONS, "topic") == {"x": {"a"}}


def test_shares_are_over_the_tokens_of_the_tag_s_answers() -> None:
    found = tag_shifts(TABLE, by_tag(INSTRUCTIONS, "task"), BOOTSTRAP)
    code, write = found["code"], found["write"]
    assert (code.answers, code.positions) == (2, 3)
    assert [code.unshifted.mean, code.marginal.mean, code.shifted.mean] == pytest.approx([1 / 3, 0, 2 / 3])
    assert code.shifted == BOOTSTRAP.ratio([1, 1], [2, 1])
    assert write.marginal == BOOTSTRAP.ratio([0, 1], [2, 3])
    assert (write.answers, write.positions) == (2, 5)


def test_a_tag_without_a_measured_answer_has_no_share() -> None:
    sing = tag_shifts(TABLE, {"sing": {"d"}}, BOOTSTRAP)["sing"]
    assert (sing.answers, sing.positions, sing.unshifted.mean, sing.shifted.low) == (0, 0, None, None)


def test_a_tag_of_one_answer_has_no_interval() -> None:
    one = tag_shifts(TABLE, {"x": {"a"}}, BOOTSTRAP)["x"]
    assert (one.shifted.mean, one.shifted.low, one.shifted.high) == (0.5, None, None)


def test_all_answers_under_one_tag_are_the_whole() -> None:
    whole = tag_shifts(TABLE, {"all": {"a", "b", "c"}}, BOOTSTRAP)["all"]
    assert whole.unshifted == BOOTSTRAP.ratio([1, 0, 2], [2, 1, 3])
