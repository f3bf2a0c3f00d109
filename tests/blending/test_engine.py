"""What ends a blended answer, which positions it names, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.blending.plain import REQUESTS, Engines, answers, engines, logits, other_folder, prompts_of
from tests.tiny_models import decoding, save_folder, tiny_folder, tiny_model, tiny_tokenizer
from urial.blending.engine import BlendedEngine, BlendRequest
from urial.core.errors import UrialError
from urial.core.thinking import Marks
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.records.blend import Nudge, PlannedRule, Proxy, RandomShare, Realign, Swap
from urial.records.completion import Answer

LONG = decoding(max_new_tokens=16)
NUDGE = Nudge(kind="nudge", threshold=0.2)
SWAP = Swap(kind="swap", divergence="js", threshold=0.65)
# Both have a say in every answer.
MIX = RandomShare(kind="random", share=0.5, unit="token", seed=0)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Engines:
    found = engines("llama", "qwen2")
    for voice in (found.blended.base, found.blended.helper):
        monkeypatch.setattr(voice, "end_ids", frozenset())
    return found


def places(answer: Answer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The answer's tokens, and which the helper supplied."""
    assert answer.token_ids is not None
    assert answer.interventions is not None
    return answer.token_ids, answer.interventions.supplied


@pytest.mark.parametrize("side", ["base", "helper"])
def test_an_end_token_ends_the_answer_where_its_model_supplies_it(
    pair: Engines, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = pair.blend(MIX, LONG)
    number = next(n for n, answer in enumerate(free) if 4 < len(places(answer)[1]) < 12)
    ids, supplied = places(free[number])
    own = [place for place in range(len(ids)) if (place in supplied) == (side == "helper")]
    place = next(place for place in own if ids.index(ids[place]) == place and place)
    monkeypatch.setattr(
        pair.blended.base if side == "base" else pair.blended.helper, "end_ids", frozenset({ids[place]})
    )
    found = pair.blend(MIX, LONG)[number]
    assert (found.token_ids, found.finish) == (ids[: place + 1], "end_token")
    # The other's end token is a token like any other.
    monkeypatch.setattr(pair.blended.base, "end_ids", frozenset())
    monkeypatch.setattr(pair.blended.helper, "end_ids", frozenset())
    monkeypatch.setattr(
        pair.blended.helper if side == "base" else pair.blended.base, "end_ids", frozenset({ids[place]})
    )
    others = pair.blend(MIX, LONG)[number].token_ids
    assert others is not None
    assert others[: place + 1] == ids[: place + 1]


def test_a_stop_string_counts_when_its_model_supplies_a_token(pair: Engines) -> None:
    free = pair.blend(MIX, LONG)
    number = next(n for n, answer in enumerate(free) if 4 < len(places(answer)[1]) < 12)
    text, (ids, supplied) = free[number].text, places(free[number])
    stop = next(text[n : n + 2] for n in range(3, len(text)) if "\ufffd" not in text[n : n + 2])
    tokenizer = pair.base.tokenizer
    complete = next(n for n in range(len(ids)) if stop in tokenizer.decode(ids[: n + 1]))
    for side in ("base", "helper"):
        request = REQUESTS[number]
        changed = BlendRequest(
            Request(request.base.text, True, (stop,) if side == "base" else (), request.base.seed),
            Request(request.helper.text, False, (stop,) if side == "helper" else (), 0),
        )
        (found,) = pair.blend(MIX, LONG, requests=[changed])
        own = [place for place in range(complete, len(ids)) if (place in supplied) == (side == "helper")]
        if own:
            assert (found.text, found.finish) == (text[: text.index(stop)], "stop_string")
            assert found.token_ids == ids[: own[0] + 1]
        else:
            assert found == free[number]


def test_within_thinking_no_stop_string_of_either_model_counts(pair: Engines) -> None:
    free = pair.blend(MIX, LONG)
    number = next(n for n, answer in enumerate(free) if 4 < len(places(answer)[1]) < 12)
    text, request = free[number].text, REQUESTS[number]
    stop = (next(text[n : n + 2] for n in range(3, len(text)) if "\ufffd" not in text[n : n + 2]),)
    # Thinking that the prompt opened and no tag closes; and none at all.
    within, none = Marks(("[T]", "[/T]"), True), Marks(("[T]", "[/T]"))
    for marks in (within, none):
        changed = BlendRequest(
            replace(request.base, stop=stop, marks=marks), replace(request.helper, stop=stop, marks=marks)
        )
        (found,) = pair.blend(MIX, LONG, requests=[changed])
        if marks is within:
            assert found == free[number]
        else:
            assert (found.text, found.finish) == (text[: text.index(stop[0])], "stop_string")


def test_positions_say_what_was_supplied_and_what_that_changed(pair: Engines) -> None:
    for rule in (NUDGE, SWAP, RandomShare(kind="random", share=0.5, unit="word", seed=1)):
        for request, answer in zip(REQUESTS, pair.blend(rule, LONG), strict=True):
            ids, supplied = places(answer)
            assert answer.interventions is not None
            prompt = pair.base.tokenizer(request.base.text)["input_ids"]
            logits = pair.blended.base.model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
            own = logits.argmax(-1).tolist()
            differs = tuple(place for place in range(len(ids)) if ids[place] != own[place])
            assert answer.interventions.changed == differs
            assert set(differs) <= set(supplied)
            assert not supplied or answer.interventions.starts[0] == supplied[0]
            if rule is SWAP:
                assert answer.interventions.starts == supplied


def test_a_control_steps_in_as_often_as_it_is_to_and_elsewhere_with_another_seed(pair: Engines) -> None:
    texts = [f"query {number}" for number in range(60)]
    requests = [BlendRequest(Request(text, True, (), n), Request(text, True, (), 0)) for n, text in enumerate(texts)]
    found = {}
    for unit in ("token", "word"):
        rule = RandomShare.model_validate({"kind": "random", "share": 0.3, "unit": unit, "seed": 0})
        made = pair.blend(rule, LONG, requests=requests, batch_size=60)
        stepped = sum(len(answer.interventions.starts) for answer in made if answer.interventions)
        supplied = sum(len(places(answer)[1]) for answer in made)
        asked = 60 * 16 - supplied + stepped
        assert abs(stepped / asked - 0.3) < 4 * (0.3 * 0.7 / asked) ** 0.5
        assert (supplied == stepped) == (unit == "token")
        found[unit] = made
        again = pair.blend(rule.model_copy(update={"seed": 1}), LONG, requests=requests, batch_size=60)
        assert [places(answer)[1] for answer in again] != [places(answer)[1] for answer in made]
    assert found["token"] != found["word"]


def test_nothing_wanted_computes_nothing_and_one_row_is_answered_alone(pair: Engines) -> None:
    everything = pair.blend(NUDGE, LONG)
    assert dict(pair.blended.complete(REQUESTS, [2], LONG, LONG)) == {2: everything[2]}
    assert dict(pair.blended.complete(REQUESTS, [], LONG, LONG)) == {}
    assert dict(pair.blended.complete([], [], LONG, LONG)) == {}


def test_a_longer_vocabulary_has_tokens_that_are_never_chosen_unless_they_end_an_answer(tmp_path: Path) -> None:
    more = tiny_model("qwen2", vocab_size=len(engines("llama", "qwen2").base.tokenizer) + 40)
    with torch.no_grad():
        more.get_output_embeddings().weight[-40:] *= 30
    helper = save_folder(tmp_path / "more", more)
    for rule in (NUDGE, Nudge(kind="nudge", threshold=1), SWAP, Realign(kind="realign", weight=0.9)):
        engine = BlendedEngine(tiny_folder("llama"), helper, rule, 1, 4)
        width = engine.base.model.config.vocab_size
        assert all(
            max(answer.token_ids or ()) < width for answer in answers(engine, REQUESTS, range(4), LONG, LONG).values()
        )
    engine = BlendedEngine(tiny_folder("llama"), helper, Nudge(kind="nudge", threshold=1), 1, 4)
    engine.helper.end_ids = frozenset(range(width, width + 40))
    for answer in answers(engine, REQUESTS, range(4), LONG, LONG).values():
        assert answer.finish == "end_token"
        assert (answer.token_ids or ())[-1] >= width


@pytest.fixture
def longer(tmp_path: Path) -> tuple[Path, int]:
    """A helper with end tokens that the base does not have, and the number of tokens that both have."""
    width = len(tiny_tokenizer())
    more = tiny_model("qwen2", vocab_size=width + 8)
    with torch.no_grad():
        more.get_output_embeddings().weight[width:] *= 3
    return save_folder(tmp_path / "longer", more), width


SUMS: tuple[tuple[PlannedRule, PlannedRule], ...] = (
    (Realign(kind="realign", weight=0), Realign(kind="realign", weight=1)),
    (Proxy(kind="proxy", alpha=0), Proxy(kind="proxy", alpha=1)),
)


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize(("never", "always"), SUMS)
def test_a_sum_ends_with_the_end_tokens_that_its_leading_model_alone_has(
    never: PlannedRule, always: PlannedRule, temperature: float, longer: tuple[Path, int]
) -> None:
    folder, width = longer
    settings = decoding(max_new_tokens=16, temperature=temperature, repetition_penalty=1.2)
    ends = frozenset(range(width, width + 8))
    for rule, own, names in (
        (never, tiny_folder("llama"), (tiny_folder("llama"), folder)),
        (always, folder, (tiny_folder("llama"), folder)),
        # The leading model may be the base.
        (never, folder, (folder, tiny_folder("llama"))),
        (always, tiny_folder("llama"), (folder, tiny_folder("llama"))),
    ):
        engine, alone = BlendedEngine(*names, rule, 1, 4), TransformersEngine(own, 1, 4)
        for voice in (engine.base, engine.helper, alone):
            if voice.model.config.vocab_size > width:
                voice.end_ids = voice.end_ids | ends
        asked = [request.base if rule is never else request.helper for request in REQUESTS]
        requests = [BlendRequest(replace(one, seed=n), replace(one, seed=n)) for n, one in enumerate(asked)]
        expected = dict(alone.complete([request.base for request in requests], range(4), settings))
        found = answers(engine, requests, range(4), settings, settings)
        assert {n: (answer.token_ids, answer.finish) for n, answer in found.items()} == {
            n: (answer.token_ids, answer.finish) for n, answer in expected.items()
        }
        if own == folder:
            assert any(
                answer.finish == "end_token" and max(answer.token_ids or ()) >= width for answer in expected.values()
            )


@pytest.mark.parametrize("of_base", [frozenset({5, 9}), frozenset[int]()])
def test_in_a_sum_an_end_token_that_a_model_lacks_has_the_logit_of_its_own_likeliest(
    of_base: frozenset[int], longer: tuple[Path, int]
) -> None:
    folder, width = longer
    ends = [width + 2, width + 5]
    for weight in (0.6, 0.9, 1.5):
        for rule in (Realign(kind="realign", weight=weight), Proxy(kind="proxy", alpha=weight)):
            engine = BlendedEngine(tiny_folder("llama"), folder, rule, 1, 4)
            engine.base.end_ids, engine.helper.end_ids = of_base, frozenset(ends)
            found = answers(engine, REQUESTS, range(4), decoding(max_new_tokens=1), decoding(max_new_tokens=1))
            for number, request in enumerate(REQUESTS):
                base, helper = (
                    logits(voice.model, prompt)
                    for voice, prompt in zip((engine.base, engine.helper), prompts_of(request), strict=True)
                )
                likeliest = base[sorted(of_base)].max().expand(2) if of_base else helper[ends]
                total = torch.cat([base, likeliest]).mul(1 - weight) + weight * helper[[*range(width), *ends]]
                best = [*range(width), *ends][int(total.argmax())]
                assert found[number].token_ids == (best,)
                assert (found[number].finish == "end_token") == (best in ends)


def test_logits_that_are_not_numbers_are_refused(pair: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = pair.blended.helper.model.get_output_embeddings().weight
    original = weight.detach().clone()
    try:
        with torch.no_grad():
            weight[3] = torch.nan
        with pytest.raises(UrialError) as caught:
            pair.blend(SWAP, LONG)
        assert str(caught.value) == "the model's logits are not numbers\n  fix: load it in float32 or bfloat16"
    finally:
        with torch.no_grad():
            weight.copy_(original)


def test_no_room_names_what_to_lower(pair: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr("urial.blending.engine.Part", full)
    with pytest.raises(UrialError) as caught:
        pair.blend(NUDGE, LONG)
    assert str(caught.value) == "4 rows do not fit into the device's memory\n  fix: lower generation.batch_size"


@pytest.mark.parametrize("rule", [SWAP, Realign(kind="realign", weight=0.5)])
def test_models_of_two_vocabularies_are_refused_where_the_rule_needs_one(rule: PlannedRule) -> None:
    with pytest.raises(UrialError) as caught:
        BlendedEngine(tiny_folder("llama"), other_folder(), rule, 1, 4)
    last = len(tiny_tokenizer()) - 1
    assert str(caught.value) == (
        f"rule {rule.kind} needs one vocabulary, and the tokenizers of microworld and microworld differ: token {last:,} is "
        f"{tiny_tokenizer().convert_ids_to_tokens(last)!r} to one and none to the other\n"
        "  fix: name models of one vocabulary, or use rule nudge, whose words are given as text"
    )
