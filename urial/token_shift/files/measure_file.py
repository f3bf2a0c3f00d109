"""Measures the token distribution shift of a file of answers, outside of the pipeline, under models of anyone's."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.models.hub import hub_id
from urial.models.prepare import prepare_model
from urial.plan.pairs import require_comparable
from urial.plan.vocabularies import Vocabulary, folder_vocabulary, vocabulary_of
from urial.prompts.versions.assembly import assemble
from urial.records.base import DAY, Role
from urial.records.completion import AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import (
    MANIFEST,
    EmbeddedModel,
    FolderModel,
    GgufModel,
    HubModel,
    Loading,
    LocalReference,
    read_manifest,
)
from urial.records.params.file import Decoding, Generation
from urial.records.params.token_shift import TokenShiftParams
from urial.records.plans import SystemPlan, TokenShiftPlan
from urial.records.prompt import Prompt
from urial.records.token_shift import ShiftCoverage, ShiftMeasurement
from urial.run.paths import MODELS_FOLDER
from urial.run.project import in_root, prompts_folder, root_of
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import ShiftInputs

if TYPE_CHECKING:
    import pyarrow as pa

# Nothing is generated: a prompt needs room for one token, and a row without it is recorded.
_NOTHING = Decoding(max_new_tokens=1, temperature=0, top_p=1, repetition_penalty=1, seed=0)
_RECORD = Generation(batch_size=1, on_context_overflow="record")


def named_model(name: str, revision: str | None) -> LocalReference:
    """The model that one option of the command line means: a GGUF file, a folder that exists, or what cannot be a hub id;
    else a hub id, behind which a third part names a GGUF file of the repository.

    ``revision`` is a commit, branch or tag on the hub, and a checkpoint below a folder.
    """
    if name.endswith(".gguf") and not os.path.isdir(name):
        return _named_gguf(name, revision)
    if os.path.isdir(name) or name.startswith((".", "/", "~")) or name.count("/") > 1:
        return FolderModel(folder=name, checkpoint=revision)
    return HubModel(hub=hub_id(name), revision=revision)


def _named_gguf(name: str, revision: str | None) -> LocalReference:
    """OWNER/NAME/FILE.gguf on the hub, unless there is such a file here; else the file."""
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if file and owner not in ("", ".", "..", "~") and not os.path.isfile(name):
        return HubModel(hub=hub_id(f"{owner}/{repository}"), revision=revision, gguf_file=file)
    if revision is not None:
        raise UrialError(f"{name}: a file has no revision {revision!r}", fix="leave the option for the revision out")
    return GgufModel(gguf=name)


def own_folder(role: Role) -> Path:
    """The folder of the run's own model, with its manifest. Raises UrialError where there is none yet."""
    folder = in_root(Path(MODELS_FOLDER)) / role
    if not (folder / MANIFEST).is_file():
        root_of(Path())
        raise UrialError(
            "no model yet",
            path=folder,
            fix="run `dvc pull models` where a remote has it, or `dvc repro models`; or name models with --base and --aligned",
        )
    return folder


def require_there(reference: LocalReference | None, role: Role) -> None:
    """Raises UrialError, in words of the command's options, for a folder or a file that is not here."""
    if isinstance(reference, FolderModel) and not reference.path.is_dir():
        options = f"--{role} or --{role}-revision" if reference.checkpoint else f"--{role}"
        fix = f"correct {options}: a folder that is here, a GGUF file, or a hub id, OWNER/NAME"
        raise UrialError(f"{role} model: no folder {reference.path}", fix=fix)
    if isinstance(reference, GgufModel) and not os.path.isfile(reference.path):
        raise UrialError(f"{role} model: no file {reference.path}", fix=f"correct --{role}")


def model_folder(reference: LocalReference | None, role: Role, loading: Loading, scratch: Path) -> Path:
    """A folder with the model's manifest: of one that is named, below ``scratch``; of None, the run's own.

    Raises UrialError, in words of the command's options, where there is no such model.
    """
    if reference is None:
        return own_folder(role)
    require_there(reference, role)
    prepare_model(reference, role, loading, scratch / role)
    return scratch / role


@dataclass(frozen=True)
class Models:
    """The pair: None means the run's own under data/models."""

    base: LocalReference | None = None
    aligned: LocalReference | None = None
    loading: Loading = field(default_factory=lambda: Loading(dtype="auto"))

    @property
    def references(self) -> dict[Role, LocalReference | None]:
        """Both, by their roles."""
        return {"base": self.base, "aligned": self.aligned}


def require_comparable_tokens(models: Models, params: TokenShiftParams) -> None:
    """Raises UrialError, in a moment and before anything is loaded, for a pair whose tokens cannot be compared so."""
    base, aligned = (_vocabulary(reference, role) for role, reference in models.references.items())
    if (remark := require_comparable(base, aligned, params, ("the base model", "the aligned model"))) is not None:
        print(remark, file=sys.stderr)


def _vocabulary(reference: LocalReference | None, role: Role) -> Vocabulary | None:
    """The vocabulary of a model that is named, or of the run's own; None: it is not known."""
    if reference is not None:
        return vocabulary_of(reference)
    folder = own_folder(role)
    source = read_manifest(folder).model
    if isinstance(source, EmbeddedModel):
        return folder_vocabulary(folder)
    return vocabulary_of(source) if isinstance(source, FolderModel | GgufModel | HubModel) else None


@contextmanager
def model_folders(models: Models) -> Iterator[dict[Role, Path]]:
    """A folder with a manifest for each model. Raises UrialError where there is none."""
    # Both, before the first is unpacked.
    for role, named in models.references.items():
        require_there(named, role)
    with tempfile.TemporaryDirectory(prefix="urial-") as scratch:
        yield {
            role: model_folder(named, role, models.loading, Path(scratch)) for role, named in models.references.items()
        }


def measure_answers(
    folders: Mapping[Role, Path],
    prompt: tuple[str, Prompt],
    params: TokenShiftParams,
    rows: Sequence[tuple[Instruction, Completion]],
    threads: int | None,
    *,
    day: date = DAY,
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """See token_shift.measure.context.measure_context; the aligned model's prompts are its chat template's.

    ``prompt`` is the base context: its name and its prompt version; ``day`` is today's date to the chat template.
    """
    instructions = [instruction for instruction, _ in rows]
    prompts: dict[Role, list[AssembledPrompt]] = {}
    choices: tuple[tuple[Role, str, Prompt | None], ...] = (("base", *prompt), ("aligned", "aligned", None))
    for role, name, version in choices:
        plan = SystemPlan(
            system=name,
            model=role,
            prompt_name=None,
            prompt=version,
            prompt_hash=None,
            decoding=_NOTHING,
            generation=_RECORD,
            threads=threads,
            date=day,
        )
        prompts[role] = assemble(plan, instructions, folders[role], prompts_folder())
    own = ShiftMeasurement(name=prompt[0], answers="aligned", base_system=prompt[0], aligned_system="aligned")
    inputs = ShiftInputs(instructions, [row for _, row in rows], prompts["aligned"], prompts["base"], own)
    plan_of_shift = TokenShiftPlan(token_shift=params, microworld_seed=None, threads=threads)
    return measure_context(plan_of_shift, inputs, {"base": folders["base"], "aligned": folders["aligned"]})
