"""Figures of one or several systems from their judgments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from urial.judge.files.reading import SystemRows, categories, has_mixed_judges, judges_of
from urial.judge.files.records import InstructionCategory, Summary, SystemSummary
from urial.records.instruction import Instruction
from urial.records.judgment import ASPECTS, Aspect, Judgment
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS, Columns, paired_differences
from urial.statistics.scores import aspect_score, category_of, counted
from urial.statistics.tags import TagKind, known_instructions, required_tags


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
    judged = {row.instruction_id: systems[0].path for row in systems[0].rows}
    known = None if instructions is None else known_instructions(judged, instructions, "judged")
    kinds = categories(systems, known)
    mixed = has_mixed_judges(systems, kinds, allowed=options.mixed_judges)
    basis = _Basis(kinds, options.not_applicable, bootstrap)
    of_judged = None if known is None else [known[name] for name in kinds]
    groups = required_tags(of_judged, options.by, "judged") if options.by else {}
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
        groups={
            tag: tuple(
                _system(system.name, [row for row in system.rows if row.instruction_id in ids], basis)
                for system in systems
            )
            for tag, ids in groups.items()
        },
        untagged=len(kinds.keys() - set().union(*groups.values())) if options.by else 0,
        differences=paired_differences({system.name: _columns(system.rows, basis) for system in systems}, bootstrap),
    )


def _system(name: str, rows: Sequence[Judgment], basis: _Basis) -> SystemSummary:
    columns = _columns(rows, basis)
    regular = [row for row in rows if basis.kinds[row.instruction_id] == "regular"]
    return SystemSummary(
        system=name,
        judges={category: tuple(judges) for category, judges in judges_of(rows, basis.kinds).items()},
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
    judged = aspect_score(aspect, row)
    if judged is None:
        return None
    return not_applicable if judged.status == "not_applicable" else judged.score
