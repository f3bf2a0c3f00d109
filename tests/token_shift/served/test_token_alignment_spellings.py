"""One token under the names that servers give it, and no two tokens under one name."""

from itertools import permutations

import pytest

from tests.tiny_models import tiny_tokenizer
from urial.token_shift.served.token_alignment import agree, meanings

# What a server can call the token, and what it is called here.
SAME = [
    ("the", "the"),
    (" the", " the"),
    ("Ġthe", " the"),
    (" the", "Ġthe"),
    ("▁the", " the"),
    ("the", " the"),
    ("the", "▁the"),
    ("Ċ", "\n"),
    ("<0x0A>", "\n"),
    ("\n", "<0x0A>"),
    ("Ã©", "é"),
    ("é", "Ã©"),
    ("âĢĻ", "’"),
    # Parts of a character: one replacement character for all bytes, or one for each.
    ("\ufffd", "ðŁĻ"),
    (" \ufffd", "ĠðŁ"),
    ("\ufffd\ufffd", "Ĥ¬"),
    ("\ufffd", "<0xF0>"),
    ("<0xF0>", "ð"),
    (r"bytes:\xf0\x9f\x99", "ðŁĻ"),
    ("\xf0\x9f\x99", "ðŁĻ"),
    # vLLM: nothing, and the whole character at the token that finishes it.
    ("", "ðŁĻ"),
    ("🙂", "Ĥ"),
    (" √", "ļ"),
    ("", "</s>"),
    ("", "[EOS]"),
    ("", "▁"),
    ("", " "),
]
OTHER = [
    ("the", "The"),
    (" the", "a"),
    ("  the", "the"),
    ("Ġthe", "Ġa"),
    ("▁", "a"),
    ("", "the"),
    ("\ufffd", "the"),
    ("\ufffd", "漢"),
    ("<0x0A>", "<0x0B>"),
    ("<0x0A>", " "),
    ("🙂", "🙃"),
    ("🙂", "Ļ"),
    ("</s>", "<s>"),
    ("\ufffd", "<0x41>"),
    (r"bytes:\xf0", "ñ"),
]


@pytest.mark.parametrize(("told", "expected"), SAME)
def test_the_same_token_is_known_by_its_names(told: str, expected: str) -> None:
    assert agree(told, expected)


@pytest.mark.parametrize(("told", "expected"), OTHER)
def test_another_token_is_another(told: str, expected: str) -> None:
    assert not agree(told, expected)


def test_every_token_of_a_byte_level_vocabulary_is_itself_and_hardly_any_other() -> None:
    tokenizer = tiny_tokenizer()
    ids = range(len(tokenizer))
    decoded, raw = [tokenizer.decode([item]) for item in ids], tokenizer.convert_ids_to_tokens(list(ids))
    assert all(agree(told, expected) for told, expected in zip(decoded, raw, strict=True))
    # Apart from the 128 bytes that are no characters, and from what a leading space alone sets apart.
    whole = [item for item in ids if "\ufffd" not in decoded[item] and len(decoded[item]) > 1]
    some = [item for item in whole if not decoded[item].startswith(" ")][:200]
    assert [(one, two) for one, two in permutations(some, 2) if agree(decoded[one], raw[two])] == []


def test_meanings_are_bytes() -> None:
    assert meanings("Ġthe") == {"Ġthe".encode(), b" the"}
    assert meanings("é") == {"é".encode(), b"\xe9"}
    assert meanings("<0xe2>") == {b"<0xe2>", b"\xe2"}
    assert meanings(r"bytes:\xe2\x80") == {rb"bytes:\xe2\x80", b"\xe2\x80"}
