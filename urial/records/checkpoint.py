"""A checkpoint: a model at a point of its training, and what its name tells of that point.

Names are written by those who trained the model, each in a way of their own. What a name says in one of the ways below is
taken as said; of any other name nothing is known, and nothing is guessed.

>>> checkpoint_named("stage1-step150-tokens1B")
Checkpoint(name='stage1-step150-tokens1B', stage=1, ingredient=None, step=150, tokens=1000000000, revision=None)
>>> checkpoint_named("v1.0").step is None
True
"""

import re
from fractions import Fraction

from pydantic import Field

from urial.records.base import Record, Text
from urial.records.model import EmbeddedWeights, FolderWeights, HubWeights, ServerModel, Weights

_NAME = re.compile(
    r"(?:stage[-_]?(?P<stage>\d{1,4})(?:[-_/]ingredient[-_]?(?P<ingredient>\d{1,4}))?[-_/])?"
    r"(?:(?:global[-_]?)?step|checkpoint|iter(?:ation)?)[-_]?(?P<step>\d{1,15})"
    r"(?:[-_/]tokens[-_]?(?P<tokens>\d{1,15}(?:\.\d{1,6})?)(?P<unit>[kmbt]?))?",
    re.IGNORECASE | re.ASCII,
)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


class Checkpoint(Record):
    """A model along its training. What is not known is null."""

    name: Text = Field(description="what it is called among the others: a folder, a branch or a tag")
    stage: int | None = Field(default=None, ge=0, description="stage of the training; steps count within it")
    ingredient: int | None = Field(default=None, ge=0, description="which of the models of one stage that are averaged")
    step: int | None = Field(default=None, ge=0, description="optimizer steps taken")
    tokens: int | None = Field(default=None, ge=0, description="tokens seen, as who trained it counts them")
    revision: str | None = Field(default=None, description="commit of a repository on the hub")

    @property
    def place(self) -> tuple[bool, int, int, int, int, tuple[tuple[int, str], ...], str]:
        """Where it stands among others: by stage, step and tokens, and last, by name, where it tells no step.

        Steps without a stage come before those of stages.
        """
        stage, ingredient, step, tokens = self.stage or 0, self.ingredient or 0, self.step or 0, self.tokens or 0
        return self.step is None, stage, ingredient, step, tokens, _in_numbers(self.name), self.name


def checkpoint_of(model: Weights | ServerModel | None) -> Checkpoint | None:
    """Which checkpoint a model of a manifest is, and what is known of it; None: it is not known to be one.

    The embedded pair's manifests tell step and tokens; elsewhere, the name of the checkpoint or of the folder does.
    """
    match model:
        case EmbeddedWeights(step=int(step)):
            return Checkpoint(name=f"step-{step}", step=step, tokens=model.tokens)
        case FolderWeights():
            named = checkpoint_named(model.path.name)
            return named if model.checkpoint or named.step is not None else None
        case HubWeights(checkpoint=str(name)):
            return checkpoint_named(name, model.revision)
    return None


def checkpoint_named(name: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint of this name, with what the name tells.

    Names are such as step-1000, step1000-tokens4B, stage2-ingredient1-step500, checkpoint-500, global_step20 and
    iter_0001000. A B is 10^9 tokens.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return Checkpoint(name=name, revision=revision)
    told = {key: int(found[key]) for key in ("stage", "ingredient", "step") if found[key] is not None}
    if found["tokens"] is not None:
        tokens = Fraction(found["tokens"]) * _UNITS[found["unit"].lower()]
        # Half a token is none that anybody counted.
        told |= {"tokens": int(tokens)} if tokens.denominator == 1 else {}
    return Checkpoint(name=name, revision=revision, **told)


def _in_numbers(name: str) -> tuple[tuple[int, str], ...]:
    """A key that puts x-9 before x-10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name) if part)
