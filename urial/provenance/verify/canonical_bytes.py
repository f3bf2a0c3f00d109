"""The run's JSON as urial writes it, so that no two readers can disagree on it."""

from collections.abc import Iterator

from urial.core.errors import UrialError
from urial.core.store import json_bytes, jsonl_lines
from urial.core.strict_json import strict_json
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.differences import content_difference
from urial.run.paths import REPORT, RUN_FILES
from urial.run.remedies import CHECKOUT


def check_written_form(run: Run) -> Checked:
    """Every record and row is, byte for byte, what urial.core.store writes of it: a key is in it once."""
    problems, count = [], 0
    for path, expected in _expected(run):
        present = (run.root / path).read_bytes()
        count += 1
        if present != expected:
            problems.append(
                UrialError(
                    form_difference(path, expected, present),
                    path=path,
                    expected="the bytes that urial writes of the record that it is read as",
                    fix=CHECKOUT.format(path),
                )
            )
    return Checked(f"{count:,} files of records and rows as urial writes them", problems)


def form_difference(name: str, expected: bytes, present: bytes) -> str:
    """Where a file first differs from what is written of its records; a key that is there twice by its name."""
    parts = present.split(b"\n") if name.endswith(".jsonl") else [present]
    written = expected.split(b"\n") if name.endswith(".jsonl") else [expected]
    for number, (right, part) in enumerate(zip(written, parts, strict=False), start=1):
        if right != part:
            try:
                strict_json(part.decode("utf-8"))
            except ValueError as error:
                return f"line {number}: {error}" if name.endswith(".jsonl") else str(error)
            break
    # As text: what is read as the same JSON differs only in its letters.
    return content_difference("", expected, present, "written")


def _expected(run: Run) -> Iterator[tuple[str, bytes]]:
    """What is written of each file that can be read; one that cannot has been named where it was read first.

    The report's files are written again, see report.Rewritten; a table's bytes are those of the library that wrote it.
    """
    for kind in RUN_FILES:
        if kind.stage == REPORT.stage or kind.form == "parquet":
            continue
        for key, _ in kind.present(run.data):
            try:
                if kind.form == "json":
                    written = json_bytes(run.record(kind, key))
                else:
                    written = b"".join(jsonl_lines(run.rows(kind, key)))
            except (UrialError, NotCheckedError):
                continue
            yield kind.path(key), written
