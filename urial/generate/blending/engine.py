"""Blended decoding in process: two or three models in step over the rows of a batch, and a rule that says whose the next token is."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from urial.generate.engine import Request
from urial.records.blend import PlannedRule
from urial.records.completion import Answer
from urial.records.params.file import Decoding


@dataclass(frozen=True)
class BlendRequest:
    """One instruction as the base is asked it and as the helper is; an untuned model is asked as the base is."""

    base: Request
    helper: Request


class BlendedEngine:
    """Decodes with models that all stay in memory."""

    def __init__(
        self,
        base: Path,
        helper: Path,
        rule: PlannedRule,
        threads: int | None,
        batch_size: int,
        *,
        untuned: Path | None = None,
    ) -> None:
        """Folders of models; ``untuned`` is that of ``rule.untuned``.

        Raises UrialError where the rule adds logits or compares distributions and the vocabularies differ.
        """

    def complete(
        self, requests: Sequence[BlendRequest], wanted: Sequence[int], decoding: Decoding, helper_decoding: Decoding
    ) -> Generator[tuple[int, Answer], None, None]:
        """See Engine.complete. ``decoding`` is the base's, with the longest answer; the helper's tokens are chosen by
        temperature, top_p and repetition_penalty of ``helper_decoding``. Random numbers are those of the base's request.
        """
