"""The score as a distribution: how probable a model finds each of 1 to 5 where its reply has to say one.

G-Eval (arXiv 2303.16634, section 2) weighs scores by their probabilities in this way.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.judge.local.layout import continuation
from urial.judge.model.asking import Question
from urial.local_models.decoding.batch import require_numbers
from urial.prompts.rubrics.reply_schemas import NUMBERS, SCORE, score_forms
from urial.records.judgment import SCALE, Reply
from urial.records.prompt import PlannedRubric

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# About what float32 logits know of a probability.
DECIMALS = 6


def require_score_alone(category: str, planned: PlannedRubric) -> None:
    """Raises UrialError unless a rubric's reply is one whole number and nothing else."""
    # Of a longer scale, 10 would begin as 1 does.
    if planned.rubric.scale != SCALE:
        raise UrialError(
            f"score_tokens reads the scores 1 to {SCALE}, and the rubric {planned.name} has 1 to {planned.rubric.scale}",
            where="params.yaml",
            fix="set the judge's response_format to json_schema",
        )
    forms = score_forms(planned.rubric, planned.reply_schema)
    if None not in forms or forms[None].rationale or not set(NUMBERS) <= set(forms[None].scores):
        raise UrialError(
            f"score_tokens reads only a score, and the rubric {planned.name} asks for another reply",
            where="params.yaml",
            fix=f"set the judge's rubrics.{category} to one whose reply is {_reply_text(4)}, or its reply to json_schema",
        )


class ScoreReader:
    """Reads scores, or one of two verdicts, from the probabilities of one model's tokens."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        model: "PreTrainedModel",
        verdicts: tuple[str, str] | None = None,
    ) -> None:
        """``verdicts``: the two that a reply can be; None: it is a score."""
        self.model = model
        self.verdicts = verdicts
        # Of each score, the reply up to its digit, which can be one token with the space before it.
        texts = verdicts or [_reply_text(score).removesuffix("}") for score in NUMBERS]
        self._replies = [continuation(tokenizer, text) for text in texts]
        self.longest = max(map(len, self._replies))
        columns = zip(*self._replies, strict=False)
        self._shared = next(place for place, column in enumerate(columns) if len(set(column)) > 1)

    def replies(self, _: Sequence[Question], prompts: Mapping[int, list[int]]) -> Iterator[tuple[int, Reply]]:
        """The most probable score or verdict with the probabilities for each of ``prompts``, by its question's index, the longest first.

        Each is computed alone. Its probabilities are then the same to the last bit whatever else is asked, and a run
        that was interrupted ends in the same file.
        """
        import torch

        for index in sorted(prompts, key=lambda index: (-len(prompts[index]), index)):
            with torch.inference_mode():
                logprobs = torch.stack(self._logprobs(prompts[index]))
            distribution = tuple(round(part, DECIMALS) for part in logprobs.softmax(0).tolist())
            best = distribution.index(max(distribution))
            yield (
                index,
                Reply(
                    text=self.verdicts[best] if self.verdicts else _reply_text(NUMBERS[best]),
                    finish="stop",
                    input_tokens=len(prompts[index]) + self._shared,
                    output_tokens=len(self._replies[best]) - self._shared,
                    distribution=None if self.verdicts else distribution,
                    verdict_probabilities=(distribution[0], distribution[1]) if self.verdicts else None,
                ),
            )

    def _logprobs(self, prompt_ids: Sequence[int]) -> "list[Tensor]":
        """The log-probability of each score's own tokens, in float64: almost always one token after one text."""
        import torch

        # Log-probabilities [own tokens, vocabulary] of what follows each of the last tokens of a text.
        known: dict[tuple[int, ...], Tensor] = {}
        logprobs = []
        for reply in self._replies:
            before, own = (*prompt_ids, *reply[:-1]), reply[self._shared :]
            if before not in known:
                tokens = torch.tensor([before], device=self.model.device)
                logits = self.model(input_ids=tokens, use_cache=False, logits_to_keep=len(own)).logits[0].float()
                require_numbers(logits)
                known[before] = logits.cpu().double().log_softmax(-1)
            logprobs.append(known[before][range(len(own)), own].sum())
        return logprobs


def _reply_text(score: int) -> str:
    return json.dumps({SCORE: score})
