"""Rubrics that several test files ask by, and where they lie."""

import json
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from urial.prompts.authoring.importing import import_template
from urial.prompts.rubrics.rubrics import load_rubric, rubric_hash
from urial.records.prompt import PlannedRubric, Rubric

OURS = ("multi/1", "safety/1", "single/1")
# In the form in which judges' templates are published, in words of our own.
PUBLISHED = """Rate the output.

## Query:
${instruction}

## Output:
${candidate}

Fill in this form:
```
{
    "helpfulness": {
        "reason": "[why]",
        "score": "[1 to 5]"
    },
    "depth": {
        "reason": "[why]",
        "score": "[1 to 5]"
    }
}
```
"""


def ours(name: str) -> PlannedRubric:
    """A rubric of this project."""
    return load_rubric(name, ROOT / "prompts")


def make_planned(template: str, like: PlannedRubric | None = None, **changes: Any) -> PlannedRubric:
    """A rubric with another template; without ``like``, the one of safety."""
    planned = like or ours("safety/1")
    rubric = Rubric.model_validate({**planned.rubric.model_dump(), "template": template, **changes})
    found = rubric_hash(rubric, planned.reply_schema)
    return planned.model_copy(update={"hash": found, "rubric": rubric})


def imported(text: str = PUBLISHED) -> PlannedRubric:
    """A published template as a rubric."""
    rubric, schema = import_template(text, "somewhere")
    return PlannedRubric(name="theirs/1", hash=rubric_hash(rubric, schema), rubric=rubric, reply_schema=schema)


def write_files(folder: Path, name: str, rubric: str, schema: Any) -> Path:
    """A rubric's two files below a folder of prompts, however wrong; the YAML file."""
    path = folder / "judge" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rubric, "utf-8")
    text = schema if isinstance(schema, str) else json.dumps(schema)
    path.with_name(f"{path.stem}.schema.json").write_text(text, "utf-8")
    return path
