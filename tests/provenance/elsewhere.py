"""Prompts and answers of one system as the stages leave them, of models that may be here, on the hub or behind a server."""

from collections.abc import Sequence
from pathlib import Path

from urial.core.store import write_json, write_jsonl
from urial.generate.run import completion_key
from urial.models.sources import ROLES
from urial.prompts.versions.assembly import Assembler
from urial.provenance.verify.run import Run
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Role
from urial.records.completion import Answer, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.model import MANIFEST, Loading, ModelManifest
from urial.records.params.models import PairModel
from urial.records.plans import LoadedModels, ModelsPlan, PlannedModel, SystemPlan
from urial.run import paths

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = "sha256:" + "ab" * 32
LOADING = Loading(dtype="bfloat16")


def hub_manifest(role: Role) -> ModelManifest:
    """A model of the hub: its files are known, and are not here."""
    return ModelManifest(
        role=role, id=f"some/{role}", revision=COMMIT, files={"weights": HASH}, loading=LOADING, embedded=False
    )


def served_manifest(role: Role, served: PairModel) -> ModelManifest:
    """A model behind a server."""
    return ModelManifest(
        role=role, id=served.id, revision=None, server=served.server, files={}, loading=None, embedded=False
    )


def write_models(data: Path, base: ModelManifest, aligned: ModelManifest, files: bool = False) -> None:
    """Manifests and their plan; ``files`` says whether the plan knows them, as it does of a folder's."""
    for role, manifest in zip(ROLES, (base, aligned), strict=True):
        write_json(data / "models" / role / MANIFEST, manifest)
    planned = [
        PlannedModel(id=item.id, revision=item.revision, files=item.files if files else None, server=item.server)
        for item in (base, aligned)
    ]
    models = LoadedModels(kind="models", base=planned[0], aligned=planned[1], loading=LOADING)
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
