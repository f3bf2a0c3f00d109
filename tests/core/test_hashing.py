import doctest
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import urial.core.hashing
from urial.core.hashing import bytes_hash, canonical_json, content_hash, file_hash, short_hash

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)

GOLDEN: list[tuple[Any, bytes, str]] = [
    (None, b"null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
    ({}, b"{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    (
        {"b": [1, 1.5, True, None], "a": "é\u2028\n\0"},
        b'{"a":"\xc3\xa9\xe2\x80\xa8\\n\\u0000","b":[1,1.5,true,null]}',
        "96cb8f97e7572037f8aa986eda2aa3af70b03559633b900a00316b2b1ff75650",
    ),
    (
        {"b": 1, "a": "é"},
        b'{"a":"\xc3\xa9","b":1}',
        "aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e",
    ),
]


def typed(value: Any) -> Any:
    """A form in which Python's == tells apart what JSON tells apart: 1, 1.0 and true; 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [typed(item) for item in value]
    return (type(value).__name__, repr(value))


def shuffled(value: Any, generator: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(item, generator)) for key, item in value.items()]
        generator.shuffle(items)
        return dict(items)
    return [shuffled(item, generator) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("value", "text", "digest"), GOLDEN)
def test_canonical_bytes_and_hash_never_change(value: Any, text: bytes, digest: str) -> None:
    assert canonical_json(value) == text
    assert content_hash(value) == f"sha256:{digest}"


@given(json_values)
def test_canonical_json_reads_back_as_the_same_value(value: Any) -> None:
    assert typed(json.loads(canonical_json(value))) == typed(value)


@given(json_values, st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(value: Any, generator: random.Random) -> None:
    assert canonical_json(shuffled(value, generator)) == canonical_json(value)


@given(json_values, json_values)
def test_hashes_agree_exactly_when_values_do(one: Any, other: Any) -> None:
    assert (content_hash(one) == content_hash(other)) == (typed(one) == typed(other))


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0), ("1", 1), (None, "null"), ([], {})])
def test_values_that_look_alike_have_different_hashes(one: Any, other: Any) -> None:
    assert content_hash(one) != content_hash(other)


def test_composed_and_decomposed_characters_are_different_texts() -> None:
    assert content_hash("\u00e9") != content_hash("e\u0301")


def test_a_tuple_is_a_list() -> None:
    assert content_hash({"turns": ("a", "b")}) == content_hash({"turns": ["a", "b"]})


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, {True: 1}, [{"a": ({2: 3},)}]])
def test_keys_that_are_not_strings_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^a JSON object key must be a string, not (1|None|True|2)$"):
        canonical_json(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_cannot_say_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_hash({"kl": [number]})


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), Path("x")])
def test_values_that_json_cannot_say_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        content_hash([value])


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        content_hash("\ud800")


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_file_hashes_as_its_bytes(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(data)
    assert file_hash(tmp_path / "file") == bytes_hash(data)


def test_the_hash_in_the_documentation_is_true() -> None:
    found = doctest.testmod(urial.core.hashing)
    assert (found.attempted, found.failed) == (1, 0)


def test_the_empty_hash_is_the_published_one() -> None:
    assert bytes_hash(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_short_hash_is_the_beginning_of_the_digits() -> None:
    assert short_hash(bytes_hash(b"")) == "e3b0c44298fc"
