"""Judges in this process over the folders of tests.tiny_models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from urial.judge.local.judge import TransformersBackend
from urial.judge.model.asking import Question
from urial.local_models.loading.loading import file_hashes
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.judgment import Aspect, Reply
from urial.records.model import FolderWeights
from urial.records.params.judges import TransformersJudge
from urial.records.plans import PlannedRubrics, TransformersPlan

MULTI, SAFETY, SINGLE = (load_rubric(name, ROOT / "prompts") for name in ("multi/1", "safety/1", "single/1"))


def make_plan(folder: Path, **changes: Any) -> TransformersPlan:
    """A judge of a folder; ``changes`` are fields of params.yaml. score_tokens has the rubric single/1."""
    one = changes.get("response_format") == "score_tokens"
    judge = TransformersJudge.model_validate(
        {"kind": "transformers", "model": {"folder": str(folder)}, "max_tokens": 60, **changes}
    )
    return TransformersPlan(
        kind="transformers",
        judge=judge,
        rubrics=PlannedRubrics(regular=SINGLE, safety=SINGLE) if one else PlannedRubrics(regular=MULTI, safety=SAFETY),
        model=FolderWeights(folder=str(folder), loading=judge.loading, files=file_hashes(folder)),
        threads=1,
    )


def asked(text: str, rubric: Any = SAFETY, aspect: Aspect | None = None) -> Question:
    """A question for the first time."""
    return Question(0, rubric, text, aspect)


def replies_of(backend: TransformersBackend, questions: Sequence[Question]) -> list[Reply]:
    """The reply to each question, each given once."""
    found = list(backend.replies(questions))
    assert sorted(index for index, _ in found) == list(range(len(questions)))
    return [reply for _, reply in sorted(found, key=lambda item: item[0])]
