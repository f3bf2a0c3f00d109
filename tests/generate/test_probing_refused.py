"""What a server refuses: values that are set stop the run before its rows, and a probe's own values never do."""

from typing import Any

import pytest

from tests.fake_model import FakeModel
from tests.faulty_server import Asked, Reply, fails
from tests.generate.test_probing import SAMPLED, TEXT, asked_for, refusal
from tests.tiny_models import decoding
from urial.api.completions import STORY
from urial.generate.engine import NoAnswer, Request
from urial.records.completion import Answer
from urial.records.params.file import Decoding

PENALIZED = decoding(repetition_penalty=1.5)
BOUNDED: list[tuple[str, tuple[float, float], Decoding, str]] = [
    ("max_tokens", (1, 10), decoding(), "change decoding.max_new_tokens, or use another server"),
    ("temperature", (0, 0.5), SAMPLED, "change decoding.temperature, or use another server"),
    ("top_p", (0.95, 1), SAMPLED, "set decoding.top_p to 1.0, or use another server"),
    ("repetition_penalty", (0, 1.2), PENALIZED, "set decoding.repetition_penalty to 1, or use another server"),
]


@pytest.mark.parametrize(("name", "bounds", "settings", "fix"), BOUNDED)
def test_a_refused_value_that_is_set_is_named_before_the_rows(
    name: str, bounds: tuple[float, float], settings: Decoding, fix: str
) -> None:
    message, asked, _ = asked_for(FakeModel(bounds={name: bounds}).reply, settings)
    words = f"{name} must be >= {bounds[0]:g} and <= {bounds[1]:g}"
    assert message == refusal(f"{name} is refused: {words}", fix)
    assert [STORY in item.text for item in asked] == [True]


@pytest.mark.parametrize("words", ["Billing hard limit exceeded", "too many stop sequences: exceeds 4"])
def test_a_refusal_that_names_no_decoding_parameter_is_the_server_s_own_words(words: str) -> None:
    message, asked, _ = asked_for([fails(400, words)], decoding())
    assert message == f"status 400: {words}"
    assert len(asked) == 1


def test_the_first_probe_is_asked_as_the_rows_are() -> None:
    settings = SAMPLED.model_copy(update={"repetition_penalty": 1.3})
    _, asked, _ = asked_for(FakeModel().reply, settings)
    first, row = asked[0].body, asked[-1].body
    own = {"prompt", "seed"}
    assert {name: first[name] for name in first.keys() - own} == {name: row[name] for name in row.keys() - own}
    assert own < first.keys() == row.keys()


OWN_VALUES: list[tuple[FakeModel, Decoding, list[str]]] = [
    (FakeModel(bounds={"temperature": (0, 1.5)}), decoding(temperature=1.5, top_p=0.9), []),
    (FakeModel(bounds={"temperature": (0, 0.02)}), decoding(temperature=0.02, top_p=0.9),
     ["temperature, seed and top_p is not known: a probe is refused: temperature must be >= 0 and <= 0.02"]),
    (FakeModel(bounds={"top_p": (0.3, 1)}), decoding(temperature=1, top_p=0.3), []),
    (FakeModel(bounds={"top_p": (0.9999, 1)}), decoding(temperature=1, top_p=0.9999),
     ["top_p is not known: a probe is refused: top_p must be >= 0.9999 and <= 1"]),
    (FakeModel(bounds={"repetition_penalty": (1, 1.9)}), decoding(repetition_penalty=1.9), []),
    (FakeModel(bounds={"repetition_penalty": (1, 1.0001)}), decoding(repetition_penalty=1.0001),
     ["repetition_penalty is not known: a probe is refused: repetition_penalty must be >= 1 and <= 1.0001"]),
    (FakeModel(bounds={"max_tokens": (12, 100)}), decoding(), []),
    (FakeModel(bounds={"max_tokens": (12, 100)}, counts=False), decoding(),
     ["max_tokens is not known: a probe is refused: max_tokens must be >= 12 and <= 100"]),
    (FakeModel(bounds={"max_tokens": (1, 12)}), decoding(), []),
    (FakeModel(bounds={"temperature": (0.1, 2)}), SAMPLED,
     ["the decoding parameters is not known: a probe is refused: temperature must be >= 0.1 and <= 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "settings", "notes"), OWN_VALUES)
def test_a_probe_s_own_value_that_is_refused_stops_nothing(
    model: FakeModel, settings: Decoding, notes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer, _, url = asked_for(model.reply, settings)
    assert isinstance(answer, Answer), answer
    uncounted = f"{url}: it counts no tokens: "
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(uncounted)]
    assert said == [f"{url}: whether it obeys {note}" for note in notes]


@pytest.mark.parametrize(
    ("model", "settings", "what", "fix"),
    [
        (FakeModel(bounds={"max_tokens": (12, 100)}, ignores=frozenset({"max_tokens"})), decoding(),
         "max_tokens (decoding.max_new_tokens) is ignored", "use another server"),
        (FakeModel(bounds={"temperature": (0.1, 2)}, ignores=frozenset({"seed"})), decoding(temperature=2),
         "seed is ignored: two answers with the same seed differ",
         "set decoding.temperature to 0, which needs no seed, or use another server"),
        (FakeModel(bounds={"temperature": (0, 1.5)}, ignores=frozenset({"seed"})), decoding(temperature=1.5),
         "seed is ignored: two answers with the same seed differ",
         "set decoding.temperature to 0, which needs no seed, or use another server"),
    ],
)  # fmt: skip
def test_what_the_set_value_shows_is_still_found(model: FakeModel, settings: Decoding, what: str, fix: str) -> None:
    message, _, _ = asked_for(model.reply, settings)
    assert message == refusal(what, fix)


def test_a_probe_without_room_leaves_it_to_each_row_to_be_told_so() -> None:
    words = "max_tokens is too large: 12. This model's maximum context length is 12 tokens"

    def script(asked: Asked) -> Reply:
        told: dict[str, Any] = asked.body
        return fails(400, words) if told["max_tokens"] == 12 else FakeModel().reply(asked)

    answer, _, url = asked_for(script, decoding(), Request(TEXT.text, True, (), 7))
    assert answer == NoAnswer("too_long", f"{url}: status 400: {words}")
