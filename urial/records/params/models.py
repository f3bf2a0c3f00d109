"""The part of params.yaml that names a model of a study: one that is loaded here, with its engine where it has one, or on a server."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from urial.records.base import Record, Text
from urial.records.engine import WithEngine
from urial.records.model import FolderModel, GgufModel, HubModel, ServerReference, TunedModel
from urial.records.told_apart import told_apart_by


class StudyHub(HubModel, WithEngine):
    """A hub model of a study."""


class StudyFolder(FolderModel, WithEngine):
    """A model of a study in a folder."""


class StudyGguf(GgufModel, WithEngine):
    """A model of a study in a GGUF file."""


ModelReference = Annotated[
    Annotated[StudyHub, Tag("hub")]
    | Annotated[StudyFolder, Tag("folder")]
    | Annotated[StudyGguf, Tag("gguf")]
    | Annotated[ServerReference, Tag("server")],
    told_apart_by("hub", "folder", "gguf", "server"),
]

AlignedReference = Annotated[
    Annotated[StudyHub, Tag("hub")]
    | Annotated[StudyFolder, Tag("folder")]
    | Annotated[StudyGguf, Tag("gguf")]
    | Annotated[ServerReference, Tag("server")]
    | Annotated[TunedModel, Tag("tuned")],
    told_apart_by("hub", "folder", "gguf", "server", "tuned"),
]


class Thinking(Record):
    """How a study's models mark what they think before they answer, and whether they are asked to."""

    tags: Annotated[tuple[Text, Text], Field(min_length=2, max_length=2)] | None = Field(
        default=None,
        description="the tag that opens thinking and the one that closes it, to the letter; null: <think>, <thinking> and "
        "<reasoning>, upper or lower case",
    )
    opened: bool | None = Field(
        default=None,
        description="whether the chat template ends with the opening tag, so that a text begins within its thinking; null: the "
        "rendered prompt says so where the template is here, and on a server a closing tag that no tag precedes",
    )
    enabled: bool | None = Field(
        default=None,
        description="what the chat template is told as enable_thinking, or as thinking where it reads that; null: nothing",
    )


class FolderCheckpoints(Record):
    """The checkpoints that lie in a folder."""

    folder: Text = Field(description="path of the folder; each folder below it with a model is a checkpoint")


class HubCheckpoints(Record):
    """The checkpoints that a repository has."""

    hub: Text = Field(description="hub id, as in OWNER/NAME; each branch and tag but main is a checkpoint")


def _form(value: object) -> str | None:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "list"
    keys = [key for key in ("folder", "hub") if (key in value if isinstance(value, Mapping) else hasattr(value, key))]
    return keys[0] if len(keys) == 1 else None


Checkpoints = Annotated[
    Annotated[FolderCheckpoints, Tag("folder")]
    | Annotated[HubCheckpoints, Tag("hub")]
    | Annotated[tuple[ModelReference, ...], Tag("list")],
    Discriminator(
        _form,
        custom_error_type="model_form",
        custom_error_message="name checkpoints as {folder: PATH}, as {hub: OWNER/NAME}, or as a list of models",
    ),
]
