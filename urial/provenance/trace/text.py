"""A trace as a tree for people."""

import json
from collections.abc import Iterator

from urial.core.text import one_line
from urial.provenance.trace.records import (
    Computation,
    Trace,
    TracedFile,
    TracedJudge,
    TracedModel,
    TracedRun,
    TracedSystem,
)
from urial.provenance.trace.text_rows import position_node, row_node
from urial.provenance.trace.tree import Node, rendered
from urial.records.environment import Environment
from urial.records.judge import describe
from urial.records.judgment import ASPECTS
from urial.records.model import ServerModel
from urial.run.lockfile import LockedStage

_DIRTY_SHOWN = 5


def trace_text(trace: Trace, rationales: bool, every_row: bool) -> str:
    """The tree; the first row with its prompt in full, with ``every_row`` all of them."""
    return rendered(
        Node(
            f"{trace.path} = {json.dumps(trace.value, ensure_ascii=False)}\n{trace.meaning}",
            [
                Node("recomputed: the same, to the last bit", list(_computation(trace.computation))),
                *_evidence(trace, rationales, every_row),
                *(_system(name, found) for name, found in trace.systems.items()),
                *(_model(role, found) for role, found in trace.models.items()),
                *([_judge(trace.judge)] if trace.judge else []),
                Node(f"instructions {trace.instructions.name}: {trace.instructions.hash}", list(_set(trace))),
                Node("stages", [_stage(item.stage, item.environment) for item in trace.stages]),
                Node("files behind what is shown", list(map(_file, trace.files))),
                Node(_commit(trace.run), list(_run(trace.run))),
            ],
        )
    )


def _computation(found: Computation) -> Iterator[Node]:
    yield Node(f"{found.function}: {found.how}")
    if found.rows:
        left_out = "".join(f", {count:,} {reason.replace('_', ' ')}" for reason, count in found.left_out.items())
        yield Node(f"{found.rows:,} {found.unit}: {found.counted:,} count{left_out}")
    yield from map(_file, found.files)


def _file(file: TracedFile) -> Node:
    state = f"{'differs from' if file.edited else 'as in'} dvc.lock"
    if file.folder and file.recorded:
        state = f"in {one_line(file.folder)}, {state}"
    elif file.folder:
        state = f"in {one_line(file.folder)}, {'which ' if file.edited else ''}{state}"
    elif file.recorded is None:
        state = "not recorded in dvc.lock"
    return Node(f"{one_line(file.path)}: md5 {file.md5}, {state}")


def _evidence(trace: Trace, rationales: bool, every_row: bool) -> Iterator[Node]:
    counted = trace.computation.counted
    if trace.positions:
        yield Node(
            _count("positions", len(trace.positions), counted), [position_node(item) for item in trace.positions]
        )
    if trace.rows:
        steps = trace.pointer.split("/")
        aspect = next((step for step in steps[3:4] if step in ASPECTS), None)
        rows = [row_node(row, aspect, rationales, every_row or number == 0) for number, row in enumerate(trace.rows)]
        head = "rows of their answers" if trace.positions else _count("rows", len(rows), counted)
        yield Node(head, rows)


def _count(what: str, shown: int, counted: int) -> str:
    return f"{what}: {counted:,}" if shown == counted else f"{what}: {shown:,} of {counted:,} (--rows shows all)"


def _system(name: str, found: TracedSystem) -> Node:
    prompt = "chat template" if found.prompt is None else f"{found.prompt} {found.prompt_hash}"
    decoding = ", ".join(f"{field} {value}" for field, value in found.decoding.model_dump(mode="json").items())
    return Node(
        f"system {name}",
        [Node(f"asks the {found.model} model"), Node(f"prompt {prompt}"), Node(f"decoding: {decoding}")],
    )


def _model(role: str, found: TracedModel) -> Node:
    source = found.manifest.source
    nodes = [Node(f"hash {found.hash}")]
    if not isinstance(source, ServerModel):
        loading = source.loading.model_dump(mode="json")
        nodes.append(Node(", ".join(f"{field} {one_line(str(value))}" for field, value in loading.items())))
    return Node(f"{role} model {one_line(source.label)}", nodes)


def _judge(found: TracedJudge) -> Node:
    asked = (
        [Node(f"model {one_line(found.model)}" + (f", revision {found.revision}" if found.revision else ""))]
        if found.model
        else []
    )
    server = [Node(f"server {found.server}")] if found.server else []
    who = one_line(describe(found.identity)) if found.identity else "no judgments"
    rubrics = [Node(f"rubric {name} {digest}") for name, digest in found.rubrics.items()]
    return Node(f"judge {found.name} ({found.kind}): {who}", [*asked, *server, *rubrics])


def _set(trace: Trace) -> Iterator[Node]:
    fields = ", ".join(f"{name} {json.dumps(value)}" for name, value in trace.instructions.set.items())
    yield Node(f"set: {one_line(fields)}")
    if trace.instructions.source_hash:
        yield Node(f"source file {trace.instructions.source_hash}")


def _stage(stage: LockedStage, environment: Environment | None) -> Node:
    outs = [Node(f"wrote {out.path}: md5 {out.md5}") for out in stage.outs]
    return Node(
        f"{stage.name}: {stage.cmd}",
        [
            Node(f"read {len(stage.deps)} files and folders (--json has their hashes)"),
            *outs,
            Node(_environment(environment)),
        ],
    )


def _environment(found: Environment | None) -> str:
    if found is None:
        return "ran on: not recorded"
    versions = ", ".join(f"{name} {version}" for name, version in found.packages.items() if version and name in _NAMED)
    device = "no torch" if found.torch is None else ", ".join(found.torch.cuda.gpus) if found.torch.cuda else "CPU"
    threads = "" if found.torch is None else f", {found.torch.threads} threads"
    return f"ran on: {one_line(found.cpu or found.machine)}, {one_line(device)}{threads}; Python {found.python}, {one_line(versions)}"


_NAMED = ("urial", "numpy", "scipy", "torch", "transformers", "tokenizers", "openai")


def _commit(run: TracedRun) -> str:
    if run.commit is None:
        return "commit: not under git"
    experiment = f", experiment {run.experiment}" if run.experiment else ""
    return f"commit {run.commit}{experiment}{', with changes' if run.dirty else ''}"


def _run(run: TracedRun) -> Iterator[Node]:
    if run.dirty:
        more = len(run.dirty) - _DIRTY_SHOWN
        shown = ", ".join(one_line(path) for path in run.dirty[:_DIRTY_SHOWN]) + (
            f" and {more:,} more" if more > 0 else ""
        )
        yield Node(f"changed since: {shown}")
    yield Node(f"dvc.lock {run.lock}")
    state = (
        "not in dvc.lock" if run.report is None else "differs from dvc.lock" if run.report_edited else "as in dvc.lock"
    )
    yield Node(f"data/report/report.json: {state}")
