"""Numbers on a page: each is a value of report.json, shown with its JSON Pointer, so that nobody has to ask where it is from."""

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from urial.core.json_paths import JsonPath, Step, json_pointer
from urial.records.report import Report

Shown = str | Markup


class Numbers:
    """Shows values of a report by their paths, and keeps which it has shown."""

    def __init__(self, report: Report) -> None:
        # As report.json has it.
        self._document: Any = json.loads(report.model_dump_json())
        self.shown: dict[str, JsonPath] = {}

    def at(self, *path: Step) -> Any:
        """What the report has at a path."""
        node = self._document
        for step in path:
            node = node[step]
        return node

    def count(self, *path: Step) -> Markup:
        """A whole number, in groups of three digits."""
        return self._element(path, f"{self.at(*path):,}")

    def number(
        self, *path: Step, digits: int = 2, scale: float = 1, unit: str = "", signed: bool = False, css: str = ""
    ) -> Markup:
        """A number with so many digits behind the point."""
        text = f"{self.at(*path) * scale:{'+' if signed else ''},.{digits}f}"
        return self._element(path, (text.replace("-", "−") if signed else text) + unit, css)

    def estimate(self, *path: Step, missing: str = "no value", prefix: str = "", **form: Any) -> Markup:
        """A mean with its interval; where there is none, ``missing``."""
        estimate: Mapping[str, float | None] = self.at(*path)
        if estimate["mean"] is None:
            return Markup('<span class="missing">{}</span>').format(missing)
        mean = self.number(*path, "mean", css="mean", **form)
        if estimate["low"] is None or estimate["high"] is None:
            interval: Shown = "no interval"
        else:
            # The unit is said once.
            ends = {**form, "unit": ""}
            interval = self.number(*path, "low", **ends) + Markup(" to ") + self.number(*path, "high", **ends)
        return Markup('{}{} <span class="interval">{}</span>').format(prefix, mean, interval)

    def _element(self, path: JsonPath, text: str, css: str = "") -> Markup:
        """The number as an element: its exact value and pointer are attributes, which the scripts make reachable."""
        pointer = json_pointer(path)
        self.shown[pointer] = path
        return Markup('<data class="{}" value="{}" data-pointer="{}" title="report.json: {}">{}</data>').format(
            f"n {css}".rstrip(), json.dumps(self.at(*path)), pointer, pointer, escape(text)
        )
