"""Style and knowledge: what a token says where the truth is known."""

from tests.tiny_models import tiny_tokenizer
from urial.local_models.decoding.answer_text import token_spans
from urial.microworld.world.world import world_source
from urial.token_shift.measure.labels import token_kinds

SOURCE = world_source(0)


def test_names_and_fact_values_are_knowledge_and_all_else_is_style() -> None:
    text = "Hello! The capital of Ardovia is Karmost."
    spans = [(0, 6), (6, 21), (21, 25), (25, 29), (29, 33), (33, 40), (40, 41)]
    kinds = ["style", "style", "knowledge", "knowledge", "style", "knowledge", "style"]
    assert token_kinds(0, SOURCE, text, spans) == kinds


def test_every_token_of_a_name_is_knowledge_however_it_is_cut() -> None:
    tokenizer, text = tiny_tokenizer(), "It is Karmost, friend."
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    spans = token_spans(tokenizer, [1], ids)
    known = "".join(
        text[slice(*span)]
        for span, kind in zip(spans, token_kinds(0, SOURCE, text, spans), strict=True)
        if kind == "knowledge"
    )
    assert known.strip() == "Karmost"


def test_token_without_characters_is_style() -> None:
    assert token_kinds(0, SOURCE, "Karmost", [(0, 7), (7, 7)]) == ["knowledge", "style"]


def test_nothing_is_guessed_about_text_of_another_source() -> None:
    assert token_kinds(0, "just-eval", "Karmost", [(0, 7)]) == [None]
    assert token_kinds(0, world_source(1), "Karmost", [(0, 7)]) == [None]
    assert token_kinds(None, SOURCE, "Karmost", [(0, 7)]) == [None]
