"""A README's figures: `urial report` puts them between two marks, which say of which run they are and that nobody edited them.

    <!-- figures:begin (urial report) of dvc.lock sha256:8a1b2c3d4e5f6071 -->
    ...
    <!-- figures:end sha256:17f6e5d4c3b2a190 -->

The second hash is of all that stands before it, the first mark included. Marks without hashes are those of a README that has
no run yet.
"""

import re
from pathlib import Path
from typing import NamedTuple

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.core.store import write_text
from urial.core.yaml_files import read_text
from urial.records.base import Hash

DIGITS = 16
_HASH = rf"sha256:[0-9a-f]{{{DIGITS}}}"
_BLOCK = re.compile(
    rf"(?P<begin><!-- figures:begin \(urial report\)(?: of dvc\.lock (?P<lock>{_HASH}))? -->\n)"
    rf"(?P<text>.*?)<!-- figures:end(?: (?P<check>{_HASH}))? -->",
    re.DOTALL,
)
MAX_BYTES = 10_000_000


class Figures(NamedTuple):
    """What stands between the marks."""

    text: str
    # Of the run that they are of; None: the marks do not say.
    lock: str | None
    # Whether the marks say so, and all is as it was written.
    sound: bool


def figures_in(readme: str) -> Figures | None:
    """The figures of a README; None where it has no marks."""
    block = _BLOCK.search(readme)
    if block is None:
        return None
    named = block["lock"] is not None
    return Figures(block["text"], block["lock"], named and block["check"] == _short(f"{block['begin']}{block['text']}"))


def put_figures(readme: Path, text: str, lock: Hash) -> None:
    """Write the figures of a run between the marks. Raises UrialError where there are none."""
    before = read_text(readme, MAX_BYTES)
    block = _BLOCK.search(before)
    if block is None:
        raise UrialError(
            "has no marks to put the figures between",
            path=readme,
            expected="a line `<!-- figures:begin (urial report) -->`, and below it a line `<!-- figures:end -->`",
            fix="add them where the figures are to stand",
        )
    begin = f"<!-- figures:begin (urial report) of dvc.lock {shown(lock)} -->\n"
    written = f"{begin}{text}<!-- figures:end {_short(f'{begin}{text}')} -->"
    write_text(readme, f"{before[: block.start()]}{written}{before[block.end() :]}")


def shown(lock: Hash) -> str:
    """The hash of a lock as marks and citations show it."""
    return lock[: len("sha256:") + DIGITS]


def _short(text: str) -> str:
    return shown(bytes_hash(text.encode("utf-8")))
