"""The tables of blends: where the helper stepped in, and how much of its difference from the base the answers have."""

from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.records.blend_figures import BlendFigures
from urial.records.params.blends import control_of, rule_label
from urial.statistics.tables import interval


def intervention_table(blends: Mapping[str, BlendFigures]) -> Table | None:
    """Shares by blend and control; None where there are no blends."""
    rows: list[Sequence[Cell]] = []
    for name, blend in blends.items():
        for system, rule, made in (
            (name, rule_label(blend.rule), blend.blend),
            (control_of(name), "random places", blend.control),
        ):
            shares = (made.share, made.supplied, made.changed, made.words)
            counts = (made.places, made.positions, made.answers)
            rows.append([system, blend.base, blend.helper, rule, *(interval(share, 100) for share in shares), *counts])
    columns = [
        "system", "base", "helper", "rule", "stepped in %", "tokens supplied %", "tokens changed %", "words changed %",
        "places", "tokens", "answers",
    ]  # fmt: skip
    text = (
        "Stepped in: of the places where the rule was asked, the share where the helper supplied a word or token; the control "
        "does so at the same share of its places, drawn at random. Changed: supplied, and not what the base alone would have chosen there."
    )
    return Table("Blended decoding", columns, rows, text) if rows else None


def supplied_table(blends: Mapping[str, BlendFigures]) -> Table | None:
    """Tokens by kind and label, of every blend and control; None where there are no blends."""
    rows: list[Sequence[Cell]] = [
        [
            system, kind, name, figures.positions, interval(figures.supplied, 100),
            interval(figures.share_of_supplied, 100),
        ]
        for blend, both in blends.items()
        for system, made in ((blend, both.blend), (control_of(blend), both.control))
        for kind, named in (("kind", made.kinds), ("label", made.labels))
        for name, figures in named.items()
    ]  # fmt: skip
    columns = ["system", "by", "tokens of", "tokens", "supplied by the helper %", "share of supplied %"]
    return Table("What the helper supplied", columns, rows) if rows else None


def recovered_table(blends: Mapping[str, BlendFigures]) -> Table | None:
    """Differences from the base by aspect; None where nothing is scored, or no helper is a system."""
    rows: list[Sequence[Cell]] = [
        [
            name, aspect, interval(row.helper), interval(row.blend), interval(row.control),
            interval(row.blend_recovered, 100), interval(row.control_recovered, 100), row.n,
        ]
        for name, blend in blends.items()
        for aspect, row in blend.recovered.items()
    ]  # fmt: skip
    columns = [
        "blend", "aspect", "helper - base", "blend - base", "control - base", "recovered %", "control recovered %",
        "instructions",
    ]  # fmt: skip
    text = (
        "Recovered: the blend's, or the control's, difference from the base over the helper's, over the instructions on which all "
        "four have a score; 100: the helper's whole difference. Where the helper hardly differs, it says nothing."
    )
    return Table("What the blend recovers", columns, rows, text) if rows else None
