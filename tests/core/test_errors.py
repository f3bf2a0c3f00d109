from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError, did_you_mean, shorten


def test_a_message_has_a_line_for_each_detail_in_order() -> None:
    error = UrialError("no 'x' in pairs", fix="did you mean 'y'?", where="params.yaml", expected="a known name")
    assert str(error) == "no 'x' in pairs\n  where: params.yaml\n  expected: a known name\n  fix: did you mean 'y'?"


def test_details_that_are_not_given_take_no_line() -> None:
    assert str(UrialError("it failed")) == "it failed"
    assert str(UrialError("it failed", fix=None, where="")) == "it failed"


def test_the_parts_stay_readable_on_the_error() -> None:
    error = UrialError("what", where="here", expected="that", fix="so")
    assert (error.what, error.where, error.expected, error.fix) == ("what", "here", "that", "so")


def test_the_nearest_known_name_is_offered() -> None:
    known = ["temperature", "top_p", "repetition_penalty"]
    assert did_you_mean("repitition_penalty", known) == "did you mean 'repetition_penalty'?"


def test_all_known_names_are_listed_when_none_is_near() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known names: a, b"


def test_a_name_that_a_terminal_would_obey_is_shown_as_text() -> None:
    assert did_you_mean("quite other", ["a", "b\x1b[31m"]) == "known names: a, 'b\\x1b[31m'"


def test_there_is_no_hint_when_nothing_is_known() -> None:
    assert did_you_mean("x", []) is None


def test_a_megabyte_as_a_name_is_answered_at_once() -> None:
    assert did_you_mean("x" * 1_000_000, ["pair", "judge"]) == "known names: judge, pair"


@given(st.text() | st.binary() | st.integers() | st.lists(st.text()), st.integers(10, 100))
def test_a_value_is_shown_whole_or_cut_to_the_limit(value: object, limit: int) -> None:
    shown = shorten(value, limit)
    assert len(shown) <= limit
    assert shown == repr(value) or (shown.endswith("…") and repr(value)[:5] == shown[:5])


def test_a_cut_value_shows_its_beginning() -> None:
    assert shorten("x" * 1_000_000, 10) == "'xxxxxxxx…"
