"""The run's JSON as urial writes it, so that no two readers can disagree on it."""

from collections.abc import Iterator

from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.store import indented
from urial.core.strict_json import strict_json
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Record
from urial.records.completion import Completion
from urial.records.environment import Environment
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.model import ModelManifest
from urial.records.plans import InstructionsPlan, JudgePlan, ModelsPlan, ReportPlan, SystemPlan, TokenShiftPlan
from urial.records.token_shift import ShiftCoverage
from urial.run.differences import content_difference
from urial.run.remedies import CHECKOUT

# Files under data/ by pattern; the report's are written again.
RECORDS: dict[str, type[Record]] = {
    "plan/report.json": ReportPlan,
    "plan/judge.json": JudgePlan,
    "plan/models.json": ModelsPlan,
    "plan/instructions.json": InstructionsPlan,
    "plan/token_shift.json": TokenShiftPlan,
    "plan/systems/*.json": SystemPlan,
    "models/*/manifest.json": ModelManifest,
    "environment/**/*.json": Environment,
}
ROWS: dict[str, type[Record]] = {
    "instructions.jsonl": Instruction,
    "prompts/*.jsonl": AssembledPrompt,
    "generations/*.jsonl": Completion,
    "token_shift/*.coverage.jsonl": ShiftCoverage,
    "judgments/*.jsonl": Judgment,
}


def check_written_form(run: Run) -> Checked:
    """Every record and row is, byte for byte, what urial.core.store writes of it: a key is in it once."""
    problems, count = [], 0
    for name, expected in _expected(run):
        found = (run.data / name).read_bytes()
        count += 1
        if found != expected:
            path = f"data/{name}"
            problems.append(
                UrialError(
                    f"{path}: {form_difference(path, expected, found)}",
                    expected="the bytes that urial writes of the record that it is read as",
                    fix=CHECKOUT.format(path),
                )
            )
    return Checked(f"{count:,} files of records and rows as urial writes them", problems)


def form_difference(name: str, expected: bytes, found: bytes) -> str:
    """Where a file first differs from what is written of its records; a key that is there twice by its name."""
    parts = found.split(b"\n") if name.endswith(".jsonl") else [found]
    written = expected.split(b"\n") if name.endswith(".jsonl") else [expected]
    for number, (right, part) in enumerate(zip(written, parts, strict=False), start=1):
        if right != part:
            try:
                strict_json(part.decode("utf-8"))
            except ValueError as error:
                return f"line {number}: {error}" if name.endswith(".jsonl") else str(error)
            break
    # As text: what is read as the same JSON differs in its letters alone.
    return content_difference("", expected, found, "written")


def _expected(run: Run) -> Iterator[tuple[str, bytes]]:
    """What is written of each file that can be read; one that cannot has been named where it was read first."""
    for patterns in (RECORDS, ROWS):
        for pattern, model in patterns.items():
            for path in sorted(run.data.glob(pattern)):
                name = path.relative_to(run.data).as_posix()
                try:
                    written = _rows(run, name, model) if patterns is ROWS else _record(run, name, model)
                except (UrialError, NotCheckedError):
                    continue
                yield name, written


def _record(run: Run, name: str, model: type[Record]) -> bytes:
    return f"{indented(run.record(name, model).model_dump(mode='json'))}\n".encode()


def _rows(run: Run, name: str, model: type[Record]) -> bytes:
    return b"".join(canonical_json(row.model_dump(mode="json")) + b"\n" for row in run.rows(name, model))
