"""A trace as a tree for people."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

from urial.core.hashing import short_hash
from urial.core.text import and_more, cut, one_line, visible
from urial.provenance.trace.records import Computation, Trace, TracedFile, TracedPosition, TracedRow, TracedRun
from urial.records.base import Record
from urial.records.completion import AssembledPrompt, Completion, LaterTurn
from urial.records.environment import Environment
from urial.records.judgment import ASPECTS, JudgeIdentity, Judgment, describe
from urial.records.plans import JudgePlan, RulesPlan, SystemPlan
from urial.records.token_shift import ShiftCoverage, TokenShift
from urial.report.examples import probability, quoted
from urial.run.lockfile import LockedStage
from urial.run.paths import REPORT

MAX_TEXT = 2_000
MAX_LINE = 160
MAX_DIRTY = 5
PACKAGES = ("urial", "numpy", "scipy", "torch", "transformers", "tokenizers", "openai")


@dataclass(frozen=True)
class Node:
    """A text of one or several lines, and what hangs below it."""

    text: str
    children: "Sequence[Node | str]" = ()

    def lines(self) -> Iterator[str]:
        """The tree, with lines from each node to those below; characters that a terminal would obey are shown as signs."""
        # Of all that Python takes for the end of a line, a terminal obeys only this one once the text is made visible.
        yield from visible(self.text).split("\n")
        for number, child in enumerate(self.children, start=1):
            last = number == len(self.children)
            first, *more = (Node(child) if isinstance(child, str) else child).lines()
            yield f"{'└' if last else '├'}─ {first}"
            yield from (f"{'   ' if last else '│  '}{line}" for line in more)


def trace_text(trace: Trace, rationales: bool, every_row: bool) -> str:
    """The tree; the first row with its prompt in full, with ``every_row`` all of them."""
    instructions, hashed = trace.instructions, trace.instructions_hash
    branches = [
        Node("recomputed: the same, to the last bit", list(_computation(trace.computation))),
        *_evidence(trace, rationales, every_row),
        *(_system(name, plan) for name, plan in trace.systems.items()),
        *(
            Node(
                f"{role} model {one_line(manifest.source.label)}",
                [f"hash {trace.model_hashes[role]}", *_facts(manifest.source, "files")],
            )
            for role, manifest in trace.models.items()
        ),
        *([_judge(trace.judge, trace.judge_identity)] if trace.judge else []),
        Node(f"instructions {instructions.name}: {hashed}", list(_facts(instructions, "name"))),
        Node("stages", [_stage(traced.stage, traced.environment) for traced in trace.stages]),
        Node("files that the rest was read from", list(map(_file, trace.files))),
        _run(trace.run),
    ]
    value = json.dumps(trace.value, ensure_ascii=False)
    return "\n".join(Node(f"{trace.path} = {value}\n{trace.meaning}", branches).lines())


def _facts(record: Record, *left_out: str) -> Iterator[str]:
    """The fields of a record that have a value, one a line; those of a record inside on one line."""
    for name, value in record.model_dump(mode="json").items():
        if name in left_out or value is None or value == {}:
            continue
        inner = value.items() if isinstance(value, dict) else ()
        text = ", ".join(f"{field} {fact}" for field, fact in inner) or str(value)
        yield f"{name.replace('_', ' ')}: {one_line(text)}"


def _computation(computation: Computation) -> Iterator[str]:
    yield f"{computation.function}: {computation.how}"
    if computation.rows:
        left_out = "".join(f", {count:,} {reason.replace('_', ' ')}" for reason, count in computation.left_out.items())
        yield f"{computation.rows:,} {computation.unit}: {computation.counted:,} count{left_out}"
    yield from map(_file, computation.files)


def _file(file: TracedFile) -> str:
    state = f"{'differs from' if file.edited else 'as in'} dvc.lock"
    if file.folder and file.recorded:
        state = f"in {one_line(file.folder)}, {state}"
    elif file.folder:
        state = f"in {one_line(file.folder)}, {'which ' if file.edited else ''}{state}"
    elif file.recorded is None:
        state = "not recorded in dvc.lock"
    return f"{one_line(file.path)}: md5 {file.md5}, {state}"


def _evidence(trace: Trace, rationales: bool, every_row: bool) -> Iterator[Node]:
    def heading(what: str, shown: int) -> str:
        counted = trace.computation.counted
        return f"{what}: {counted:,}" if shown == counted else f"{what}: {shown:,} of {counted:,} (--rows shows all)"

    if trace.positions:
        yield Node(heading("positions", len(trace.positions)), list(map(_position, trace.positions)))
    if trace.rows:
        aspect = next((step for step in trace.pointer.split("/")[3:4] if step in ASPECTS), None)
        rows = [_row(row, aspect, rationales, every_row or number == 0) for number, row in enumerate(trace.rows)]
        yield Node("rows of their answers" if trace.positions else heading("rows", len(rows)), rows)


def _row(row: TracedRow, aspect: str | None, rationales: bool, whole: bool) -> Node:
    """One instruction with its answer and judgment; ``whole``: with the exact text of every prompt."""
    branches: list[Node | str] = [f"instruction: {_short(row.instruction.turns[0])}"]
    if row.judgment is not None:
        branches += _judgment(row.judgment, aspect, rationales)
    if row.completion is not None:
        completion = row.completion
        turns = [
            Node(f"turn {number}: {_attempt(turn)}", _answer(turn))
            for number, turn in enumerate(completion.later_turns, start=2)
        ]
        branches.append(
            Node(f"completion of {completion.system}: {_attempt(completion)}", [*_answer(completion), *turns])
        )
    branches += [_prompt(prompt, whole) for prompt in row.prompts]
    branches += [f"coverage: {_coverage(coverage)}" for coverage in row.coverage]
    return Node(one_line(row.instruction.id), branches)


def _judgment(row: Judgment, aspect: str | None, rationales: bool) -> Iterator[Node]:
    key = f", key {short_hash(row.key)}" if row.key else ""
    if not row.scores:
        yield Node(f"judgment: {row.status}: {_short(row.reason or '')}{key}")
    for score in row.scores:
        if aspect in (None, score.aspect):
            scored = score.status.replace("_", " ") if score.score is None else f"{score.score:g}, scored"
            rationale = [score.rationale] if rationales and score.rationale else []
            yield Node(f"judgment: {score.aspect} {scored}{key}", rationale)


def _attempt(row: Completion | LaterTurn) -> str:
    if row.answer is None:
        return f"{row.status}: {_short(row.reason or '')}"
    tokens = "tokens not known" if row.answer.token_ids is None else f"{len(row.answer.token_ids):,} tokens"
    key = f", key {short_hash(row.key)}" if row.key else ""
    left_out = cut(row.answer.text, MAX_TEXT)[1]
    more = f", {left_out:,} characters more" if left_out else ""
    return f"{tokens}, ended by {row.answer.finish}{key}{more}"


def _answer(row: Completion | LaterTurn) -> list[str]:
    return [] if row.answer is None else [cut(row.answer.text, MAX_TEXT)[0]]


def _prompt(prompt: AssembledPrompt, whole: bool) -> Node:
    tokens = "tokens not known" if prompt.n_tokens is None else f"{prompt.n_tokens:,} tokens"
    flag = f", flagged: {_short(prompt.flag)}" if prompt.flag else ""
    size = f"{len(prompt.text):,} characters{flag}{'' if whole else ' (--rows shows it)'}"
    return Node(f"prompt of {prompt.system}: {tokens}, {size}", [prompt.text] if whole else [])


def _coverage(row: ShiftCoverage) -> str:
    if row.status != "measured":
        return f"{row.context}: {row.status}: {_short(row.reason or '')}"
    retokenized = ", tokens made of the text" if row.retokenized else ""
    counts = f"{row.positions:,} positions measured, {row.unmatched:,} unmatched"
    return f"{row.context}: {counts}, end {row.end}{retokenized}"


def _position(position: TracedPosition) -> Node:
    """One token with what both models say of it, under one context or two."""
    token, second = position.token, position.second
    which = f"{one_line(token.instruction_id)}, position {token.position}: {quoted(token.token)}, {token.label}"
    if second is None:
        return Node(f"{which}, {_measured(token)}")
    return Node(which, [f"first context: {_measured(token)}", f"second context: {_measured(second)}"])


def _measured(token: TokenShift) -> str:
    kind = f", {token.kind}" if token.kind else ""
    rank = "not known" if token.base_rank is None else f"{token.base_rank:,}"
    base = f"base rank {rank}, base probability {probability(exp(token.base_logprob))}"
    return f"{token.category}{kind}, {base}, KL {'not known' if token.kl is None else f'{token.kl:.4g} nats'}"


def _system(name: str, plan: SystemPlan) -> Node:
    prompt = "chat template" if plan.prompt_name is None else f"{plan.prompt_name} {plan.prompt_hash}"
    facts = _facts(plan, "system", "model", "prompt_name", "prompt", "prompt_hash", "threads")
    return Node(f"system {name}", [f"asks the {plan.model} model", f"prompt {prompt}", *facts])


def _judge(plan: JudgePlan, identity: JudgeIdentity | None) -> Node:
    judge = plan.judge
    if isinstance(judge, RulesPlan):
        facts = list(_facts(judge, "kind"))
    else:
        rubrics = [f"rubric {rubric.name} {rubric.hash}" for rubric in (judge.rubrics.regular, judge.rubrics.safety)]
        facts = [*_facts(judge.judge, "kind"), *_facts(judge, "kind", "judge", "rubrics", "threads"), *rubrics]
    who = describe(identity) if identity else "no judgments"
    return Node(f"judge {plan.name} ({judge.kind}): {one_line(who)}", facts)


def _stage(stage: LockedStage, environment: Environment | None) -> Node:
    read = f"read {len(stage.deps)} files and folders (--json has their hashes)"
    wrote = (f"wrote {out.path}: md5 {out.md5}" for out in stage.outs)
    return Node(f"{stage.name}: {stage.cmd}", [read, *wrote, f"ran on: {_environment(environment)}"])


def _environment(environment: Environment | None) -> str:
    if environment is None:
        return "not recorded"
    torch, packages = environment.torch, environment.packages
    device = "no torch" if torch is None else ", ".join(torch.cuda.gpus) if torch.cuda else "CPU"
    threads = "" if torch is None else f", {torch.threads} threads"
    versions = ", ".join(f"{name} {packages[name]}" for name in PACKAGES if packages.get(name))
    machine = environment.cpu or environment.machine
    return one_line(f"{machine}, {device}{threads}; Python {environment.python}, {versions}")


def _run(run: TracedRun) -> Node:
    commit = "commit: not under git"
    if run.commit:
        experiment = f", experiment {run.experiment}" if run.experiment else ""
        commit = f"commit {run.commit}{experiment}{', with changes' if run.dirty else ''}"
    dirty = [f"changed since: {and_more(run.dirty, MAX_DIRTY)}"] if run.dirty else []
    state = f"{'differs from' if run.report_edited else 'as in' if run.report else 'not in'} dvc.lock"
    return Node(commit, [*dirty, f"dvc.lock {run.lock}", f"{REPORT.path()}: {state}"])


def _short(text: str) -> str:
    return one_line(cut(text, MAX_LINE)[0])
