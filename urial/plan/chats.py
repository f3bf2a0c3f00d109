"""The day that chat templates are told: some ask for today's date, and rows have to be the same tomorrow."""

from datetime import date
from pathlib import Path

from urial.core.errors import UrialError
from urial.local_models.loading.chat_templates import tells_day, template_in
from urial.local_models.loading.gguf_header import read_header
from urial.models.hub import SMALL_FILES, download
from urial.records.base import DAY
from urial.records.model import (
    FolderWeights,
    GgufWeights,
    PlannedLocal,
    PlannedModel,
    ServerModel,
    ServerReference,
    TunedModel,
)
from urial.records.params.file import MicroworldStudy, ModelsStudy, Study


def day_of_chats(study: Study) -> date | None:
    """The day for the aligned model's chat template; None where it is laid out by a server, or was written by plan."""
    if isinstance(study, MicroworldStudy) or isinstance(study.aligned, ServerReference | TunedModel):
        return None
    return study.date


def require_steady_chats(study: ModelsStudy, aligned: PlannedModel, name: str) -> None:
    """Says which day the chat template of a study is told, if it asks. Raises UrialError where no chat is the same twice.

    ``name`` is the study's in messages.
    """
    if isinstance(aligned, ServerModel):
        if study.date != DAY:
            raise UrialError(
                f"{name}.date: the server of the aligned model lays out its chats, and is told no day",
                where="params.yaml",
                fix=f"leave {name}.date out, or name the aligned model by its hub id or its files",
            )
    elif asks_for_day(aligned, f"{name}.aligned"):
        print(f"{name}.aligned: to its chat template, today is {study.date}, whenever the run is made ({name}.date)")


def asks_for_day(model: PlannedLocal, name: str) -> bool:
    """Whether the model's chat template puts the date into its text, or may do so, where it comes with the weights.

    ``name`` stands for the model in messages. Raises UrialError for a template that gives another text each time.
    """
    if isinstance(model, FolderWeights):
        template = template_in(model.path)
    elif isinstance(model, GgufWeights):
        template = _in_gguf(model.path)
    elif model.gguf_file:
        # Whether the file is here already must decide nothing.
        return True
    else:
        template = template_in(download(model, SMALL_FILES))
    return template is not None and tells_day(template, name)


def _in_gguf(path: Path) -> str | None:
    template = read_header(path).metadata.get("tokenizer.chat_template")
    return template if isinstance(template, str) else None
