"""Figures of one or several systems from their judgments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from urial.judge.files.reading import SystemRows, categories, has_mixed_judges, judges_of
from urial.judge.files.records import InstructionCategory, Summary, SystemSummary
from urial.records.instruction import Instruction, TagKind
from urial.records.judgment import ASPECTS, EVERY_ASPECT, Aspect, Judgment
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS, Columns, paired_differences
from urial.statistics.scores import aspect_score, category_of, counted, known_instructions, required_tags
from urial.statistics.turns import turn_figures


@dataclass(frozen=True)
class SummaryOptions:
    """What a summary shows, and how it counts."""

    by: TagKind | None = None
    # The score that not applicable counts as; None: it is left out.
    not_applicable: int | None = None
    mixed_judges: bool = False


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
    of_judged = None if known is None else [known[name] for name in kinds]
    groups = _groups(systems, of_judged, options.by, kinds) if options.by else {}
    columns = {system.name: _columns(system.rows, kinds, options.not_applicable) for system in systems}
    return Summary(
        not_applicable=options.not_applicable,
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
        mixed_judges=mixed,
        without_row=None if known is None else len(known.keys() - kinds.keys()),
        systems=tuple(_system(system.name, system.rows, kinds, options, bootstrap) for system in systems),
        by=options.by,
        groups={
            tag: tuple(
                _system(
                    system.name, [row for row in system.rows if row.instruction_id in ids], kinds, options, bootstrap
                )
                for system in systems
            )
            for tag, ids in groups.items()
        },
        untagged=len(kinds.keys() - set().union(*groups.values())) if options.by else 0,
        differences=paired_differences(columns, bootstrap),
    )


def _groups(
    systems: Sequence[SystemRows],
    instructions: Sequence[Instruction] | None,
    by: TagKind,
    kinds: Mapping[str, InstructionCategory],
) -> dict[str, set[str]]:
    """Ids by tag, of the instructions or, without them, as far as judgments tell: their category, and the task of imported ones."""
    own: dict[str, set[str]] = {}
    for row in (row for system in systems for row in system.rows) if instructions is None else ():
        for tag in {"task": row.task, "category": (kinds[row.instruction_id],)}.get(by, ()):
            own.setdefault(tag, set()).add(row.instruction_id)
    return dict(sorted(own.items())) or required_tags(instructions, by, "judged")


def _system(
    name: str,
    rows: Sequence[Judgment],
    kinds: Mapping[str, InstructionCategory],
    options: SummaryOptions,
    bootstrap: Bootstrap,
) -> SystemSummary:
    columns = _columns(rows, kinds, options.not_applicable)
    of_category: dict[str, list[Judgment]] = {"regular": [], "safety": []}
    for row in rows:
        of_category[kinds[row.instruction_id]].append(row)
    return SystemSummary(
        system=name,
        judges={category: tuple(judges) for category, judges in judges_of(rows, kinds).items()},
        instructions=len(rows),
        aspects={
            aspect: counted(aspect, of_category[category_of(aspect)], scores, bootstrap)
            for aspect, scores in columns.items()
        },
        turns=turn_figures(rows, [kinds[row.instruction_id] for row in rows], bootstrap, options.not_applicable),
        average=bootstrap.mean_of_means([columns.get(aspect, [None] * len(rows)) for aspect in ASPECTS]),
        words=bootstrap.mean([float(row.words) for row in of_category["regular"] if row.words is not None]),
    )


def _columns(rows: Sequence[Judgment], kinds: Mapping[str, InstructionCategory], not_applicable: int | None) -> Columns:
    """The score that counts, of each row, by aspect: only those that the judge was asked about."""
    columns: dict[Aspect, list[float | None]] = {}
    for aspect in EVERY_ASPECT:
        scores = [aspect_score(aspect, row) for row in rows]
        of_category = [row for row in rows if kinds[row.instruction_id] == category_of(aspect)]
        judged = [row for row in of_category if row.scores]
        # Of rows without any answer nobody knows what the judge was asked about: then an aspect counts as asked.
        if any(aspect_score(aspect, row) for row in judged) or (of_category and not judged and aspect in ASPECTS):
            columns[aspect] = [
                None if score is None else not_applicable if score.status == "not_applicable" else score.score
                for score in scores
            ]
    return columns
