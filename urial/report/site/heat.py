"""Heat maps: a table of numbers whose cells are shaded by them, rows being tasks or topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from urial.core.tables import Table
from urial.records.judgment import EVERY_ASPECT, Aspect
from urial.records.report import AspectFigures
from urial.report.shift_tables import TAG_KINDS, TagShifts
from urial.token_shift.figures.tags import TagShift

# Steps of the shade, as frame.css has them.
SHADES = 8


@dataclass(frozen=True)
class Cell:
    """A number as it is shown, how dark its cell is, what else is known of it, and where its rows are."""

    text: str
    shade: int
    title: str
    href: str


@dataclass(frozen=True)
class HeatMap:
    """A heat map of the tags of one kind."""

    kind: str
    # What the numbers are.
    name: str
    columns: Sequence[str]
    # None: there is no number.
    rows: Mapping[str, Sequence[Cell | None]]


def score_maps(scores: Table | None, figures: Sequence[Mapping[Aspect, AspectFigures]]) -> list[HeatMap]:
    """Mean scores by tag and system, a map for each kind and aspect, from tables.tag_table and the figures of all tags."""
    if scores is None:
        return []
    highest = {str(aspect): each.scale for aspects in figures for aspect, each in aspects.items()}
    found: dict[tuple[str, str], dict[str, dict[str, Cell | None]]] = {}
    systems: dict[str, None] = {}
    for kind, tag, system, aspect, mean, low, high, scored, total in scores.rows:
        systems[str(system)] = None
        cells = found.setdefault((str(kind), str(aspect)), {}).setdefault(str(tag), {})
        if not isinstance(mean, float):
            cells[str(system)] = None
            continue
        interval = f"{low:.2f} to {high:.2f}" if isinstance(low, float) and isinstance(high, float) else "no interval"
        cells[str(system)] = Cell(
            f"{mean:.2f}",
            shade(mean, 1, highest[str(aspect)]),
            f"{interval}, {scored} of {total} scored",
            _link("answers.html", {"pin": str(system), str(kind): str(tag)}),
        )
    return [
        HeatMap(
            kind, aspect, tuple(systems), {tag: [cells.get(name) for name in systems] for tag, cells in rows.items()}
        )
        for (kind, aspect), rows in sorted(found.items(), key=_place)
    ]


def _place(found: tuple[tuple[str, str], object]) -> tuple[int, int]:
    """Tasks before topics, and aspects in their order."""
    kind, aspect = found[0]
    return [str(name) for name in TAG_KINDS].index(kind), [str(name) for name in EVERY_ASPECT].index(aspect)


def shift_maps(tagged: TagShifts) -> list[HeatMap]:
    """Shares of shifted tokens by tag and base context."""
    return [_shift_map(kind, tags) for kind, tags in tagged.items()]


def _shift_map(kind: str, tags: Mapping[str, Mapping[str, TagShift]]) -> HeatMap:
    contexts = list(next(iter(tags.values()), {}))
    means = [shift.shifted.mean for shifts in tags.values() for shift in shifts.values()]
    highest = max((mean for mean in means if mean is not None), default=0.0) or 1.0

    def cell(tag: str, context: str) -> Cell | None:
        shift = tags[tag][context]
        if shift.shifted.mean is None:
            return None
        return Cell(
            f"{shift.shifted.mean * 100:.1f}",
            shade(shift.shifted.mean, 0, highest),
            f"{shift.positions:,} tokens of {shift.answers:,} answers",
            _link("tokens.html", {"above": context, kind: tag}),
        )

    return HeatMap(kind, "shifted, %", contexts, {tag: [cell(tag, context) for context in contexts] for tag in tags})


def shade(value: float, lowest: float, highest: float) -> int:
    """How dark a value is, from 0 to SHADES.

    >>> [shade(value, 1, 5) for value in (1, 3, 5)]
    [0, 4, 8]
    """
    return max(0, min(SHADES, round((value - lowest) / (highest - lowest) * SHADES)))


def _link(page: str, state: Mapping[str, str]) -> str:
    return f"{page}#{urlencode(state)}"
