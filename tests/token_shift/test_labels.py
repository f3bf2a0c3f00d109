"""Labels by rules: what each rule claims, what it leaves alone, and which of two rules is the stronger."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import tiny_tokenizer
from tests.token_shift.cuts import spans_of
from urial.local_models.decoding.answer_text import token_spans
from urial.records.token_shift import LABELS, Label
from urial.token_shift.measure.labels import STRENGTH, token_labels


def labels_of(*pieces: str) -> list[Label]:
    """The labels of a text that is cut into these tokens, none of them an end token."""
    return token_labels("".join(pieces), spans_of(list(pieces)), [False] * len(pieces))


def marked(text: str, label: Label) -> list[str]:
    """What of a text has a label, where every character is a token; runs without the spaces around them."""
    runs = groupby(zip(text, labels_of(*text), strict=True), key=lambda item: item[1])
    found = ["".join(character for character, _ in run).strip() for name, run in runs if name == label]
    return [run for run in found if run]


# label -> (text, what of it has the label)
EXAMPLES: dict[Label, list[tuple[str, list[str]]]] = {
    "greeting": [
        ("Hello! The sun is hot.", ["Hello"]),
        ("HELLO THERE, the sun is hot.", ["HELLO THERE"]),
        ("Yes. Thank you for asking, Tom.", ["Thank you for asking"]),
        ("Hi there, thank you for asking.", ["Hi there", "thank you for asking"]),
        ("Sure, I’d be happy to help!", ["Sure", "I’d be happy to help"]),
        ("I'm sorry to hear that.", ["I'm sorry to hear that"]),
        ("👋 Hello", ["Hello"]),
        ("The sun 🌞 Thank you for asking.", ["Thank you for asking"]),
        ("1. **Great!** The sun.", ["Great"]),
        ("(Hello)", ["Hello"]),
        ("Great", ["Great"]),
        ("Great Britain is an island. Great! It is.", ["Great"]),
        ("A great question. Is it sure, Tom?", []),
        ("They said hello, and of course they left.", []),
        ("The answer, of course, is four.", []),
        ("Helloween. Sure-footed. Hello-kitty.", []),
        ("Use 3.hello or x.hello.", []),
    ],
    "discourse": [
        ("However, it rains.", ["However"]),
        ("It rains; however, it is hot.", ["however"]),
        ("It rains — for example, in May (in fact, often).", ["for example", "in fact"]),
        ("It rains - finally.", ["finally"]),
        ("First, boil it. Second, eat it.\nIn  conclusion: eat.", ["First", "Second", "In  conclusion"]),
        ("- Additionally, it rains.\n2) Overall, it is wet.", ["Additionally", "Overall"]),
        ("Let's see. Here’s a list. Here are some tips:", ["Let's see", "Here’s a", "Here are some"]),
        ("To summarize, it rains.", ["To summarize"]),
        ("First aid. Well water. The overall plan.", []),
        ("It is here. We see the first in conclusion. Also here.", []),
        ("In\nconclusion", []),
        ("In **conclusion**", []),
    ],
    "hedging": [
        ("As an AI language model, I rain.", ["As an AI language model"]),
        ("Hot, but it's important to note that it may vary.", ["it's important to note that", "may vary"]),
        ("It’s also worth it. Please note: consult a professional.", ["Please note", "consult a professional"]),
        ("It usually rains, perhaps.", ["usually", "perhaps"]),
        ("Variations may occur. A doctor. As an air force.", []),
    ],
    "refusal": [
        ("I cannot do it. I can’t. I can not.", ["I cannot", "I can’t", "I can not"]),
        ("I'm sorry, but it is illegal.", ["I'm sorry", "illegal"]),
        ("I apologize for that. My apologies!", ["I apologize for", "My apologies"]),
        ("We are unable to say what is harmful.", ["unable to", "harmful"]),
        ("You cannot see Rapologize, harmfulness or legality.", []),
    ],
    "closing": [
        ("It rains. I hope this helps!", ["I hope this helps"]),
        ("And let me know if it rains, or feel free to go.", ["let me know if", "feel free to"]),
        ("Is there anything else? Remember, it rains.", ["Is there anything else", "Remember"]),
        ("Do remember it. Hope is free. Remembering. Let me go.", []),
    ],
    "markup": [
        ("- one\n* two\n• three\n  + four", ["-", "*", "•", "+"]),
        ("1. one\n 2) two\n(a) three\nb) four\niv) five", ["1.", "2)", "(a)", "b)", "iv)"]),
        ("# One\n### Two", ["#", "###"]),
        ("> # One\n>> two", ["> #", ">>"]),
        ("- [x] done\n- [ ] open", ["- [x]", "- [ ]"]),
        ("**bold**, __bold__, *thin*, _thin._, `code`", ["**", "**", "__", "__", "*", "*", "_", "_", "`", "`"]),
        ("```python\nx\n```", ["```python", "```"]),
        ("| a | b |\n|---|:-:|\na\n---\nb", ["|", "|", "|\n|---|:-:|", "---"]),
        ("A - b. 1.5, 2 * 3, f*ck, snake_case, #tag, C# and a > b.", []),
        ("1.\n1.5 m\n1986. was\nA. M.", []),
    ],
    "number": [
        ("3 of 3.14, 1,000 and 10:30, 1/2 or ½.", ["3", "3.14", "1,000", "10:30", "1/2", "½"]),
        ("The 3rd, 1990s, 20kg, 2019-2020, ٣ and Ⅳ.", ["3rd", "1990s", "20kg", "2019-2020", "٣", "Ⅳ"]),
        ("COVID-19, H2O, 26-year-old, three and 三.", []),
        ("I ate 3. Then 4, too.", ["3", "4"]),
    ],
    "punctuation": [
        ("Eat, it! (50 %) “No”… x.", [",", "!", "(", "%)", "“", "”…", "."]),
        ("Tom's 😀 is $5 – 👨‍👩‍👧 \u0301.", ["😀", "$", "–", "👨‍👩‍👧", "\u0301."]),
        ("EndTokenMap.\n\nHere 中文。", [".", "。"]),
        ("Don’t well-known cafe\u0301 می‌خواهم", []),
    ],
    "function_word": [
        ("The river of it, DON’T and isn't.", ["The", "of", "it", "DON’T", "and", "isn't"]),
        ("Tom's theatre oftener", []),
    ],
    "content_word": [
        ("The old river's well-known cafe\u0301.", ["old", "river's", "well-known", "cafe\u0301"]),
        ("It is 中文 and שלום, ไทย, नमस्ते.", ["中文", "שלום", "ไทย", "नमस्ते"]),
        ("It is the of 3.", []),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("label", "text", "expected"), [(k, *case) for k, cases in EXAMPLES.items() for case in cases])
def test_a_rule_claims_this_and_no_more(label: Label, text: str, expected: list[str]) -> None:
    assert marked(text, label) == expected


def test_every_label_but_end_has_examples_for_and_against_it() -> None:
    assert set(EXAMPLES) | {"end"} == set(LABELS) == set(STRENGTH) | {"end"}
    assert all({bool(expected) for _, expected in cases} == {True, False} for cases in EXAMPLES.values())


def test_the_longest_phrase_at_a_word_counts_and_those_inside_it_do_not() -> None:
    assert marked("I'm sorry.", "refusal") == ["I'm sorry"]
    # "I'm sorry" would be a refusal, but not as a part of the greeting.
    assert marked("I'm sorry to hear that.", "refusal") == []
    assert marked("Please note that I am unable to be harmful.", "refusal") == ["I am unable to", "harmful"]


def test_words_of_two_overlapping_phrases_have_the_stronger_label() -> None:
    text = "Here is an unlawful and, in fact, not appropriate to the best of my knowledge."
    assert marked(text, "discourse") == ["Here is an", "in fact"]
    assert marked(text, "refusal") == ["unlawful", "not appropriate to"]
    assert marked(text, "hedging") == ["the best of my knowledge"]


def test_a_phrase_is_stronger_than_the_layout_around_it_and_layout_than_words() -> None:
    assert labels_of("- ", "Hello", "!\n", "1", ".", " The", " a", ") b") == [
        "markup", "greeting", "punctuation", "markup", "markup", "function_word", "function_word", "content_word",
    ]  # fmt: skip
    assert labels_of("a", ")", " b") == ["markup", "markup", "content_word"]


@pytest.mark.parametrize(
    ("piece", "label"),
    [
        ("(the", "function_word"), (".\n\n", "punctuation"), ("\n\n", "markup"), ("  ", "markup"), ("**the", "function_word"),
        ("**,", "markup"), (" the 3", "number"), (" the 3 rivers", "content_word"), (" I cannot swim", "refusal"),
        (" swim. Hello", "greeting"), ("\u200b", "punctuation"), ("\x00", "punctuation"), ("\ufffd", "punctuation"),
        ("", "markup"),
    ],
)  # fmt: skip
def test_a_token_has_the_strongest_label_of_its_characters(piece: str, label: Label) -> None:
    assert labels_of("x", " y", piece)[-1] == label


def test_spaces_inside_a_phrase_are_part_of_it() -> None:
    assert labels_of("Thank", " ", "you", "!", " ", "x") == [
        "greeting", "greeting", "greeting", "punctuation", "markup", "content_word",
    ]  # fmt: skip


def test_every_token_of_a_phrase_has_its_label_however_it_is_cut() -> None:
    assert labels_of("I apo", "log", "ize", ".", " The", "y") == [
        "refusal", "refusal", "refusal", "punctuation", "function_word", "function_word",
    ]  # fmt: skip


def test_half_a_surrogate_pair_is_a_sign() -> None:
    assert labels_of("x", "\ud800") == ["content_word", "punctuation"]


def test_end_is_what_the_caller_says_and_nothing_else() -> None:
    assert token_labels("Hello", [(0, 5), (5, 5)], [False, True]) == ["greeting", "end"]
    assert token_labels("Hello", [(0, 5), (5, 5)], [True, False]) == ["end", "markup"]
    assert token_labels("", [], []) == []
    assert token_labels("", [(0, 0), (0, 0)], [False, True]) == ["markup", "end"]


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        token_labels("Hello", [(0, 5)], [])


def test_a_token_that_is_part_of_a_character_has_its_label() -> None:
    # Two bytes of é, then a token that shows nothing behind a letter of one byte.
    assert token_labels("é a", [(0, 1), (1, 1), (1, 3), (3, 3)], [False] * 4) == [
        "content_word", "content_word", "function_word", "markup",
    ]  # fmt: skip


def test_bytes_of_a_real_tokenizer_have_the_label_of_their_character() -> None:
    tokenizer, text = tiny_tokenizer(), "Hi there 😀 中"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    spans = token_spans(tokenizer, [1], ids)
    labels = token_labels(text, spans, [False] * len(ids))
    # Spaces may be tokens of their own.
    assert [label for label, _ in groupby(label for label in labels if label != "markup")] == [
        "greeting", "punctuation", "content_word",
    ]  # fmt: skip
    assert sum(start == end for start, end in spans) == 5  # of the emoji's 4 bytes and the sign's 3, all but the first


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["Hello", "Thank you", " I can", "not", " sorry", "\n- ", "1.", "**", "'", "’", " of", ", ", ". "]),
    st.text(" \n\t*_`#>|-~.,!()'’ai1é́中😀\u200d\u00ad", max_size=12),
)


@given(st.lists(PIECES, max_size=12))
def test_one_label_a_token_and_end_never_by_itself(pieces: list[str]) -> None:
    labels = labels_of(*pieces)
    assert len(labels) == len(pieces)
    assert "end" not in labels
    assert set(labels) <= set(LABELS)


@given(st.lists(PIECES, max_size=12))
def test_a_cut_changes_no_character_and_a_token_has_the_strongest_label_of_its_own(pieces: list[str]) -> None:
    text, spans = "".join(pieces), spans_of(pieces)
    single = labels_of(*text)
    for (start, end), label in zip(spans, labels_of(*pieces), strict=True):
        shown = [single[place] for place in range(start, end) if not text[place].isspace()] or single[start:end]
        if shown:
            assert label == max(shown, key=STRENGTH.index)


@pytest.mark.parametrize(
    "unit",
    ["a", "1", "_", "*", "* ", "`", "a-", "a'", "\u0301", "|", "> ", "\n- ", "1.", '!"', " ", "Thank you ", "thank ",
     "please let me know if you have any ", "😀", "中", "=- ", 'a"*', "(((i", "\n```a", "\r\n"],
)  # fmt: skip
def test_long_hostile_text_comes_to_an_end(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    spans = [(start, start + 10) for start in range(0, 100_000, 10)]
    assert len(token_labels(text, spans, [False] * 10_000)) == 10_000
