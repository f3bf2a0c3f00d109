"""Every Eval Ever (https://github.com/evaleval/every_eval_ever), version 0.3.0: an aggregate and the rows of a system.

A system is one evaluation of its model: UUID.json has a result for each aspect, with judge, prompt of the judge and interval,
and UUID_samples.jsonl a row for each score. The format's rows have no form without a number, so that what is unscored is no
row: the aggregate counts and names it, with its reason.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from urial.core.hashing import bytes_hash, canonical_json
from urial.core.store import indented, write_bytes
from urial.exchange.exporters.answers import ExportedRun, ExportedSystem
from urial.exchange.exporters.every_eval_ever_results import Result, generation_config, results_of
from urial.exchange.exporters.every_eval_ever_samples import SCHEMA_VERSION, Row, samples_of
from urial.exchange.exporters.identity import component, content_uuid, model_identity

Relationship = Literal["first_party", "third_party", "collaborative", "other"]


@dataclass(frozen=True)
class Publisher:
    """Who ran the evaluation, which no run knows."""

    organization: str = "unknown"
    # To those who made the model.
    relationship: Relationship = "other"


@dataclass(frozen=True)
class Written:
    """What was made of a system."""

    system: str
    # Below the folder; None: it has no score, and the format no place for an answer without one.
    aggregate: str | None
    scores: int
    unscored: int


def write_every_eval_ever(run: ExportedRun, folder: Path, publisher: Publisher) -> Iterator[Written]:
    """Write the files of every system below ``folder``, as the datastore of the project lays them out."""
    for system in run.systems:
        yield _write_system(run, system, folder, publisher)


def _write_system(run: ExportedRun, system: ExportedSystem, folder: Path, publisher: Publisher) -> Written:
    model = model_identity(system.manifest)
    collection = component(run.report.instructions, "instructions")
    evaluation = f"{collection}.{run.report.study}.{system.name}/{model.id}/{_seconds(run)}"
    results = results_of(run, system)
    rows, unscored = samples_of(system, {result.id: result for result in results}, Row(evaluation, model.id))
    if not rows:
        return Written(system.name, None, 0, len(unscored))
    samples = b"".join(map(_row, rows))
    aggregate = _aggregate(run, system, results, evaluation, publisher)
    name = content_uuid(canonical_json(aggregate), samples)
    place = "/".join(("data", collection, model.developer, model.model, name))
    aggregate["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": f"{place}_samples.jsonl",
        "hash_algorithm": "sha256",
        "checksum": bytes_hash(samples).removeprefix("sha256:"),
        "total_rows": len(rows),
        "additional_details": {"unscored_rows": str(len(unscored)), **unscored},
    }
    write_bytes(folder / f"{place}_samples.jsonl", samples)
    write_bytes(folder / f"{place}.json", f"{indented(aggregate)}\n".encode())
    return Written(system.name, f"{place}.json", len(rows), len(unscored))


def _row(row: dict[str, Any]) -> bytes:
    # In ASCII: their validator takes other line ends of Unicode for ends of rows.
    return json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _aggregate(
    run: ExportedRun, system: ExportedSystem, results: list[Result], evaluation: str, publisher: Publisher
) -> dict[str, Any]:
    """All of the aggregate but where its rows are."""
    config, source = generation_config(system), _source_data(run)
    changed = {"files_that_differ_from_the_commit": ", ".join(run.dirty)} if run.dirty else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        # The only time that a run knows: its commit's, so that an export of tomorrow has the same.
        "retrieved_timestamp": _seconds(run),
        "source_metadata": {
            "source_name": f"urial run {run.commit[:12]}",
            "source_type": "evaluation_run",
            "source_organization_name": publisher.organization,
            "evaluator_relationship": publisher.relationship,
            "additional_details": {
                "commit": run.commit,
                "system": system.name,
                "study": run.report.study,
                "retrieved_timestamp": "the date of the commit",
                **changed,
            },
        },
        "model_info": _model_info(system),
        "eval_library": {"name": "urial", "version": system.environment.packages.get("urial") or "unknown"},
        "evaluation_results": [
            {**result.entry, "source_data": source, "generation_config": config} for result in results
        ],
    }


def _model_info(system: ExportedSystem) -> dict[str, Any]:
    model, engine = model_identity(system.manifest), system.environment.engine
    transformers = system.environment.packages.get("transformers")
    info: dict[str, Any] = {
        "name": model.model,
        "id": model.id,
        "developer": model.developer,
        "additional_details": {
            "deployment_type": model.deployment,
            "model_availability": model.availability,
            "role": system.plan.model,
            **model.fixed_by,
        },
    }
    if engine is not None:
        info["inference_engine"] = {"name": engine.name, "version": engine.version}
    elif model.deployment == "self_deployed" and transformers:
        info["inference_engine"] = {"name": "transformers", "version": transformers}
    return info


def _source_data(run: ExportedRun) -> dict[str, Any]:
    """Where the instructions come from: a data set of the hub, or others."""
    chosen, found = run.instructions.set, {"instructions_hash": run.report.instructions_hash}
    source = getattr(chosen, "source", None)
    name = {"dataset_name": run.report.instructions, "additional_details": {"kind": chosen.kind, **found}}
    if source is None or run.instructions.source_hash is not None:
        # A file, whose path is of this machine, or the embedded world.
        return {**name, "source_type": "other"}
    split, revision = getattr(chosen, "split", None), getattr(chosen, "revision", None)
    entry: dict[str, Any] = {
        **name, "source_type": "hf_dataset", "hf_repo": source, "samples_number": run.asked,
    }  # fmt: skip
    if split:
        entry["hf_split"] = split
    if revision:
        entry["additional_details"]["revision"] = revision
    return entry


def _seconds(run: ExportedRun) -> str:
    return str(int(run.date.timestamp()))
