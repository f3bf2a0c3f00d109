"""The run of record for the tests of this folder, and what they derive from the same bytes over and over, derived once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.clones import Clone


@pytest.fixture(scope="session")
def record(record_clone: Clone) -> Path:
    """Its folder, never to be changed."""
    return record_clone.folder


@pytest.fixture(scope="session", autouse=True)
def derived_once() -> Iterator[None]:
    """Runs that differ in one byte have the same figures and prompts: to draw and to parse them is half of a verification."""
    from urial.core import yaml_files
    from urial.report.charts import drawing, every
    from urial.report.charts.figure import specification_bytes

    drawn, trees = dict[bytes, bytes](), dict[str, Any]()

    def svg(made: Any) -> bytes:
        key = specification_bytes(made)
        if key not in drawn:
            drawn[key] = drawing.svg(made)
        return drawn[key]

    class ParsedOnce:
        def __init__(self, **options: Any) -> None:
            self.yaml = YAML(**options)

        def load(self, text: str) -> Any:
            if text not in trees:
                trees[text] = self.yaml.load(text)
            return trees[text]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(every, "svg", svg)
        patch.setattr(yaml_files, "YAML", ParsedOnce)
        yield
