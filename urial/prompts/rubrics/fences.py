"""Fences around judged texts.

A query or an answer is material, whatever it says. It stands between two lines of its own that hold a marker:

    <answer 3f9c0a1b2c4d5e6f>
    the answer, to the byte
    </answer 3f9c0a1b2c4d5e6f>

The marker follows from the rubric and all fenced texts, so that the same row gives the same bytes, and none of the texts
contains it: no answer can end its own fence. A line end before the lower line belongs to the fence.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import count

from urial.core.hashing import bytes_hash, content_hash
from urial.records.base import Hash
from urial.records.prompt import PLACEHOLDER


def marker_of(rubric: Hash, texts: Sequence[str]) -> str:
    """16 hex digits that no text contains, the same for the same rubric and texts."""
    # A text from a command line can hold what has no UTF-8 form; whoever prints it says so.
    hashes = [rubric, *(bytes_hash(text.encode("utf-8", "surrogatepass")) for text in texts)]
    markers = (_candidate(hashes, attempt) for attempt in count())
    return next(marker for marker in markers if not any(marker in text for text in texts))


def fenced_text(name: str, text: str, marker: str) -> str:
    """A text between its two lines."""
    return f"<{name} {marker}>\n{text}\n</{name} {marker}>"


def cut_note(shown: str, shown_of: int) -> str:
    """What stands below the fence of an answer that is shown in part; ``shown_of`` is the whole one's length."""
    if shown_of <= len(shown):
        raise ValueError(f"{len(shown)} characters are no beginning of {shown_of}")
    return f"\n(The study cut the answer here, after {len(shown):,} of {shown_of:,} characters.)"


def filled(template: str, values: Mapping[str, str], fenced: Mapping[str, str]) -> str:
    """The template with its placeholders filled: ``values`` as they are, ``fenced`` texts on lines of their own."""

    def text_of(placeholder: re.Match[str]) -> str:
        name = placeholder["name"] or placeholder["other"]
        if name in values:
            return values[name]
        # With line ends where the template has none.
        before, after = template[: placeholder.start()], template[placeholder.end() :]
        above = "" if before.endswith("\n") or not before else "\n"
        below = "" if after.startswith(("\r", "\n")) or not after else "\n"
        return f"{above}{fenced[name]}{below}"

    # In one pass: what is filled in is not read again.
    return PLACEHOLDER.sub(text_of, template)


def _candidate(hashes: list[Hash], attempt: int) -> str:
    return content_hash({"marker": hashes, "attempt": attempt}).partition(":")[2][:16]
