"""A chat template is told one day, whatever the clock says; one that draws lots is refused."""

import copy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.utils.chat_template_utils import render_jinja_template

from tests.tiny_models import tiny_tokenizer
from urial.core.errors import UrialError
from urial.local_models.loading.chat_templates import dated, tells_day, template_in
from urial.local_models.loading.loading import chat_text, named_tokenizer
from urial.records.base import DAY

CHAT = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
# As in Llama 3: the caller's own date, else today's, else a fixed one.
LLAMA3 = (
    '{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}'
    '{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}{%- endif %}\nToday Date: {{ date_string }}\n\n'
    + CHAT
)
# The year alone, in a sentence; a macro of the template's own; the time of day.
YEAR = "{{ 'It is the year ' + strftime_now('%Y') + '.' }}" + CHAT
IN_A_MACRO = "{% macro today() %}{{ strftime_now(format='%A, %-d. %B %Y, 100%%') }}{% endmacro %}<{{ today() }}>" + CHAT
CLOCK = "    {% set now = strftime_now('%H:%M') %}\n{{ now }} {{ strftime_now('%j') }}|" + CHAT
PUT_TOGETHER = "{{ strftime_now('%' ~ 'Y') }}" + CHAT


def rendered(template: str, day: date) -> str:
    texts, _ = render_jinja_template([[{"role": "user", "content": "Why?"}]], chat_template=dated(template, day))
    return str(texts[0])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (LLAMA3, "Today Date: 09 Feb 2026\n\n"),
        (YEAR, "It is the year 2026."),
        (IN_A_MACRO, "<Monday, 9. February 2026, 100%>"),
        (CLOCK, "00:00 040|"),
        (PUT_TOGETHER, "2026"),
    ],
)
def test_the_day_is_the_one_that_it_is_told(template: str, said: str) -> None:
    assert rendered(template, date(2026, 2, 9)) == f"{said}user: Why?\n"
    assert tells_day(template, "m")


DIRECTIVES = st.lists(st.sampled_from([*"aAbBdHIjmMpSUwWyYFD", "%"]).map("%{}".format), min_size=1, max_size=6)


@given(st.dates(date(1970, 1, 1), date(2099, 12, 31)), DIRECTIVES, st.text("abc: ,.", max_size=5))
def test_every_format_is_as_pythons(day: date, directives: list[str], between: str) -> None:
    said = between.join(directives)
    template = "{{ strftime_now('" + said + "') }}"
    assert rendered(template, day) == datetime(day.year, day.month, day.day).strftime(said)


@pytest.mark.parametrize("template", [CHAT, "{% set day = strftime_now('%d') %}" + CHAT, "random words " + CHAT])
def test_one_that_tells_no_day_is_left_alone(template: str) -> None:
    assert not tells_day(template, "m")
    assert ("strftime_now" in template) or dated(template, DAY) == template


@pytest.mark.parametrize(
    "lots", ["{{ ['yes', 'no'] | random }}", "{{ range(100) | random }}", "{{ lipsum(1, False, 2, 9) }}"]
)
def test_one_that_draws_lots_is_refused(lots: str) -> None:
    with pytest.raises(UrialError) as caught:
        tells_day(lots + CHAT, "studies.mine.aligned")
    assert str(caught.value) == (
        "studies.mine.aligned: its chat template gives another text each time, by chance\n"
        "  fix: use a model whose tokenizer has a chat template that gives the same text each time"
    )


def test_one_that_fails_says_so() -> None:
    with pytest.raises(UrialError, match=r"^m: its chat template failed: "):
        tells_day("{{ strftime_now('%Y') }}{{ raise_exception('no') }}", "m")


@pytest.mark.parametrize("named", [False, True])
def test_a_loaded_tokenizer_tells_the_same_day_for_ever(named: bool, tmp_path: Path) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.chat_template = {"default": LLAMA3, "rag": CHAT} if named else LLAMA3
    tokenizer.save_pretrained(tmp_path)
    chat = [{"role": "user", "content": "Why?"}]
    assert "Today Date: 01 Jan 2025\n" in chat_text(named_tokenizer(str(tmp_path)), chat)
    assert "Today Date: 29 Feb 2024\n" in chat_text(named_tokenizer(str(tmp_path), date(2024, 2, 29)), chat)
    assert template_in(tmp_path) == LLAMA3


@pytest.mark.parametrize(
    ("file", "content", "template"),
    [
        ("chat_template.jinja", CHAT, CHAT),
        ("tokenizer_config.json", '{"chat_template": "x"}', "x"),
        ("tokenizer_config.json", '{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}', "d"),
        ("tokenizer_config.json", '{"chat_template": [{"name": "rag", "template": "r"}]}', None),
        ("tokenizer_config.json", "[]", None),
        ("tokenizer_config.json", "{", None),
        ("other.json", "{}", None),
    ],
)  # fmt: skip
def test_the_template_in_a_folder(file: str, content: Any, template: str | None, tmp_path: Path) -> None:
    (tmp_path / file).write_text(content, "utf-8")
    assert template_in(tmp_path) == template
