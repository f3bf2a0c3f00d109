"""A judge in this process: any model of transformers, decoded greedily from the first token of its JSON on.

It does not think before. `json_schema` holds each reply to the rubric's schema. `score_tokens` forces the beginning of
a reply that is a score alone, and reads the probabilities of 1 to 5; that an aspect does not apply has no place among
them, and a judge which may find so needs `json_schema`. `verdict_tokens` reads the probabilities of two letters in the same way.
"""

import sys
import tempfile
from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import write_json
from urial.judge.local.constrained import Constraints, SchemaWriter
from urial.judge.local.layout import Layout, QuestionError
from urial.judge.local.score_tokens import ScoreReader, require_score_alone
from urial.judge.model.asking import Question
from urial.local_models.decoding.prepared import prepared_model
from urial.local_models.loading.loading import context_length, gguf_hashes, gguf_of_hub, load_tokenizer
from urial.records.judge import VERDICT_TOKENS, LocalFormat, LocalJudgeModel
from urial.records.judgment import Reply
from urial.records.model import MANIFEST, HubWeights, ModelManifest, PlannedHub, Weights
from urial.records.plans import TransformersPlan

# Part of the judge's identity: raised when the same questions would get other replies than before.
ALGORITHM = 1


class TransformersBackend:
    """The model is loaded when it is first asked, and stays."""

    def __init__(self, plan: TransformersPlan, form: LocalFormat | None = None) -> None:
        """``form`` is how it replies; None: as planned. Raises UrialError for score_tokens with a rubric that asks for more."""
        self.form = form or plan.judge.response_format
        if self.form == "score_tokens":
            require_score_alone("regular", plan.rubrics.regular)
            require_score_alone("safety", plan.rubrics.safety)
        self.plan = plan
        self.model = local_model(plan, self.form)

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        """As Backend.replies: first to the questions that cannot be asked, then to the others, the longest first.

        Raises UrialError when the model cannot be loaded or does not fit into memory.
        """
        import torch

        if not questions:
            return
        prompts: dict[int, list[int]] = {}
        try:
            layout, writer = self._loaded
            for index, question in enumerate(questions):
                try:
                    prompts[index] = layout.prompt_ids(question.text, writer.longest)
                except QuestionError as error:
                    yield index, Reply(aspect=question.aspect, text=error.what, finish="failed")
            for index, reply in writer.replies(questions, prompts):
                yield index, reply.model_copy(update={"aspect": questions[index].aspect})
        except torch.OutOfMemoryError as error:
            raise UrialError(
                "the judge does not fit into the device's memory",
                fix="lower its batch_size or max_tokens, set its max_characters, or load it in bfloat16",
            ) from error

    @cached_property
    def _loaded(self) -> tuple[Layout, SchemaWriter | ScoreReader]:
        """What lays questions out for the model, and what writes or reads its replies."""
        settings, model = self.plan.judge, self.plan.model
        # Loading a folder checks that its files are still the planned ones; a commit fixes those of a hub model.
        source: Weights = _fetched(model) if isinstance(model, PlannedHub) else model
        with tempfile.TemporaryDirectory(prefix="urial-judge-") as name:
            folder = Path(name)
            write_json(folder / MANIFEST, ModelManifest(role="base", source=source))
            tokenizer = load_tokenizer(folder, self.plan.judge.date)
            # What a context has no room for is found and said here, and not by a warning.
            tokenizer.model_max_length = sys.maxsize
            # What cannot work with the tokenizer is known before the weights are read.
            layout = Layout(tokenizer, context_length(folder))
            constraints = Constraints(tokenizer) if self.form == "json_schema" else None
            loaded = prepared_model(folder, self.plan.threads)
        if constraints is None:
            tokens = VERDICT_TOKENS if self.form == "verdict_tokens" else None
            return layout, ScoreReader(tokenizer, loaded, tokens)
        return layout, SchemaWriter(loaded, constraints, settings.max_tokens, settings.batch_size)


def _fetched(model: PlannedHub) -> HubWeights:
    return HubWeights(**dict(model), files=gguf_hashes(gguf_of_hub(model)) if model.gguf_file else {})


def local_model(plan: TransformersPlan, form: LocalFormat | None = None) -> LocalJudgeModel:
    """What decides a reply of the planned judge, which replies in this form; None: as planned."""
    model, judge = plan.model, plan.judge
    form = form or judge.response_format
    return LocalJudgeModel(
        kind="transformers",
        algorithm=ALGORITHM,
        # The commit fixes a hub model, the files fix a folder or a GGUF file, wherever it lies.
        model="/".join(filter(None, (model.hub, model.gguf_file))) if isinstance(model, PlannedHub) else None,
        revision=model.revision if isinstance(model, PlannedHub) else None,
        files=None if isinstance(model, PlannedHub) else content_hash(model.files),
        dtype=judge.loading.dtype,
        quantization=judge.loading.quantization,
        max_tokens=judge.max_tokens if form == "json_schema" else None,
        response_format=form,
        date=plan.date,
    )
