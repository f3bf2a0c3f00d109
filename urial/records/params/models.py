"""The part of params.yaml that names a model of a study: one that is loaded here, with its engine where it has one, or on a server."""

from typing import Annotated

from pydantic import Tag

from urial.records.engine import WithEngine
from urial.records.model import FolderModel, GgufModel, HubModel, ServerReference
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
