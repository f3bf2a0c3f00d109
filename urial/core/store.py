"""Validated JSON and JSONL files, written whole or not at all.

Bytes depend on the content alone: sorted keys, LF, UTF-8, no timestamps.
"""

import codecs
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ValidationError

from urial.core.errors import UrialError, reason_of, shorten
from urial.core.hashing import canonical_json
from urial.core.strict_json import strict_json
from urial.core.text import counted
from urial.core.validation import explain, first_field

Model = TypeVar("Model", bound=BaseModel)
DAY = 86_400.0


def require_free(
    *paths: Path,
    force: bool = False,
    inputs: Iterable[Path] = (),
    fix: str = "name another file, or replace it with --force",
) -> None:
    """Raises UrialError for an output that would replace what is there, before anything is computed or paid for.

    ``force`` allows to replace a file, but no folder, link or device, no file named twice and none of ``inputs``.
    """
    for index, path in enumerate(paths):
        if any(path.absolute() == other.absolute() for other in paths[:index]):
            raise UrialError("named for two files", path=path, fix="name another file for one of them")
        if taken := next(
            (read for read in inputs if os.path.exists(read) and os.path.exists(path) and path.samefile(read)), None
        ):
            raise UrialError(f"is {taken}, which is read", path=path, fix="name another file")
        # Written whole or not at all, a file takes the place of what is there: of the link, and not of what it leads to.
        if os.path.islink(path):
            raise UrialError(
                f"is a link to {os.readlink(path)!r}",
                path=path,
                fix="name the file that it leads to, or remove the link",
            )
        if not force and os.path.lexists(path):
            raise UrialError("already exists", path=path, fix=fix)
        if os.path.isdir(path):
            raise UrialError("is a folder", path=path, fix="name a file")
        if os.path.exists(path) and not os.path.isfile(path):
            raise UrialError("is no ordinary file", path=path, fix="name a file")


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """A stream that becomes ``path`` when the block ends well, and leaves nothing behind otherwise."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes the file private; an output is as readable as any other file of its owner. os.umask can only be
        # read by setting it.
        mask = os.umask(0o077)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        raise UrialError(
            f"cannot be written: {error.strerror or error}; nothing was changed",
            path=path,
            fix="free some space or correct the permissions, then run again",
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all."""
    with atomic_write(path) as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with the line ends it has."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, record: BaseModel) -> None:
    """Write one record as indented JSON that people can read and diff."""
    write_bytes(path, json_bytes(record))


def json_bytes(record: BaseModel) -> bytes:
    """What write_json writes."""
    return f"{indented(record.model_dump(mode='json'))}\n".encode()


def indented(value: object) -> str:
    """JSON with sorted keys, two spaces, no NaN."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)


def write_jsonl(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write one canonical JSON object a line."""
    with atomic_write(path) as stream:
        stream.writelines(jsonl_lines(rows))


def jsonl_lines(rows: Iterable[BaseModel]) -> Iterator[bytes]:
    """What write_jsonl writes, line by line."""
    return (canonical_json(row.model_dump(mode="json")) + b"\n" for row in rows)


def read_json(path: Path, model: type[Model]) -> Model:
    """The record in a JSON file. Raises UrialError naming file and field."""
    return parse_record(_read(path), model, path)


def read_jsonl(path: Path, model: type[Model]) -> list[Model]:
    """The records of a JSONL file. Raises UrialError naming file, line and field."""
    *lines, rest = _read(path).split(b"\n")
    # Editors leave empty lines at the end.
    while lines and not rest.strip() and not lines[-1].strip():
        lines.pop()
    rows = [parse_record(line, model, path, number) for number, line in enumerate(lines, start=1)]
    if rest.strip():
        try:
            rows.append(parse_record(rest, model, path, len(lines) + 1))
        except UrialError as error:
            raise error.but(note="the last line has no end: is the file truncated?") from error
    return rows


def first_fields(path: Path) -> set[str]:
    """The fields of a file's first line, as far as it can be read; the reader of the file says what is wrong with it."""
    try:
        with path.open("rb") as stream:
            first = strict_json(stream.readline().decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return set()
    return set(first) if isinstance(first, dict) else set()


def object_or_empty(path: Path) -> dict[str, Any]:
    """The JSON object in another tool's file that need not be there; empty where there is none to read."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in another tool's file. Raises UrialError, naming the file, where there is none to read."""
    try:
        found = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise UrialError(f"is no JSON: {reason_of(error)}", path=path, fix="get the file anew") from error
    if not isinstance(found, dict):
        raise UrialError(f"is no JSON object: {shorten(found)}", path=path, fix="get the file anew")
    return found


def require_same_ids(where: str, found: list[str], expected: list[str]) -> None:
    """Raises UrialError unless rows are one an instruction, in order: a lost row is never a smaller mean."""
    if found == expected:
        return
    present = set(found)
    lost = [item for item in expected if item not in present]
    detail = (
        f"{counted(len(lost), 'instruction has', 'instructions have')} no row, first {lost[0]!r}"
        if lost
        else "rows added or out of order"
    )
    raise UrialError(f"{where}: {detail}", expected="one row an instruction, in their order", fix="run `dvc repro`")


def parse_record(
    data: bytes, model: type[Model], path: Path | str, line: int | None = None, row: int | None = None
) -> Model:
    """One JSON object as a record. Raises UrialError that names where it stands."""
    if line is not None and not data.strip():
        raise UrialError("the line is empty", path=path, line=line, expected="one record a line", fix="remove the line")
    if data.startswith(codecs.BOM_UTF8):
        problem = UrialError("begins with a byte order mark", fix="save the file as UTF-8 without one")
        raise problem.but(path=path, line=line, row=row)
    try:
        return model.model_validate_json(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        problem = UrialError(f"invalid UTF-8 at byte {error.start}", fix="save the file as UTF-8")
        raise problem.but(path=path, line=line, row=row) from error
    except ValidationError as error:
        problem = UrialError(explain(error, model), expected=f"the record {model.__name__} as in schemas/")
        raise problem.but(path=path, line=line, row=row, field=first_field(error, model)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the folders of this prefix that killed processes left; those under way are younger than a day."""
    for path in folder.glob(f"{prefix}*"):
        with suppress(OSError):  # Another process removes it, too.
            if time.time() - path.stat().st_mtime > DAY:
                shutil.rmtree(path, ignore_errors=True)
