"""A rule that never steps in gives the base's answers, one that always does the helper's; others what plain loops give."""

import pytest
import torch

from tests.blending.plain import (
    ENDS,
    PAIRS,
    REQUESTS,
    Engines,
    Plain,
    engines,
    nudged,
    prompts_of,
    token_by_token,
)
from tests.tiny_models import decoding
from tests.token_shift.reference import divergence, jensen_shannon
from urial.records.blend import Nudge, PlannedRule, Proxy, RandomShare, Realign, Swap
from urial.records.completion import Answer
from urial.records.params.file import Decoding

LENGTH = 6
GREEDY = decoding(max_new_tokens=LENGTH, repetition_penalty=1.3), decoding(max_new_tokens=LENGTH)
SAMPLED = (
    decoding(max_new_tokens=LENGTH, temperature=1, top_p=0.9),
    decoding(max_new_tokens=LENGTH, temperature=0.7, repetition_penalty=1.2),
)
NEVER: tuple[PlannedRule, ...] = (
    Nudge(kind="nudge", threshold=0),
    Swap(kind="swap", divergence="kl", threshold=1e9),
    Swap(kind="swap", divergence="js", threshold=1),
    Realign(kind="realign", weight=0),
    Proxy(kind="proxy", alpha=0),
    RandomShare(kind="random", share=0, unit="word", seed=3),
)
ALWAYS: tuple[PlannedRule, ...] = (
    Nudge(kind="nudge", threshold=1),
    Swap(kind="swap", divergence="kl", threshold=0),
    Swap(kind="swap", divergence="js", threshold=0),
    Realign(kind="realign", weight=1),
    # Of the base itself.
    Proxy(kind="proxy", alpha=1),
    RandomShare(kind="random", share=1, unit="word", seed=3),
    RandomShare(kind="random", share=1, unit="token", seed=3),
)


def alone(pair: Engines, settings: tuple[Decoding, Decoding]) -> tuple[list[Answer], list[Answer]]:
    """What each model answers by itself."""
    numbers = range(len(REQUESTS))
    base = dict(pair.base.complete([item.base for item in REQUESTS], numbers, settings[0]))
    helper = dict(pair.helper.complete([item.helper for item in REQUESTS], numbers, settings[1]))
    return [base[number] for number in numbers], [helper[number] for number in numbers]


def require_same(found: list[Answer], expected: list[Answer]) -> None:
    assert [answer.model_copy(update={"interventions": None}) for answer in found] == expected


@pytest.mark.parametrize(
    ("names", "settings"), [*((names, GREEDY) for names in PAIRS), (PAIRS[0], SAMPLED), (PAIRS[3], SAMPLED)]
)
def test_a_rule_that_never_or_always_steps_in_gives_one_model_exactly(
    names: tuple[str, str], settings: tuple[Decoding, Decoding]
) -> None:
    pair = engines(*names)
    base, helper = alone(pair, settings)
    assert base != helper
    every = names == PAIRS[0]
    for rule in NEVER if every else NEVER[:1]:
        found = pair.blend(rule, *settings)
        require_same(found, base)
        assert not any(answer.interventions and answer.interventions.supplied for answer in found)
    for rule in ALWAYS if every else ALWAYS[:4:3]:
        found = pair.blend(rule, *settings)
        require_same(found, helper)
        if not isinstance(rule, Realign | Proxy):
            assert all(
                answer.interventions and answer.interventions.supplied == tuple(range(len(answer.token_ids or ())))
                for answer in found
            )


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_nudging_gives_the_tokens_of_a_plain_loop(names: tuple[str, str]) -> None:
    pair = engines(*names)
    peaks = [Plain(pair, prompts_of(request), (1.3, 1), []).logits(0).softmax(-1).max() for request in REQUESTS]
    # About as often as not.
    threshold = round(float(torch.stack(peaks).median()), 4) + 1e-3
    expected = [nudged(Plain(pair, prompts_of(request), (1.3, 1), []), threshold, LENGTH) for request in REQUESTS]
    rule = Nudge(kind="nudge", threshold=threshold)
    for size in (1, 4) if names == PAIRS[0] else (4,):
        found = pair.blend(rule, *GREEDY, batch_size=size)
        assert [ids_of(answer) for answer in found] == expected
    shares = {len(answer.interventions.supplied) for answer in found if answer.interventions}
    assert shares != {0}


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_other_rules_give_the_tokens_of_plain_loops_in_float64(names: tuple[str, str]) -> None:
    pair = engines(*names)

    def far(plain: Plain) -> dict[str, float]:
        base, helper = (plain.logits(side).log_softmax(-1)[None] for side in (0, 1))
        return {"kl": float(divergence(helper, base)), "js": float(jensen_shannon(base, helper))}

    begun = [far(Plain(pair, prompts_of(request), (1.3, 1), [])) for request in REQUESTS]
    for kind in ("kl", "js"):
        threshold = sorted(item[kind] for item in begun)[len(begun) // 2] * 1.0005
        rule = Swap.model_validate({"kind": "swap", "divergence": kind, "threshold": threshold})
        expected = [
            token_by_token(
                Plain(pair, prompts_of(request), (1.3, 1), []),
                lambda plain, kind=kind, threshold=threshold: plain.choice(int(far(plain)[kind] > threshold)),  # type: ignore[misc]
                LENGTH,
            )
            for request in REQUESTS
        ]
        found = pair.blend(rule, *GREEDY)
        assert [ids_of(answer) for answer in found] == expected
        assert sum(len(answer.interventions.supplied) for answer in found if answer.interventions) > 0
    for weight, lead in ((0.4, 0), (0.7, 1), (1.5, 1)):
        expected = [
            token_by_token(
                Plain(pair, prompts_of(request), (1.3, 1), []),
                lambda plain, weight=weight, lead=lead: plain.choice(  # type: ignore[misc]
                    lead, weight * plain.logits(1) + (1 - weight) * plain.logits(0)
                ),
                LENGTH,
            )
            for request in REQUESTS
        ]
        for total in (Realign(kind="realign", weight=weight), Proxy(kind="proxy", alpha=weight)):
            assert [ids_of(answer) for answer in pair.blend(total, *GREEDY)] == expected


def ids_of(answer: Answer) -> list[int]:
    return list(answer.token_ids or ())


def test_an_answer_does_not_depend_on_the_rows_beside_it() -> None:
    pair = engines("llama", "qwen2")
    for rule in (
        Nudge(kind="nudge", threshold=0.2),
        Swap(kind="swap", divergence="js", threshold=0.3),
        Realign(kind="realign", weight=0.5),
        RandomShare(kind="random", share=0.4, unit="word", seed=0),
    ):
        single = pair.blend(rule, *SAMPLED, batch_size=1)
        assert pair.blend(rule, *SAMPLED, batch_size=16) == single
        backwards = pair.blend(rule, *SAMPLED, batch_size=3, requests=REQUESTS[::-1])
        assert backwards == single[::-1]
    assert len(single) == len(ENDS)
