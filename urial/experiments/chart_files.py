"""A chart of many runs as a file: drawn in the format that the file's name ends with, or as its Vega-Lite specification."""

from collections.abc import Collection
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.store import write_bytes
from urial.exchange.figures.files import FORMATS
from urial.report.charts.figure import Figure, specification, specification_bytes

JSON = "json"
ENDINGS = (*FORMATS, JSON)


def require_ending(path: Path, endings: Collection[str] = ENDINGS) -> None:
    """Raises UrialError for a file whose name asks for none of these formats of a chart."""
    if _ending(path) not in endings:
        raise UrialError(
            f"{shorten(str(path))}: no format of a chart",
            expected=f"a name that ends in .{', .'.join(endings)}{'; the last is Vega-Lite' if JSON in endings else ''}",
        )


def write_chart(figure: Figure, path: Path, run: str, mark: str) -> None:
    """Write the chart, which has its caption inside, and ``mark``, what it is of; ``run`` is the identifier of its data."""
    made = specification(figure, run)
    if _ending(path) == JSON:
        write_bytes(path, specification_bytes(made))
    else:
        draw, marked = FORMATS[_ending(path)]
        write_bytes(path, marked(draw(made), figure.caption, mark))


def _ending(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()
