"""Earlier turns of a conversation from a file, for rendering what a later turn looks like."""

import json
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.yaml_files import read_text
from urial.prompts.versions.rendering import Turn

MAX_BYTES = 10_000_000
EXPECTED = 'messages [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}, …]'


def read_history(path: Path) -> list[Turn]:
    """The turns in a JSON file of chat messages, user and assistant in turn. Raises UrialError naming the message."""
    text = read_text(path, MAX_BYTES)
    try:
        messages = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UrialError(f"{path}{where}: not valid JSON", expected=EXPECTED) from error
    if not isinstance(messages, list):
        raise UrialError("not a list", path=path, expected=EXPECTED)
    contents = []
    for number, message in enumerate(messages, start=1):
        role = "user" if number % 2 else "assistant"
        content = message.get("content") if isinstance(message, dict) and message.get("role") == role else None
        if not isinstance(content, str):
            raise UrialError(
                f"message {number} is not one of the role {role!r} with a text", path=path, expected=EXPECTED
            )
        contents.append(content)
    if len(contents) % 2:
        raise UrialError("the last message has no answer", path=path, expected=EXPECTED)
    return list(zip(contents[::2], contents[1::2], strict=True))
