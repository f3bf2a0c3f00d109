"""Paths in the report: every JSON Pointer comes back, and what names nothing says what there is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.core.json_paths import json_pointer
from urial.provenance.trace.pointers import completions, dotted, leaves, resolve, value_at

REPORT: dict[str, Any] = {
    "seed": 0,
    "list": [],
    "systems": {
        "base": {"words": {"mean": 2.0, "low": 1.0}, "ok": 3},
        "base-v1.5": {"words": {"mean": 4.0, "low": 2.0}, "ok": 5},
    },
    "token_shift": {"base": {"labels": {"end": {"shifted": {"mean": 0.5, "low": None}, "positions": 2}}}},
    "comparisons": [{"kl": {"mean": 1.0}, "note": None}, {"kl": {"mean": 2.0}, "note": "x"}],
}

KEYS = st.text(max_size=6) | st.sampled_from(["", "~", "/", "~1", "~0", "a/b", "m~n", "0", "01", "-", "\x1b[2J", "a.b"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(DOCUMENTS)
def test_the_pointer_of_every_value_leads_back_to_it(document: Any) -> None:
    for path in leaves(document):
        if not isinstance(value_at(document, path), (dict, list)):
            assert resolve(document, json_pointer(path)) == path


@given(DOCUMENTS, st.text(max_size=20) | KEYS)
def test_hostile_texts_name_a_value_or_say_why_not(document: Any, text: str) -> None:
    said = ""
    try:
        found = value_at(document, resolve(document, text))
    except UrialError as error:
        found, said = None, str(error)
    assert not isinstance(found, (dict, list))
    assert "\x1b" not in said


@given(st.text(max_size=20) | KEYS)
def test_whatever_is_completed_goes_on_with_what_there_is(text: str) -> None:
    assert all(found.startswith(text) for found in completions(REPORT, text))


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("seed", "/seed"),
        ("/systems/base/words", "/systems/base/words/mean"),
        ("/systems/base/words/low", "/systems/base/words/low"),
        ("systems.base.words", "/systems/base/words/mean"),
        ("systems.base.words.mean", "/systems/base/words/mean"),
        ("systems.base-v1.5.ok", "/systems/base-v1.5/ok"),
        ("base-v1.5.words", "/systems/base-v1.5/words/mean"),
        ("end.shifted", "/token_shift/base/labels/end/shifted/mean"),
        ("comparisons.1.kl", "/comparisons/1/kl/mean"),
        ("comparisons.0.note", "/comparisons/0/note"),
        ("/comparisons/1/note", "/comparisons/1/note"),
    ],
)
def test_paths(text: str, pointer: str) -> None:
    assert json_pointer(resolve(REPORT, text)) == pointer


def test_the_longest_name_wins_and_a_shorter_one_is_taken_where_it_leads_nowhere() -> None:
    document = {"a": {"b": {"c": 0, "d": 2}}, "a.b": {"c": 1}}
    assert (resolve(document, "a.b.c"), resolve(document, "a.b.d")) == (("a.b", "c"), ("a", "b", "d"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "systems.bse.ok",
            "the report has no 'bse' under 'systems'\n  expected: one of: base, base-v1.5\n"
            "  fix: did you mean 'base'?",
        ),
        (
            "/systems/bse/ok",
            "the report has no 'bse' under 'systems'\n  expected: one of: base, base-v1.5\n"
            "  fix: did you mean 'base'?",
        ),
        (
            "systems.base.wrds.mean",
            "the report has no 'wrds' under 'systems.base'\n  expected: one of: words, ok\n  fix: did you mean 'words'?",
        ),
        (
            "lbels.end",
            "the report has no 'lbels.end'\n  fix: did you mean 'labels.end'?",
        ),
        (
            "labels.emd",
            "the report has no 'labels.emd'\n  fix: did you mean 'labels.end'?",
        ),
        ("words.low", "'words.low' names 2 values: systems.base.words.low, systems.base-v1.5.words.low\n"
                      "  fix: give a longer path, e.g. base.words.low"),
        ("ok", "'ok' names 2 values: systems.base.ok, systems.base-v1.5.ok\n  fix: give a longer path, e.g. base.ok"),
        ("systems.base", "'systems.base' is no value but holds 2\n  expected: one of them: words, ok"),
        ("labels.end", "'labels.end' is no value but holds 2\n  expected: one of them: shifted, positions"),
        ("", "'' is no value but holds 5\n"
             "  expected: one of them: seed, list, systems, token_shift, comparisons"),
        ("list", "'list' is no value but holds 0"),
        ("seed.x", "'seed' is a value and holds no 'x'"),
        ("/seed/x", "'seed' is a value and holds no 'x'"),
        ("comparisons.2", "the report has no '2' under 'comparisons'\n  expected: one of: 0, 1"),
        ("/comparisons/01/note", "the report has no '01' under 'comparisons'\n  expected: one of: 0, 1\n"
                                     "  fix: did you mean '1'?"),
        ("/comparisons/-", "the report has no '-' under 'comparisons'\n  expected: one of: 0, 1"),
        ("/systems/~2", "'/systems/~2': not a JSON Pointer\n  expected: ~0 for ~, ~1 for / inside a name"),
        ("\x1b[2J", "the report has no '\\x1b[2J' at its top\n"
                    "  expected: one of: seed, list, systems, token_shift, comparisons"),
    ],
)  # fmt: skip
def test_what_names_no_value_says_why(text: str, message: str) -> None:
    with pytest.raises(UrialError) as error:
        resolve(REPORT, text)
    assert str(error.value) == message


def test_a_long_list_of_names_is_cut_and_hostile_ones_are_made_visible() -> None:
    with pytest.raises(UrialError) as error:
        resolve({"\x1b[2J": 0, **{f"n{number:02}": 0 for number in range(20)}}, "zz")
    assert str(error.value) == (
        "the report has no 'zz' at its top\n"
        "  expected: one of: ␛[2J, n00, n01, n02, n03, n04, n05, n06, n07, n08 and 11 more"
    )


@pytest.mark.parametrize(
    ("incomplete", "found"),
    [
        ("", ["seed", "list", "systems.", "token_shift.", "comparisons."]),
        ("se", ["seed"]),
        ("/", ["/seed", "/list", "/systems/", "/token_shift/", "/comparisons/"]),
        ("sy", ["systems.base.", "systems.base-v1.5."]),
        ("systems.base", ["systems.base.", "systems.base-v1.5."]),
        ("systems.base.", ["systems.base.words.", "systems.base.ok"]),
        ("systems.base.w", ["systems.base.words.mean", "systems.base.words.low"]),
        ("systems.base.words.mean", ["systems.base.words.mean"]),
        ("/systems/base/o", ["/systems/base/ok"]),
        ("tok", ["token_shift.base.labels.end.shifted.", "token_shift.base.labels.end.positions"]),
        ("comparisons.1", ["comparisons.1.kl.", "comparisons.1.note"]),
        # What begins no path: ends of paths that only one value has.
        ("base-v", ["base-v1.5.words.", "base-v1.5.ok"]),
        ("base-v1.5.w", ["base-v1.5.words.mean", "base-v1.5.words.low"]),
        ("lab", ["labels.end.shifted.", "labels.end.positions"]),
        ("labels.end.pos", ["labels.end.positions"]),
        ("ok", []),
        ("words.", []),
        ("/base", []),
        ("x", []),
        ("systems.base.ok.x", []),
    ],
)
def test_completions(incomplete: str, found: list[str]) -> None:
    assert completions(REPORT, incomplete) == found


def test_escapes_are_completed_as_they_are_written() -> None:
    assert completions({"a/b~c": {"x": 1, "y": 2}}, "/a") == ["/a~1b~0c/x", "/a~1b~0c/y"]
    assert json_pointer(("a/b~c", 0)) == "/a~1b~0c/0"
    assert dotted(("a/b~c", 0)) == "a/b~c.0"


def test_what_can_be_of_several_kinds_means_its_kind() -> None:
    document = {"judge": {"kind": "model", "model": {"kind": "openai", "seed": 0}}}
    assert resolve(document, "judge") == resolve(document, "/judge") == ("judge", "kind")
    assert resolve(document, "judge.model.seed") == ("judge", "model", "seed")
