"""What a blend's rows can be derived from where its helper is not in the run."""

import pytest

from tests.blending.test_run import ALWAYS, planned
from tests.tiny_models import tiny_tokenizer
from tests.token_shift.contexts import encoded, make_prompt
from urial.provenance.verify.blends import _BlendOrigin
from urial.records.blend import Interventions
from urial.records.completion import Answer

TEXT = "It is Karmost."
IDS = tuple(encoded(TEXT))
PROMPT = make_prompt(0, "mixed", "Q", adds=True)


@pytest.fixture
def origin() -> _BlendOrigin:
    """Of a helper that is not in the run."""
    made = object.__new__(_BlendOrigin)
    made.plan, made.helper, made.ends = planned(ALWAYS), None, frozenset({2})
    return made


@pytest.mark.parametrize(
    ("ids", "starts"),
    [((*IDS, 2), ()), ((*IDS, 7), (len(IDS),)), ((*IDS, 10**6), (len(IDS),)), (IDS, (len(IDS),)), ((), (0,))],
)
def test_an_answer_that_the_helper_ended_is_the_text_of_its_tokens(
    origin: _BlendOrigin, ids: tuple[int, ...], starts: tuple[int, ...]
) -> None:
    supplied = tuple(start for start in starts if start < len(ids))
    made = Interventions(starts=starts, supplied=supplied, changed=())
    answer = Answer(text=TEXT if ids else "", token_ids=ids, finish="end_token", interventions=made)
    assert origin._text(tiny_tokenizer(), PROMPT, answer) == answer.text
    assert list(origin.answer_problems(answer)) == []
    # Another text than that of the tokens is told.
    other = answer.model_copy(update={"text": "No."})
    assert origin._text(tiny_tokenizer(), PROMPT, other) == answer.text


def test_starts_are_of_supplied_tokens_or_behind_the_last(origin: _BlendOrigin) -> None:
    said = ["answer.interventions.starts: not of tokens that the helper supplied, nor behind the last"]
    for start, finish in ((len(IDS) + 1, "end_token"), (0, "end_token"), (len(IDS), "length")):
        made = Interventions(starts=(start,), supplied=(), changed=())
        answer = Answer.model_validate({"text": TEXT, "token_ids": IDS, "finish": finish, "interventions": made})
        assert list(origin.answer_problems(answer)) == said


def test_a_row_without_room_is_told_by_the_models_that_are_here(origin: _BlendOrigin) -> None:
    assert origin.explains("of the helper", None)
    assert not origin.explains("of the helper", "of the base")
