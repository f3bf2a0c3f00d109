"""What is left out is said in one sentence."""

import pytest

from urial.records.left_out import LeftOut, describe_left_out


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        (LeftOut(), None),
        (LeftOut(systems=("aligned",)), "Left out, since the study mine has no aligned model: the system aligned."),
        (
            LeftOut(systems=("a", "b"), base_systems=("c", "d")),
            "Left out, since the study mine has no aligned model: the systems a, b; the token shift under c, d.",
        ),
        (
            LeftOut(systems=("a",), compared=("c",), baseline="a"),
            "Left out, since the study mine has no aligned model: the system a; the preferences of c over a "
            "(set preferences.baseline to a system of the base model or to published outputs).",
        ),
        (
            LeftOut(systems=("a",), compared=("a",)),
            "Left out, since the study mine has no aligned model: the system a; the preferences of a.",
        ),
        (
            LeftOut(blends=("b", "b-random"), compared=("c",), baseline="b"),
            "Left out, since a model of the study mine is behind a server or an engine, and a blend needs both models in this "
            "process: the blends b, b-random; the preferences of c over b (set preferences.baseline to a system of the base "
            "model or to published outputs).",
        ),
        # What each thing is left out for is said of it alone.
        (
            LeftOut(systems=("a",), blends=("b", "b-random"), compared=("a", "b")),
            "Left out, since the study mine has no aligned model: the system a; the preferences of a; and since a blend needs "
            "both of its models in this process: the blends b, b-random; the preferences of b.",
        ),
        (
            LeftOut(systems=("a",), blends=("b",), compared=("c", "b"), baseline="a"),
            "Left out, since the study mine has no aligned model: the system a; the preferences of c, b over a (set "
            "preferences.baseline to a system of the base model or to published outputs); and since a blend needs both of its "
            "models in this process: the blend b.",
        ),
    ],
)
def test_the_sentence_names_what_and_why(left_out: LeftOut, sentence: str | None) -> None:
    assert describe_left_out("mine", left_out) == sentence
