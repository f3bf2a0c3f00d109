"""Figures of one or several systems from their judgments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from urial.core.errors import UrialError, shorten
from urial.judge.files.reading import SystemRows, all_judges, categories, judges_of, require_one_judge
from urial.judge.files.records import InstructionCategory, Summary, SystemSummary, TagKind
from urial.records.instruction import Instruction
from urial.records.judgment import ASPECTS, Aspect, Judgment
from urial.statistics.bootstrap import PERMUTATIONS, Bootstrap
from urial.statistics.paired import Columns, paired_differences
from urial.statistics.scores import aspect_score, category_of, counted


@dataclass(frozen=True)
class SummaryOptions:
    """What a summary shows, and how it counts."""

    by: TagKind | None = None
    # The score that not applicable counts as; None: it is left out.
    not_applicable: int | None = None
    mixed_judges: bool = False


@dataclass(frozen=True)
class _Basis:
    """What the figures of every system and group are computed from."""

    kinds: Mapping[str, InstructionCategory]
    not_applicable: int | None
    bootstrap: Bootstrap


def summarize(
    systems: Sequence[SystemRows],
    instructions: Sequence[Instruction] | None,
    options: SummaryOptions,
    bootstrap: Bootstrap,
) -> Summary:
    """Figures of systems with the same instructions in the same order, and their paired differences.

    ``instructions`` are needed for tags, and for categories that no score tells; None: there are none. Raises UrialError
    where they are missing, or where judges differ and may not.
    """
    known = None if instructions is None else _known(instructions, systems[0])
    kinds = categories(systems, known)
    if not options.mixed_judges:
        require_one_judge(systems, kinds)
    mixed = any(len(judges) > 1 for judges in all_judges(systems, kinds).values())
    basis = _Basis(kinds, options.not_applicable, bootstrap)
    groups = _groups(kinds, known, options.by) if options.by else {}
    tagged = {name for ids in groups.values() for name in ids}
    return Summary(
        not_applicable=options.not_applicable,
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
        mixed_judges=mixed,
        without_row=None if known is None else len(known.keys() - kinds.keys()),
        systems=tuple(_system(system.name, system.rows, basis) for system in systems),
        by=options.by,
        groups={tag: _group(systems, ids, basis) for tag, ids in groups.items()},
        untagged=len(kinds.keys() - tagged) if options.by else 0,
        differences=paired_differences({system.name: _columns(system.rows, basis) for system in systems}, bootstrap),
    )


def _known(instructions: Sequence[Instruction], system: SystemRows) -> dict[str, Instruction]:
    known = {row.id: row for row in instructions}
    lost = [row.instruction_id for row in system.rows if row.instruction_id not in known]
    if lost:
        raise UrialError(
            f"judged instructions that the file of instructions does not have: {len(lost):,}, first {shorten(lost[0])}",
            path=system.path,
            fix="name the instructions that were judged with --instructions FILE",
        )
    return known


def _groups(ids: Mapping[str, object], known: Mapping[str, Instruction] | None, by: TagKind) -> dict[str, set[str]]:
    """Instruction ids by tag, tags in alphabetical order. Raises UrialError where no instruction has one."""
    if known is None:
        raise UrialError(
            f"judgments do not say the {by} of an instruction",
            fix="name the instructions that were judged with --instructions FILE",
        )
    found: dict[str, set[str]] = {}
    for name in ids:
        value = getattr(known[name], by)
        for tag in (value,) if isinstance(value, str) else value:
            found.setdefault(tag, set()).add(name)
    if not found:
        raise UrialError(f"no instruction that was judged has a {by}", fix="name a file of instructions with tags")
    return dict(sorted(found.items()))


def _group(systems: Sequence[SystemRows], ids: set[str], basis: _Basis) -> tuple[SystemSummary, ...]:
    return tuple(
        _system(system.name, [row for row in system.rows if row.instruction_id in ids], basis) for system in systems
    )


def _system(name: str, rows: Sequence[Judgment], basis: _Basis) -> SystemSummary:
    columns = _columns(rows, basis)
    regular = [row for row in rows if basis.kinds[row.instruction_id] == "regular"]
    return SystemSummary(
        system=name,
        judges=judges_of(rows, basis.kinds),
        instructions=len(rows),
        aspects={
            aspect: counted(aspect, _of_category(aspect, rows, basis), scores, basis.bootstrap)
            for aspect, scores in columns.items()
        },
        average=basis.bootstrap.mean_of_means([columns.get(aspect, [None] * len(rows)) for aspect in ASPECTS]),
        words=basis.bootstrap.mean([float(row.words) for row in regular if row.words is not None]),
    )


def _columns(rows: Sequence[Judgment], basis: _Basis) -> Columns:
    """The score that counts, of each aspect of each row."""
    return {
        aspect: [_score(aspect, row, basis.not_applicable) for row in rows]
        for aspect in ASPECTS
        if _asked(aspect, _of_category(aspect, rows, basis))
    }


def _of_category(aspect: Aspect, rows: Sequence[Judgment], basis: _Basis) -> list[Judgment]:
    return [row for row in rows if basis.kinds[row.instruction_id] == category_of(aspect)]


def _asked(aspect: Aspect, rows: Sequence[Judgment]) -> bool:
    """Whether the judge was asked about an aspect. Of rows without any answer nobody knows: then it counts as asked."""
    judged = [row for row in rows if row.scores]
    return any(aspect_score(aspect, row) for row in judged) if judged else bool(rows)


def _score(aspect: Aspect, row: Judgment, not_applicable: int | None) -> float | None:
    found = aspect_score(aspect, row)
    if found is None:
        return None
    return not_applicable if found.status == "not_applicable" else found.score
