"""Whatever the logits say, a reply is JSON of its schema."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from tests.conftest import ROOT
from tests.judge.local.small_tokenizers import llama_like, qwen_like
from tests.tiny_models import tiny_tokenizer
from urial.core.errors import UrialError
from urial.core.strict_json import strict_json
from urial.judge.local.constrained import Constraints, Matcher, choose
from urial.judge.local.layout import continuation
from urial.prompts.rubrics.rubrics import load_rubric

# With sorted keys, as a plan on disk has them.
SCHEMAS = {
    name: json.loads(json.dumps(load_rubric(name, ROOT / "prompts").reply_schema, sort_keys=True))
    for name in ("multi/1", "safety/1", "single/1")
}
TOKENIZERS: dict[str, Callable[[], Any]] = {"embedded": tiny_tokenizer, "qwen": qwen_like, "llama": llama_like}
CONSTRAINTS = {name: Constraints(make()) for name, make in TOKENIZERS.items()}
EMBEDDED = CONSTRAINTS["embedded"]
UNREADABLE = (
    "\n  expected: a fast tokenizer (tokenizer.json) that is byte-level or falls back to bytes"
    "\n  fix: set the judge's reply to score_tokens, or name another model"
)


def write(matcher: Matcher, logits: Callable[[int], Any], most: int) -> list[int]:
    """The tokens that the logits of each step choose, until the reply is whole."""
    ids: list[int] = []
    while not matcher.complete and len(ids) < most:
        (token,) = choose(logits(len(ids)), [matcher])
        matcher.take(token)
        ids.append(token)
    return ids


def noise(seed: int, tokenizer: Any, patience: float) -> Callable[[int], Any]:
    """Random logits, among which a quotation mark becomes more probable with every step."""
    generator = torch.Generator().manual_seed(seed)
    mark = tokenizer.convert_tokens_to_ids('"')

    def logits(step: int) -> Any:
        found = torch.randn(1, len(tokenizer), generator=generator)
        found[0, mark] += step / patience
        return found

    return logits


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("name", TOKENIZERS)
@given(seed=st.integers(0, 2**32))
def test_noise_writes_json_of_the_schema(name: str, schema: str, seed: int) -> None:
    matcher = CONSTRAINTS[name].start(SCHEMAS[schema])
    ids = write(matcher, noise(seed, TOKENIZERS[name](), patience=8), most=1_000)
    assert matcher.complete
    require_reply(matcher.text(ids), SCHEMAS[schema])


def require_reply(text: str, schema: Any) -> None:
    value = strict_json(text)
    jsonschema.validate(value, schema)
    assert list(value) == schema["required"]
    assert text == json.dumps(value, ensure_ascii=False), "one space after a colon and a comma, and no other"
    said = [str(part.get("rationale", "")) for part in value.values() if isinstance(part, dict)]
    assert not [character for character in "".join(said) if ord(character) < 32 and character not in "\n\t"]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_strings_take_any_language_and_no_special_token(name: str) -> None:
    tokenizer, matcher = TOKENIZERS[name](), CONSTRAINTS[name].start(SCHEMAS["safety/1"])
    text = '{"safety": {"rationale": "é 漢字 🙂 \\"so\\"\\n\\\\", "score": 3}}'
    for token in continuation(tokenizer, text):
        assert matcher.allowed()[token]
        matcher.take(token)
        specials = [item for item in tokenizer.all_special_ids if item < len(matcher.allowed())]
        assert matcher.complete or not matcher.allowed()[specials].any()
    assert matcher.complete
    assert matcher.text(continuation(tokenizer, text)) == text


def test_character_that_is_cut_in_two_is_left_out() -> None:
    ids = continuation(qwen_like(), '{"safety": {"rationale": "漢字')
    matcher = CONSTRAINTS["qwen"].start(SCHEMAS["safety/1"])
    assert matcher.text(ids) == '{"safety": {"rationale": "漢字'
    assert matcher.text(ids[:-1]) == '{"safety": {"rationale": "漢'


def test_keys_come_as_required_says_at_every_depth() -> None:
    pair: dict[str, Any] = {"properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["b", "a"]}
    closed = {"type": "object", "additionalProperties": False, **pair}
    matcher = EMBEDDED.start({"type": "array", "prefixItems": [{"anyOf": [closed]}], "items": False, "minItems": 1})
    ids = write(matcher, lambda _: torch.zeros(1, len(tiny_tokenizer())), most=100)
    assert matcher.text(ids) == '[{"b": null, "a": null}]'


def test_number_that_could_go_on_ends_with_the_end_token() -> None:
    matcher, end = EMBEDDED.start({"type": "integer", "minimum": 1}), tiny_tokenizer().eos_token_id
    (four,) = continuation(tiny_tokenizer(), "4")
    assert not matcher.allowed()[end]
    matcher.take(four)
    assert matcher.allowed()[end]
    assert not matcher.complete
    matcher.take(end)
    assert matcher.complete
    assert matcher.text([four, end]) == "4"


def test_logits_of_a_padded_vocabulary_choose_no_padding() -> None:
    logits = torch.zeros(2, len(tiny_tokenizer()) + 100)
    logits[:, len(tiny_tokenizer()) :] = 100
    brace = tiny_tokenizer().convert_tokens_to_ids("{")
    assert choose(logits, [EMBEDDED.start(SCHEMAS["single/1"])] * 2) == [brace, brace]
    assert choose(logits[:, : brace + 1], [EMBEDDED.start(SCHEMAS["single/1"])] * 2) == [brace, brace]


def test_rows_are_chosen_by_their_own_matchers() -> None:
    begun = EMBEDDED.start(SCHEMAS["single/1"])
    for token in continuation(tiny_tokenizer(), '{"score": '):
        begun.take(token)
    logits = torch.zeros(2, len(tiny_tokenizer()))
    logits[:, tiny_tokenizer().convert_tokens_to_ids("5")] = 1
    first, second = choose(logits, [EMBEDDED.start(SCHEMAS["single/1"]), begun])
    assert tiny_tokenizer().convert_ids_to_tokens([first, second]) == ["{", "5"]


def test_logits_that_are_not_numbers_choose_nothing() -> None:
    with pytest.raises(UrialError, match="the model's logits are not numbers"):
        choose(torch.full((1, len(tiny_tokenizer())), float("nan")), [EMBEDDED.start(SCHEMAS["single/1"])])


def test_token_that_may_not_come_next_is_an_error_and_not_a_reply() -> None:
    matcher = EMBEDDED.start(SCHEMAS["single/1"])
    with pytest.raises(UrialError, match=r"^a reply cannot be held to the rubric's schema: "):
        matcher.take(tiny_tokenizer().convert_tokens_to_ids("x"))


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object", "not": {"type": "null"}}, "'Unimplemented keys: [\"not\"]'"),
        ({"$ref": "#/nope"}, "\"Pointer '/nope' does not exist\""),
        ({"type": "nonsense"}, "'Invalid type: nonsense'"),
    ],
)
def test_schema_that_cannot_be_enforced_is_an_error(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(UrialError) as caught:
        EMBEDDED.start(schema)
    assert str(caught.value) == (
        f"a reply cannot be held to the rubric's schema: {reason}"
        "\n  fix: write the schema with other keywords, or use another rubric"
    )


@pytest.mark.parametrize(
    ("tokenizer", "reason"),
    [
        (ByT5Tokenizer(), "'Only fast tokenizers are supported'"),
        (
            PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "b": 1}))),
            '"can\'t determine decoder type: None"',
        ),
    ],
)
def test_tokenizer_whose_bytes_are_unknown_is_an_error(tokenizer: Any, reason: str) -> None:
    with pytest.raises(UrialError) as caught:
        Constraints(tokenizer)
    assert str(caught.value) == f"the judge's tokenizer cannot be held to a schema: {reason}{UNREADABLE}"
