"""Prompts and answers of one system as the stages leave them, of models that may be here, on the hub or behind a server."""

from collections.abc import Sequence
from pathlib import Path

from urial.core.store import write_json, write_jsonl
from urial.generate.keys import completion_key
from urial.prompts.versions.assembly import Assembler
from urial.provenance.verify.run import Run
from urial.records.base import ROLES, Role
from urial.records.completion import Answer, AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.model import (
    MANIFEST,
    FolderWeights,
    HubWeights,
    Loading,
    ModelManifest,
    PlannedHub,
    ServerModel,
    ServerReference,
)
from urial.records.plans import LoadedModels, ModelsPlan, SystemPlan
from urial.run import paths

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = "sha256:" + "ab" * 32
LOADING = Loading(dtype="bfloat16")


def hub_manifest(role: Role) -> ModelManifest:
    """A model of the hub: its files are known, and are not here."""
    source = HubWeights(hub=f"some/{role}", revision=COMMIT, loading=LOADING, files={"weights": HASH})
    return ModelManifest(role=role, source=source)


def folder_manifest(role: Role) -> ModelManifest:
    """A model in a folder: its plan knows its files, and they are not here."""
    return ModelManifest(role=role, source=FolderWeights(folder=role, loading=LOADING, files={"weights": HASH}))


def served_manifest(role: Role, served: ServerReference) -> ModelManifest:
    """A model on a server."""
    return ModelManifest(role=role, source=ServerModel(server=served.server, model=served.model))


def write_models(data: Path, base: ModelManifest, aligned: ModelManifest) -> None:
    """Manifests and their plan, which does not know the files of a hub model."""
    for role, manifest in zip(ROLES, (base, aligned), strict=True):
        write_json(data / "models" / role / MANIFEST, manifest)
    planned = [
        PlannedHub(**manifest.source.model_dump(exclude={"files"}))
        if isinstance(manifest.source, HubWeights)
        else manifest.source
        for manifest in (base, aligned)
    ]
    models = LoadedModels.model_validate({"kind": "models", "base": planned[0], "aligned": planned[1]})
    write_json(data / "plan/models.json", ModelsPlan(models=models, threads=1))


def write_answers(
    run: Run, plan: SystemPlan, instructions: Sequence[Instruction], folder: Path, answer: Answer
) -> None:
    """The rows of a system that answers everything alike; ``folder`` has the tokenizer, or the server's manifest."""
    assembler, manifest = Assembler(plan, folder), run.record(paths.MANIFEST, plan.model)
    prompts = [[assembler.prompt(row, [answer.text] * turn) for turn in range(len(row.turns))] for row in instructions]

    def key(prompt: AssembledPrompt) -> str:
        return completion_key(manifest, prompt, plan)

    completions = [
        Completion(
            instruction_id=row.id,
            system=plan.system,
            status="ok",
            reason=None,
            answer=answer,
            key=key(turns[0]),
            later_turns=tuple(
                LaterTurn(status="ok", reason=None, answer=answer, key=key(prompt), prompt=prompt)
                for prompt in turns[1:]
            ),
        )
        for row, turns in zip(instructions, prompts, strict=True)
    ]
    write_json(run.data / f"plan/systems/{plan.system}.json", plan)
    write_jsonl(run.data / "instructions.jsonl", instructions)
    write_jsonl(run.data / f"prompts/{plan.system}.jsonl", [turns[0] for turns in prompts])
    write_jsonl(run.data / f"generations/{plan.system}.jsonl", completions)
