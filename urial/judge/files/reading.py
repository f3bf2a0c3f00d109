"""Judgments of one or several systems, read and checked: the same instructions, and the same judge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.store import read_jsonl
from urial.judge.files.records import InstructionCategory
from urial.judge.files.unimported import require_imported
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity, describe, distinct_judges
from urial.records.judgment import Judgment
from urial.run.joining import Asked, asked_by, require_one_system, require_same_texts
from urial.statistics.scores import category_of

Judges = dict[InstructionCategory, dict[JudgeIdentity, str]]
JUDGE_THE_SAME = "judge both systems on the same instructions"


@dataclass(frozen=True)
class SystemRows:
    """One system's judgments, in the order of the instructions' ids: figures are the same whatever order a file has."""

    path: Path
    name: str
    rows: tuple[Judgment, ...]
    asked: Asked


def read_systems(paths: Sequence[Path]) -> list[SystemRows]:
    """One system a file. Raises UrialError unless names differ and every file is about the same instructions."""
    systems = [read_system(path) for path in paths]
    seen: dict[str, Path] = {}
    for system in systems:
        if system.name in seen:
            raise UrialError(
                f"{seen[system.name]} and {system.path}: both of the system {system.name!r}",
                expected="one file a system",
                fix="to compare two judges of one system use `urial agreement`; two systems need two names",
            )
        seen[system.name] = system.path
    first = systems[0]
    expected = [row.instruction_id for row in first.rows]
    for system in systems:
        found = {row.instruction_id for row in system.rows}
        lost, extra = [name for name in expected if name not in found], found - set(expected)
        if lost or extra:
            example = lost[0] if lost else min(extra)
            raise UrialError(
                f"{first.path} and {system.path}: different instructions: {len(lost):,} only in the first, "
                f"{len(extra):,} only in the second, such as {shorten(example)}",
                expected="the same instructions for every system",
                fix=JUDGE_THE_SAME,
            )
    for one, other in combinations(systems, 2):
        require_same_texts(one.asked, other.asked, JUDGE_THE_SAME)
    return systems


def read_system(path: Path) -> SystemRows:
    """The judgments in one file. Raises UrialError unless they are of one system, and one an instruction."""
    require_imported(path, "judgments")
    rows = read_jsonl(path, Judgment)
    if not rows:
        raise UrialError("no rows", path=path, expected="judgments, one a line")
    require_one_system(path, rows)
    lines: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if row.judge is None:
            raise UrialError(
                "not judged: the run has no judge",
                path=path,
                line=number,
                fix="judge its answers with `urial judge COMPLETIONS --judge NAME --out FILE`",
            )
        if row.instruction_id in lines:
            raise UrialError(
                f"{shorten(row.instruction_id)} again, as in line {lines[row.instruction_id]}",
                path=path,
                line=number,
                expected="one row an instruction",
            )
        lines[row.instruction_id] = number
    rows.sort(key=lambda row: row.instruction_id)
    return SystemRows(path, rows[0].system, tuple(rows), asked_by(path, rows))


def categories(
    systems: Sequence[SystemRows], instructions: Mapping[str, Instruction] | None
) -> dict[str, InstructionCategory]:
    """Category by instruction id, in the systems' order: from the aspects judged, else from the instructions.

    Raises UrialError where neither tells, or both and they differ.
    """
    known: dict[str, InstructionCategory] = {}
    for system in systems:
        for row in system.rows:
            instruction = instructions.get(row.instruction_id) if instructions else None
            planned = [instruction.category] if instruction else []
            for category in [*planned, *(category_of(score.aspect) for score in row.scores)]:
                if known.setdefault(row.instruction_id, category) != category:
                    raise UrialError(
                        f"{shorten(row.instruction_id)} is judged as a {category} instruction, and is "
                        f"{known[row.instruction_id]} elsewhere",
                        path=system.path,
                    )
    ids = [row.instruction_id for row in systems[0].rows]
    unknown = [name for name in ids if name not in known]
    if unknown:
        raise UrialError(
            f"rows without any score, so that nothing tells regular from safety: {len(unknown):,}, first {unknown[0]!r}",
            fix="name the instructions with --instructions FILE",
        )
    return {name: known[name] for name in ids}


def judges_of(rows: Iterable[Judgment], kinds: Mapping[str, InstructionCategory]) -> Judges:
    """Identities of the judges by category, each with the first system that it judged."""
    judges: Judges = {}
    for row in rows:
        if row.judge is not None:
            judges.setdefault(kinds[row.instruction_id], {}).setdefault(row.judge, row.system)
    # One that has reference answers is one judge, with them and without.
    named = {category: distinct_judges(own) for category, own in judges.items()}
    return {category: {judge: judges[category][judge] for judge in named[category]} for category in sorted(judges)}


def has_mixed_judges(systems: Sequence[SystemRows], kinds: Mapping[str, InstructionCategory], *, allowed: bool) -> bool:
    """Whether one category has several judges. Raises UrialError where it has and may not."""
    judges = judges_of((row for system in systems for row in system.rows), kinds)
    mixed = {category: several for category, several in judges.items() if len(several) > 1}
    if mixed and not allowed:
        category, several = next(iter(mixed.items()))
        raise UrialError(
            f"different judges of {category} instructions, whose scores do not compare",
            where="; ".join(
                f"{system}: {shorten(describe(judge), 1_000)}" for judge, system in list(several.items())[:2]
            ),
            expected="one judge",
            fix="judge all systems with one judge, or let them be shown side by side with --mixed-judges",
        )
    return bool(mixed)
