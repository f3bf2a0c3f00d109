"""A judge in this process: any model of transformers, decoded greedily from the first token of its JSON on.

It does not think before. `json_schema` holds each reply to the rubric's schema. `score_tokens` forces the beginning of
a reply that is a score alone, and reads the probabilities of 1 to 5; that an aspect does not apply has no place among
them, and a judge which may find so needs `json_schema`.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import write_json
from urial.judge.local.constrained import Constraints, SchemaWriter
from urial.judge.local.layout import Layout, QuestionError
from urial.judge.local.score_tokens import ScoreReader, require_score_alone
from urial.judge.model.model_judge import Question
from urial.local_models.loading.loading import context_length, load_model, load_tokenizer
from urial.records.judgment import LocalJudgeModel, Reply
from urial.records.model import MANIFEST, FolderWeights, HubWeights, ModelManifest
from urial.records.plans import TransformersPlan

# Part of the judge's identity: raised when the same questions would get other replies than before.
ALGORITHM = 1


class TransformersBackend:
    """The model is loaded when it is first asked, and stays."""

    def __init__(self, plan: TransformersPlan) -> None:
        """Raises UrialError for score_tokens with a rubric whose reply is more than a score."""
        if plan.judge.response_format == "score_tokens":
            require_score_alone("regular", plan.rubrics.regular)
            require_score_alone("safety", plan.rubrics.safety)
        self.plan = plan
        self.model = local_model(plan)
        self._judge: _LocalJudge | None = None

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """As Backend.replies. Raises UrialError when the model cannot be loaded or does not fit into memory."""
        import torch

        if not questions:
            return
        try:
            self._judge = self._judge or _LocalJudge(self.plan)
            for index, reply in self._judge.replies(questions):
                yield index, reply.model_copy(update={"aspect": questions[index].aspect})
        except torch.OutOfMemoryError as error:
            raise UrialError(
                "the judge does not fit into the device's memory",
                fix="lower its batch_size or max_tokens, set its max_characters, or load it in bfloat16",
            ) from error


class _LocalJudge:
    """A judge model in memory."""

    def __init__(self, plan: TransformersPlan) -> None:
        with tempfile.TemporaryDirectory(prefix="urial-judge-") as name:
            folder = Path(name)
            write_json(folder / MANIFEST, _manifest(plan))
            tokenizer = load_tokenizer(folder)
            # What a context has no room for is found and said here, and not by a warning.
            tokenizer.model_max_length = sys.maxsize
            self._context = context_length(folder)
            # What cannot work with the tokenizer is known before the weights are read.
            self._layout = Layout(tokenizer)
            constraints = Constraints(tokenizer) if plan.judge.response_format == "json_schema" else None
            model = load_model(folder, plan.threads)
        self._writer: SchemaWriter | ScoreReader
        if constraints:
            self._writer = SchemaWriter(model, constraints, plan.judge.max_tokens, plan.judge.batch_size)
        else:
            self._writer = ScoreReader(tokenizer, model)

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """First the questions that cannot be asked, then the others, the longest first."""
        prompts: dict[int, list[int]] = {}
        for index, question in enumerate(questions):
            try:
                prompts[index] = self._prompt_ids(question)
            except QuestionError as error:
                yield index, Reply(text=error.what, finish="failed")
        yield from self._writer.replies(questions, prompts)

    def _prompt_ids(self, question: Question) -> list[int]:
        ids, longest = self._layout.prompt_ids(question.text), self._writer.longest
        if self._context is not None and len(ids) + longest > self._context:
            raise QuestionError(
                f"the question has {len(ids):,} tokens and the reply may have {longest:,}, "
                f"but the judge's context has {self._context:,}"
            )
        return ids


def local_model(plan: TransformersPlan) -> LocalJudgeModel:
    """What decides a reply of the planned judge."""
    model, judge = plan.model, plan.judge
    return LocalJudgeModel(
        kind="transformers",
        algorithm=ALGORITHM,
        # The commit fixes a hub model, the files fix a folder, wherever it lies.
        model=None if isinstance(model, FolderWeights) else model.hub,
        revision=None if isinstance(model, FolderWeights) else model.revision,
        files=content_hash(model.files) if isinstance(model, FolderWeights) else None,
        dtype=judge.loading.dtype,
        quantization=judge.loading.quantization,
        max_tokens=judge.max_tokens if judge.response_format == "json_schema" else None,
        response_format=judge.response_format,
    )


def _manifest(plan: TransformersPlan) -> ModelManifest:
    # Loading a folder checks that its files are still the planned ones; a commit fixes those of a hub model.
    model = plan.model
    source = model if isinstance(model, FolderWeights) else HubWeights(**dict(model), files={})
    return ModelManifest(role="base", source=source)
