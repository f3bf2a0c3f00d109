"""What lies in a run's folder: its files as such, the code that derives it again, and records as urial writes them."""

from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.core.store import json_bytes, jsonl_lines
from urial.core.strict_json import strict_json
from urial.provenance.crate import METADATA
from urial.provenance.verify.run import Checked, NotCheckedError, Run, edited, noted
from urial.run.differences import content_difference
from urial.run.files import ASIDE, misplaced
from urial.run.paths import ENVIRONMENT, REPORT, RUN_FILES

CODE = (".py", ".yaml", ".css", ".j2")


def check_layout(run: Run) -> Checked:
    """There are only files, folders, and links to what is in the run; in a crate, nothing is aside."""
    aside = () if (run.root / METADATA).is_file() else ASIDE
    problems = [
        UrialError(
            f"{shorten(name)}: {what}: nothing else was checked",
            expected="files, folders, and links to what is in the run",
            fix="remove it",
        )
        for name, what in misplaced(run.root, aside)
    ]
    return Checked("files and folders", problems)


def check_code(run: Run) -> Checked:
    """The library that derives the run again is the run's own, to the byte."""
    installed, own = Path(__file__).resolve().parents[2], run.root / "urial"
    if not own.is_dir():
        raise NotCheckedError(
            "the run has no urial/: what the installed one derives may differ from what the run's did"
        )
    ours, theirs = (
        {path.relative_to(top).as_posix(): file_hash(path) for path in top.rglob("*") if path.suffix in CODE}
        for top in (installed, own)
    )
    if differing := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
        raise NotCheckedError(
            f"{len(differing)} modules of the installed urial differ from the run's, first urial/{differing[0]}: "
            "a number may differ for that reason alone; install the run's own to be sure"
        )
    return Checked(f"{len(ours)} modules of the installed urial are the run's own")


def check_environments(run: Run) -> Checked:
    """The records of what the stages ran on are sound. What they say cannot be derived again."""
    keys = [key for key, _ in ENVIRONMENT.present(run.data)]
    checked = Checked(f"{len(keys)} valid records")
    for key in keys:
        with noted(checked.problems):
            run.record(ENVIRONMENT, key)
    return checked


def check_written_form(run: Run) -> Checked:
    """Every record and row is, byte for byte, what urial.core.store writes of it: a key is in it once.

    The report's files are written again, see verify.report; a table's bytes are those of the library that wrote it.
    """
    problems, count = [], 0
    kinds = [kind for kind in RUN_FILES if kind.stage != REPORT.stage and kind.form != "parquet"]
    files = [(kind, key) for kind in kinds for key, _ in kind.present(run.data)]
    for kind, key in files:
        path = kind.path(key)
        try:
            lines = [json_bytes(run.record(kind, key))] if kind.form == "json" else jsonl_lines(run.rows(kind, key))
        except (UrialError, NotCheckedError):  # It has been named where it was read first.
            continue
        written, present = b"".join(lines), (run.root / path).read_bytes()
        count += 1
        if present != written:
            expected = "the bytes that urial writes of the record that it is read as"
            problems.append(edited(path, form_difference(path, written, present), expected=expected))
    return Checked(f"{count:,} files of records and rows as urial writes them", problems)


def form_difference(name: str, expected: bytes, present: bytes) -> str:
    """Where a file first differs from what is written of its records; a key that is there twice by its name."""
    by_line = name.endswith(".jsonl")
    written, parts = (data.split(b"\n") if by_line else [data] for data in (expected, present))
    pairs = enumerate(zip(written, parts, strict=False), start=1)
    number, part = next(((number, part) for number, (right, part) in pairs if right != part), (0, b"null"))
    try:
        strict_json(part.decode("utf-8"))
    except ValueError as error:
        return f"line {number}: {error}" if by_line else str(error)
    # As text: what is read as the same JSON differs only in its letters.
    return content_difference("", expected, present, "written")
