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
from urial.run.files import Digests
from urial.run.lockfile import LOCK, Lock, lock_digest
from urial.run.paths import REPORT
from urial.run.running import require_nothing_running

DIGITS = 16
_HASH = rf"sha256:[0-9a-f]{{{DIGITS}}}"
_BEGIN = rf"(?P<begin><!-- figures:begin \(urial report\)(?: of dvc\.lock (?P<lock>{_HASH}))? -->\r?\n)"
_BLOCK = re.compile(
    rf"{_BEGIN}(?P<text>.*?)<!-- figures:end(?: (?P<check>{_HASH}))? -->",
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
    """The figures of a README; None where it has no marks. Raises UrialError where they begin several times."""
    block = _block(readme)
    if block is None:
        return None
    named = block["lock"] is not None
    return Figures(block["text"], block["lock"], named and block["check"] == _short(f"{block['begin']}{block['text']}"))


def put_figures(readme: Path, text: str, lock: Hash) -> None:
    """Write the figures of a run between the marks. Raises UrialError where there are none, or several."""
    before = read_text(readme, MAX_BYTES)
    try:
        block = _block(before)
    except UrialError as error:
        raise error.but(path=readme) from error
    if block is None:
        raise UrialError(
            "has no marks to put the figures between",
            path=readme,
            expected="a line `<!-- figures:begin (urial report) -->`, and below it a line `<!-- figures:end -->`",
            fix="add them where the figures are to stand",
        )
    begin = f"<!-- figures:begin (urial report) of dvc.lock {shown(lock)} -->\n"
    written = f"{begin}{text}<!-- figures:end {_short(f'{begin}{text}')} -->"
    if block["begin"].endswith("\r\n"):
        written = written.replace("\n", "\r\n")
    # Of a link, the file that was read.
    write_text(readme.resolve(), f"{before[: block.start()]}{written}{before[block.end() :]}")


def lock_of(root: Path, report: Path) -> Hash:
    """The hash of the lock that a report is of. Raises UrialError where the lock recorded another report, or a run is in progress."""
    require_nothing_running(root)
    digest, recorded = lock_digest(root / LOCK), Lock.read(root).outs.get(REPORT.path())
    if recorded is None or not Digests(root).of(report).same_content(recorded):
        raise UrialError(
            f"is not the report that {LOCK} {'recorded' if recorded else 'would record: it has none'}",
            path=report,
            expected=f"figures of the run of {LOCK}, which the marks name",
            fix="finish the run: dvc repro; or restore it: git checkout, then dvc checkout",
        )
    return digest


def _block(readme: str) -> re.Match[str] | None:
    """The marks with what stands between them. Between marks that begin twice would stand what nobody means to be replaced."""
    if (count := len(re.findall(_BEGIN, readme))) > 1:
        raise UrialError(
            f"figures begin {count} times",
            expected="one pair of marks: between others, figures would stay those of an earlier run",
            fix="remove the marks that are too many",
        )
    return _BLOCK.search(readme)


def shown(lock: Hash) -> str:
    """The hash of a lock as marks and citations show it."""
    return lock[: len("sha256:") + DIGITS]


def _short(text: str) -> str:
    return shown(bytes_hash(text.encode("utf-8")))
