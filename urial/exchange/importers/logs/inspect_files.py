"""Logs of Inspect, read without it: a .json file is one object, a .eval file a zip of them, one for each sample.

Nothing of a .eval file is written to a disk, its names are looked at alone, and no member is unpacked beyond a limit, whatever
size it says it has. Inspect packs with zstd, which Python's zipfile does not know before 3.14 and pyarrow does.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.yaml_files import read_text
from urial.instructions.reading import MAX_BYTES

# One sample, and all of a log.
MAX_MEMBER_BYTES, MAX_MEMBERS = 100_000_000, 200_000
ZSTANDARD = 93
_SAMPLE = re.compile(r"samples/.*_epoch_[0-9]+\.json", re.DOTALL)
_LOCAL_HEADER = struct.Struct("<4s22xHH")


def is_inspect_log(path: Path) -> bool:
    """Whether a file is a log by its ending."""
    return path.suffix == ".eval"


def read_log(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, sample) of each sample of a log. Raises UrialError naming file and member."""
    if path.suffix != ".eval":
        log = _parsed(read_text(path, MAX_BYTES), str(path))
        found = log.get("samples") if isinstance(log, dict) else None
        if not isinstance(found, list) or not isinstance(log.get("eval"), dict):
            raise UrialError(
                "no log of Inspect with samples", path=path, expected="an object with eval and samples",
                fix="log the samples, too: without --no-log-samples",
            )  # fmt: skip
        yield from ((f"{path}, sample {number}", sample) for number, sample in enumerate(found))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, path)
    except (OSError, zipfile.BadZipFile, struct.error, zlib.error) as error:
        raise UrialError(
            f"cannot be read as a log of Inspect: {error}", path=path, expected="a whole .eval file"
        ) from error


def _members(archive: zipfile.ZipFile, path: Path) -> Iterator[tuple[str, Any]]:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise UrialError(f"a zip of {len(members):,} members", path=path, expected=f"at most {MAX_MEMBERS:,}")
    samples = [member for member in members if _SAMPLE.fullmatch(member.filename)]
    if not samples:
        raise UrialError(
            "no samples", path=path, expected="members such as samples/ID_epoch_1.json",
            fix="write it again as a plain log: `inspect log convert --to eval --output-dir DIR FILE`",
        )  # fmt: skip
    whole = 0
    for member in samples:
        where = f"{path}, {shorten(member.filename)}"
        data = _unpacked(archive, member, where)
        whole += len(data)
        if whole > MAX_BYTES:
            raise UrialError(f"{path}: more than {MAX_BYTES:,} bytes of samples", fix="import parts of the log")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UrialError(f"{where}: invalid UTF-8 at byte {error.start}", expected="JSON in UTF-8") from error
        yield where, _parsed(text, where)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> bytes:
    """What a member holds, but no more than the limit: what it says of its size may be wrong."""
    if member.compress_type == ZSTANDARD:
        data = _zstandard(archive, member, where)
    elif member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not member.flag_bits & 1:
        with archive.open(member) as stream:
            data = stream.read(MAX_MEMBER_BYTES + 1)
    else:
        raise UrialError(f"{where}: packed by method {member.compress_type}", expected="deflate or zstd, not encrypted")
    if len(data) > MAX_MEMBER_BYTES:
        raise UrialError(f"{where}: more than {MAX_MEMBER_BYTES:,} bytes", expected="samples of conversations")
    if zlib.crc32(data) != member.CRC:
        raise UrialError(f"{where}: its checksum is not that of what it holds", fix="get the file again")
    return data


def _zstandard(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> bytes:
    import pyarrow as pa

    stream = archive.fp
    if stream is None or member.compress_size > MAX_MEMBER_BYTES:
        raise UrialError(f"{where}: more than {MAX_MEMBER_BYTES:,} bytes", expected="samples of conversations")
    stream.seek(member.header_offset)
    signature, name, extra = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        raise UrialError(f"{where}: no member stands where the directory says", fix="get the file again")
    stream.seek(name + extra, 1)
    try:
        with pa.CompressedInputStream(pa.BufferReader(stream.read(member.compress_size)), "zstd") as unpacked:
            return bytes(unpacked.read(MAX_MEMBER_BYTES + 1))
    except (OSError, pa.ArrowException) as error:
        raise UrialError(f"{where}: cannot be unpacked: {error}", fix="get the file again") from error


def _parsed(text: str, where: str) -> Any:
    try:
        # Inspect writes NaN where there is no score.
        return strict_json(text, with_nan=True)
    except ValueError as error:
        raise UrialError(f"{where}: {syntax_problem(error)}", expected="JSON as Inspect writes it") from error
