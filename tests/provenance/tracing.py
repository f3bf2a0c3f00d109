"""What the tests of `urial trace` do again and again."""

import json
from pathlib import Path
from typing import Any

from tests.cli.commands import invoke


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first such text of a file, which must be there."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def trace_json(*arguments: str) -> Any:
    """What `urial trace --json` prints."""
    result = invoke("trace", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def failed(*arguments: str) -> str:
    """The message of a trace that fails."""
    result = invoke("trace", *arguments)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    return result.stderr
