"""Chat templates: a model's own program that lays messages out as text.

Some tell the model today's date, so that the same messages are another text every day. Here it is always one day, which a
study or a judge can name; and a template that gives another text each time is refused.
"""

import json
import re
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.records.base import DAY

# What templates read that leave thinking to the caller: most the first, some the second.
THINKING_VARIABLES = ("enable_thinking", "thinking")
_CLOCK = "strftime_now"
_CHANCE = re.compile(r"\b(random|lipsum)\b")
# By chance, two texts out of two can be equal; so many are not.
_DRAWS = 32
# All that differs from one day to another is told apart by a second one: other year, month, day, weekday, week.
_ANOTHER_DAY = date(2031, 11, 22)
_DIRECTIVE = re.compile(r"%[-_0^#]?[A-Za-z]")
# Every directive of C; for a template that puts its format together.
_ALL_DIRECTIVES = [f"%{letter}" for letter in "aAbBcdDeFgGhHIjmMnprRStTuUVwWxXyYzZ"]
_MESSAGES = [
    {"role": "user", "content": "A question."},
    {"role": "assistant", "content": "An answer."},
    {"role": "user", "content": "Another question."},
]
_TOKENS = {name: f"<{name}>" for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
_FIX = "use a model whose tokenizer has a chat template that gives the same text each time"


def dated(template: str, day: date) -> str:
    """The template with ``day`` for today where it reads the clock; else the template as it is."""
    # transformers hands a template plain values alone, and no function in place of its own: a macro of the name hides that.
    return _clock_of(template, day) + template if _CLOCK in template else template


def tells_day(template: str, name: str) -> bool:
    """Whether the template puts the date into its text. ``name`` is its model in messages.

    Raises UrialError for one that gives another text each time, or that fails.
    """
    require_no_chance(template, name)
    if _CLOCK not in template:
        return False
    return _rendered(template, DAY, name) != _rendered(template, _ANOTHER_DAY, name)


def thinking_variable(template: str) -> str | None:
    """By which of THINKING_VARIABLES the template is told whether to think; None: by neither."""
    from jinja2 import Environment, TemplateSyntaxError

    try:
        tokens = [(kind, text) for _, kind, text in Environment(autoescape=False).lex(template) if kind != "whitespace"]  # noqa: S701
    except TemplateSyntaxError:
        return None
    # message.thinking is a part of a message.
    names = {
        text
        for (_, before), (kind, text) in zip([("", ""), *tokens], tokens, strict=False)
        if kind == "name" and before != "."
    }
    return next((name for name in THINKING_VARIABLES if name in names), None)


def require_no_chance(template: str, name: str) -> None:
    """Raises UrialError for a template that draws lots. ``name`` is its model in messages."""
    if _CHANCE.search(template) and len({_rendered(template, DAY, name) for _ in range(_DRAWS)}) > 1:
        raise UrialError(f"{name}: its chat template gives another text each time, by chance", fix=_FIX)


def template_in(folder: Path) -> str | None:
    """The chat template in a model's folder; None where there is none, or it cannot be read."""
    with suppress(OSError, ValueError):
        return (folder / "chat_template.jinja").read_text("utf-8")
    configured: object = None
    with suppress(OSError, ValueError, AttributeError):
        configured = json.loads((folder / "tokenizer_config.json").read_bytes()).get("chat_template")
    if isinstance(configured, list):  # Several, by name.
        named = {item.get("name"): item.get("template") for item in configured if isinstance(item, dict)}
        configured = named.get("default")
    return configured if isinstance(configured, str) and configured else None


def _clock_of(template: str, day: date) -> str:
    """The macro: each directive that the template writes is replaced by what it means on ``day``, at midnight."""
    directives = sorted(set(_DIRECTIVE.findall(template))) or _ALL_DIRECTIVES
    meanings = json.dumps({directive: _meaning(directive, day) for directive in directives})
    return (
        f"{{%- macro {_CLOCK}(format) -%}}{{%- set said = namespace(text=format.replace('%%', '\ue000')) -%}}"
        f"{{%- for directive, meaning in {meanings}.items() -%}}"
        "{%- set said.text = said.text.replace(directive, meaning) -%}{%- endfor -%}"
        # The line's end belongs to the tag, so that the template begins where a line does.
        "{{- said.text.replace('\ue000', '%') -}}{%- endmacro %}\n"
    )


def _meaning(directive: str, day: date) -> str:
    return datetime.combine(day, time()).strftime(directive)


def _rendered(template: str, day: date, name: str) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    options: dict[str, Any] = {"chat_template": dated(template, day), "add_generation_prompt": True}
    try:
        texts, _ = render_jinja_template([_MESSAGES[:1], _MESSAGES], **options, **_TOKENS)
    except Exception as error:  # a template is a program of the model's author and can fail in any way
        raise UrialError(f"{name}: its chat template failed: {shorten(str(error), 200)}", fix=_FIX) from error
    return "\n".join(texts)
