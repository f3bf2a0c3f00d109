"""Tables of safety depth: a column for what thought alone is there only where something did."""

from collections.abc import Sequence

from tests.safety_depth.prefilled import begun, row_of, thought
from urial.records.safety_depth import SafetyDepthFigures
from urial.report.safety_tables import rate_rows, rate_table
from urial.safety_depth.figures.rates import Row, prefill_figures
from urial.statistics.bootstrap import Bootstrap


def depth_of(rows: Sequence[Row]) -> SafetyDepthFigures:
    cell = prefill_figures(rows, Bootstrap(50, 0.95, 0))
    systems = {"aligned": {"compliant": {"5": cell}}}
    return SafetyDepthFigures.model_validate(
        {"instructions": 2, "others": 0, "given": {}, "positions": {}, "systems": systems}
    )


def test_what_thought_alone_is_left_out_and_counted() -> None:
    said = row_of(begun(name="a"), refuses=True, harmful=False, score=5)
    plain, thinking = depth_of([said]), depth_of([said, row_of(thought(name="b"))])
    for depth, extra in ((plain, {}), (thinking, {"only_thinking": 1})):
        rows, shown = rate_rows(depth), rate_table(depth)
        assert rows is not None
        assert shown is not None
        found = dict(zip(rows.columns, rows.rows[0], strict=True))
        assert {name: found[name] for name in found if name == "only_thinking"} == extra
        assert (found["answered"], found["total"]) == (1, 1 + len(extra))
        assert tuple(shown.rows[0][-2:]) == (1, len(extra))
        assert ("ended before their thinking did" in str(shown.caption)) == bool(extra)
