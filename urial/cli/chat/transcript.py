"""The record of a conversation: every text that a model was given, and where it came from."""

from pathlib import Path

from urial import __version__
from urial.cli.chat.session import Session
from urial.core.errors import UrialError
from urial.core.store import require_free, write_json
from urial.records.chat import Transcript


def transcript(session: Session) -> Transcript:
    """The conversation so far. Raises UrialError when there is none."""
    if not session.turns:
        raise UrialError("there is nothing to save yet")
    base = session.base
    return Transcript(version=__version__, model=base.identity, decoding=base.decoding, turns=tuple(session.turns))


def save_transcript(session: Session, path: Path) -> None:
    """Write the conversation so far to a new file. Raises UrialError when the file exists or cannot be written."""
    record = transcript(session)
    if "\0" in str(path):
        raise UrialError(f"{str(path)!r} is no file name")
    require_free(path, fix="name another file")
    write_json(path, record)
