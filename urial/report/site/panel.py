"""The data of the panel that says where a number is from: data/origins.js, loaded when the panel is opened first."""

from collections.abc import Mapping
from typing import Any

from urial.core.json_paths import JsonPath
from urial.core.text import visible
from urial.records.report import Report
from urial.report.inputs import ReportInputs
from urial.report.site.origins import Origin, Origins


def origins(shown: Mapping[str, JsonPath], inputs: ReportInputs, report: Report) -> dict[str, Any]:
    """The data of the panel: the origin of each number by its pointer, and the MD5 of the files that these name.

    Many numbers share an origin, and origins share texts: each is there once, and what refers to it has its place in the list.
    """
    known = Origins(inputs, report)
    found = {pointer: known.of(path) for pointer, path in shown.items()}
    named = {name for origin in found.values() for name in origin["files"]}
    texts, distinct = dict[str, int](), dict[str, int]()
    numbers, kept = dict[str, int](), list[Origin]()
    for pointer, origin in found.items():
        short = {field: _placed(value, texts) for field, value in origin.items()}
        numbers[pointer] = distinct.setdefault(repr(short), len(distinct))
        if len(distinct) > len(kept):
            kept.append(short)
    files = {name: md5 for name, md5 in inputs.files.items() if name in named}
    return {"numbers": numbers, "origins": kept, "texts": list(texts), "files": files}


def _placed(value: object, texts: dict[str, int]) -> object:
    """A text's place in the list of texts; of a list or an object, those of all within."""
    if isinstance(value, str):
        return texts.setdefault(visible(value), len(texts))
    if isinstance(value, dict):
        return {name: _placed(part, texts) for name, part in value.items()}
    return [_placed(part, texts) for part in value] if isinstance(value, list) else value
