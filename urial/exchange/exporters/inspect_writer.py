"""Logs of Inspect, written by its own writer: the form of a .eval file is its own, and changes with it.

The writer takes the time of every member from the clock. That alone is changed afterwards, to the time of the run's commit, so
that the same run gives the same bytes.
"""

import struct
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from urial.core.errors import UrialError
from urial.exchange.exporters.answers import ExportedRun
from urial.exchange.exporters.inspect_logs import inspect_log

EXTRA = "pip install 'urial[inspect]'"
# Where time and date stand in the two headers of a member (APPNOTE.TXT of PKWARE, 4.3.7 and 4.3.12).
_LOCAL, _CENTRAL = (b"PK\x03\x04", 10), (b"PK\x01\x02", 12)
_NAME_LENGTHS = 28
_CENTRAL_HEADER = 46


def require_inspect() -> None:
    """Raises UrialError unless inspect_ai is installed."""
    if find_spec("inspect_ai") is None:
        raise UrialError(
            "inspect_ai is not installed, which writes these logs",
            fix=f"`{EXTRA}`, in an environment of its own if others need other versions of what it brings",
        )


def write_inspect_logs(run: ExportedRun, folder: Path) -> Iterator[tuple[Path, int]]:
    """Write a log for each system of a run; the paths, and how many samples each has."""
    from inspect_ai.log import EvalLog, write_eval_log

    for system in run.systems:
        log = inspect_log(run, system)
        # As Inspect names logs: when, of which task, and which run of it.
        created = f"{run.date.astimezone(UTC):%Y-%m-%dT%H-%M-%S}-00-00"
        task, number = log["eval"]["task"].replace("_", "-"), log["eval"]["task_id"]
        path = folder / f"{created}_{task}_{number}.eval"
        write_eval_log(EvalLog.model_validate(log), path)
        set_times(path, run.date)
        yield path, len(log["samples"])


def set_times(path: Path, date: datetime) -> None:
    """Set the time of every member of a zip file, in the headers of the members and in the directory at the end."""
    # In steps of two seconds, from 1980 on.
    utc = max(date.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC))
    stamp = struct.pack(
        "<HH",
        utc.hour << 11 | utc.minute << 5 | utc.second // 2,
        (utc.year - 1980) << 9 | utc.month << 5 | utc.day,
    )
    with zipfile.ZipFile(path) as archive:
        offsets, directory = [item.header_offset for item in archive.infolist()], archive.start_dir
    data = bytearray(path.read_bytes())
    for offset in offsets:
        _put(data, offset, stamp, _LOCAL)
    while data[directory : directory + 4] == _CENTRAL[0]:
        _put(data, directory, stamp, _CENTRAL)
        directory += _CENTRAL_HEADER + sum(struct.unpack_from("<HHH", data, directory + _NAME_LENGTHS))
    path.write_bytes(data)


def _put(data: bytearray, offset: int, stamp: bytes, header: tuple[bytes, int]) -> None:
    signature, place = header
    assert data[offset : offset + 4] == signature, "no header of a zip file's member"  # noqa: S101
    data[offset + place : offset + place + 4] = stamp
