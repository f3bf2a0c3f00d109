"""Rules of blended decoding, and the positions of an answer."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from urial.core.errors import UrialError
from urial.records.blend import (
    BlendRule,
    Interventions,
    Nudge,
    PlannedRule,
    Proxy,
    RandomShare,
    Realign,
    Swap,
    goes_by_text,
    other_token,
    require_one_vocabulary,
)  # fmt: skip
from urial.records.blended_tokens import BlendedAnswer, places_of
from urial.records.completion import Answer

RULES: TypeAdapter[Any] = TypeAdapter(BlendRule)
SWAP = {"kind": "swap", "divergence": "kl", "threshold": 1.0}
RANDOM = RandomShare(kind="random", share=0.5, unit="word", seed=0)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "nudge", "threshold": 0.3},
        SWAP,
        {"kind": "swap", "divergence": "js", "threshold": 0},
        {"kind": "proxy", "alpha": 1.5},
        {"kind": "proxy", "alpha": 1, "untuned": {"folder": "small"}},
        {"kind": "realign", "weight": 2},
    ],
)
def test_rules_that_can_be_named(rule: dict[str, Any]) -> None:
    assert RULES.validate_python(rule).kind == rule["kind"]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "nudge"},
        {"kind": "nudge", "threshold": 1.01},
        {"kind": "nudge", "threshold": -0.1},
        {"kind": "nudge", "threshold": "0.3"},
        {"kind": "nudge", "threshold": float("nan")},
        {**SWAP, "divergence": "entropy"},
        {**SWAP, "threshold": float("inf")},
        {**SWAP, "extra": 1},
        {"kind": "proxy", "alpha": -1},
        {"kind": "proxy", "alpha": 1, "untuned": {"server": "http://x", "model": "y"}},
        {"kind": "proxy", "alpha": 1, "untuned": {"hub": "a", "folder": "b"}},
        {"kind": "realign", "weight": 101},
        {"kind": "realign", "lambda": 0.5},
        # The control is planned, not named.
        {"kind": "random", "share": 0.5, "unit": "word", "seed": 0},
    ],
)
def test_rules_that_cannot(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULES.validate_python(rule)


def test_the_control_is_a_planned_rule() -> None:
    assert TypeAdapter[Any](PlannedRule).validate_python(RANDOM.model_dump()) == RANDOM


@pytest.mark.parametrize(
    ("starts", "supplied", "changed"),
    # The last two: the helper ended the answer behind its last token.
    [((), (), ()), ((0,), (0, 1), ()), ((0, 4), (0, 1, 4), (1, 4)), ((3,), (), ()), ((0, 5), (0, 1), (1,))],
)
def test_positions(starts: tuple[int, ...], supplied: tuple[int, ...], changed: tuple[int, ...]) -> None:
    assert Interventions(starts=starts, supplied=supplied, changed=changed).starts == starts


@pytest.mark.parametrize(
    ("starts", "supplied", "changed", "said"),
    [
        ((0,), (1,), (), "starts and changed are positions of supplied"),
        ((), (1,), (2,), "starts and changed are positions of supplied"),
        ((0, 4, 5), (0,), (), "one more start may follow behind the last token"),
        ((), (2, 1), (), "positions are not negative, and each is greater than the one before"),
        ((), (1, 1), (), "positions are not negative, and each is greater than the one before"),
        ((-1,), (-1,), (), "positions are not negative, and each is greater than the one before"),
    ],
)
def test_positions_that_cannot_be(
    starts: tuple[int, ...], supplied: tuple[int, ...], changed: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Interventions(starts=starts, supplied=supplied, changed=changed)


def test_a_start_that_supplies_nothing_is_behind_the_last_token() -> None:
    columns: dict[str, Any] = {"tokens": ("A", "B"), "words": (0, 1), "labels": ("content_word",) * 2, "kinds": None}
    ended = Interventions(starts=(2,), supplied=(), changed=())
    assert places_of(BlendedAnswer(**columns, interventions=ended).interventions, 2) == (1, 3)
    for place in (1, 3):
        with pytest.raises(ValidationError, match="a start that supplies nothing is behind the last token"):
            BlendedAnswer(**columns, interventions=ended.model_copy(update={"starts": (place,)}))


def test_the_answer_of_one_model_keeps_its_bytes() -> None:
    assert (
        Answer(text="a", token_ids=(1,), finish="length").model_dump_json()
        == '{"text":"a","token_ids":[1],"finish":"length"}'
    )


def test_which_rules_go_by_text() -> None:
    assert goes_by_text(Nudge(kind="nudge", threshold=0.3))
    assert goes_by_text(RANDOM)
    others = [
        RANDOM.model_copy(update={"unit": "token"}),
        RULES.validate_python(SWAP),
        Realign(kind="realign", weight=1),
    ]
    assert not any(map(goes_by_text, others))


def test_the_last_token_that_differs_is_named() -> None:
    base, other = {0: "a", 1: "b", 2: "c"}, {0: "a", 1: "x", 2: "y"}
    assert other_token(base, dict(base)) is None
    assert other_token(base, other) == 2
    assert other_token({}, {}) is None
    require_one_vocabulary(RANDOM, base, other, ("one", "two"))
    for rule in (Swap(kind="swap", divergence="js", threshold=0), Proxy(kind="proxy", alpha=1)):
        require_one_vocabulary(rule, base, dict(base), ("one", "two"))
        with pytest.raises(UrialError) as caught:
            require_one_vocabulary(rule, base, other, ("one", "two"))
        assert str(caught.value) == (
            f"rule {rule.kind} needs one vocabulary, and the tokenizers of one and two differ: token 2 is 'c' to one and 'y' "
            "to the other\n  fix: name models of one vocabulary, or use rule nudge, whose words are given as text"
        )
