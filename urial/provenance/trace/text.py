"""A trace as a tree for people."""

import json
from collections.abc import Iterator, Sequence
from math import exp

from urial.core.hashing import short_hash
from urial.core.text import and_more, cut, one_line
from urial.provenance.trace.records import Trace, TracedFile, TracedPosition, TracedRow, TracedRun, TracedStage
from urial.provenance.trace.tree import Node, tree_lines
from urial.records.base import Record
from urial.records.completion import Completion, LaterTurn
from urial.records.judge import JudgeIdentity, describe
from urial.records.judgment import EVERY_ASPECT, Judgment, LaterJudgment
from urial.records.plans import JudgePlan, PreferencesPlan, RulesPlan
from urial.records.preference import LaterPreference, Preference, PreferenceJudge, describe_preference_judge
from urial.records.token_shift import TokenShift
from urial.report.examples import probability, quoted
from urial.run.package import PACKAGE
from urial.run.paths import REPORT

MAX_TEXT = 2_000
MAX_LINE = 160
MAX_DIRTY = 5
PACKAGES = ("urial", "numpy", "scipy", "torch", "transformers", "tokenizers", "openai")


def trace_text(trace: Trace, rationales: bool, every_row: bool) -> str:
    """The tree; the first row with its prompt in full, with ``every_row`` all of them."""
    computed, counted, instructions = trace.computation, trace.computation.counted, trace.instructions
    recomputed = [f"{computed.function}: {computed.how}"]
    if computed.rows:
        left_out = "".join(f", {count:,} {reason.replace('_', ' ')}" for reason, count in computed.left_out.items())
        recomputed.append(f"{computed.rows:,} {computed.unit}: {counted:,} count{left_out}")
    branches = [Node("recomputed: the same, to the last bit", [*recomputed, *map(_file, computed.files)])]

    shown = len(trace.positions or trace.rows)
    number = f"{counted:,}" if shown == counted else f"{shown:,} of {counted:,} (--rows shows all)"
    if trace.positions:
        branches.append(Node(f"positions: {number}", list(map(_position, trace.positions))))
    if trace.rows:
        aspect = next((step for step in trace.pointer.split("/")[3:] if step in EVERY_ASPECT), None)
        rows = [_row(row, aspect, rationales, every_row or index == 0) for index, row in enumerate(trace.rows)]
        branches.append(Node("rows of their answers" if trace.positions else f"rows: {number}", rows))

    for name, plan in trace.systems.items():
        prompt = plan.prompt_label if plan.prompt_name is None else f"{plan.prompt_label} {plan.prompt_hash}"
        fields = _fields(plan, "system", "model", "prompt_name", "prompt", "prompt_hash", "ablation", "threads")
        branches.append(Node(f"system {name}", [f"asks the {plan.model} model", f"prompt {prompt}", *fields]))
    for role, manifest in trace.models.items():
        fields = [f"hash {trace.model_hashes[role]}", *_fields(manifest.model, "files")]
        branches.append(Node(f"{role} model {one_line(manifest.model.label)}", fields))
    if trace.judge:
        branches.append(_judge(trace.judge, trace.judge_identity))
    if trace.preferences:
        branches.append(_comparing(trace.preferences, trace.preference_judge))
    branches += [
        Node(f"instructions {instructions.name}: {trace.instructions_hash}", _fields(instructions, "name")),
        Node("stages", list(map(_stage, trace.stages))),
        Node("files that the rest was read from", list(map(_file, trace.files))),
        _run(trace.run),
    ]
    value = json.dumps(trace.value, ensure_ascii=False)
    return "\n".join(tree_lines(Node(f"{trace.path} = {value}\n{trace.meaning}", branches)))


def _fields(record: Record, *left_out: str) -> list[str]:
    """The fields of a record that have a value, one a line; those of a record inside on one line."""
    fields = []
    for name, value in record.model_dump(mode="json").items():
        if name not in left_out and value is not None and value != {}:
            inner = value.items() if isinstance(value, dict) else ()
            text = ", ".join(f"{field} {part}" for field, part in inner) or str(value)
            fields.append(f"{name.replace('_', ' ')}: {one_line(text)}")
    return fields


def _file(file: TracedFile) -> str:
    state = f"{'differs from' if file.edited else 'as in'} dvc.lock"
    if file.folder:
        which = "which " if file.edited and not file.recorded else ""
        state = f"in {one_line(file.folder)}, {which}{state}"
    elif file.recorded is None:
        state = "not recorded in dvc.lock"
    return f"{one_line(file.path)}: md5 {file.md5}, {state}"


def _position(position: TracedPosition) -> Node:
    """One token with what both models say of it, under one context or two."""

    def measured(token: TokenShift) -> str:
        kind = f", {token.kind}" if token.kind else ""
        rank = "not known" if token.base_rank is None else f"{token.base_rank:,}"
        base = f"base rank {rank}, base probability {probability(exp(token.base_logprob))}"
        return f"{token.category}{kind}, {base}, KL {'not known' if token.kl is None else f'{token.kl:.4g} nats'}"

    token, second = position.token, position.second
    which = f"{one_line(token.instruction_id)}, position {token.position}: {quoted(token.token)}, {token.label}"
    if second is None:
        return Node(f"{which}, {measured(token)}")
    return Node(which, [f"first context: {measured(token)}", f"second context: {measured(second)}"])


def _row(row: TracedRow, aspect: str | None, rationales: bool, whole: bool) -> Node:
    """One instruction with its answer and judgment; ``whole``: with the exact text of every prompt."""
    branches: list[Node | str] = [f"instruction: {_short(row.instruction.turns[0])}"]
    if row.instruction.accepted:
        branches.append(f"accepted: {_short(and_more(row.instruction.accepted, 5, '; '))}")
    if judgment := row.judgment:
        branches += _judged("judgment", judgment, aspect, rationales)
        for number, later in enumerate(judgment.later_turns, start=2):
            branches += _judged(f"judgment of turn {number}", later, aspect, rationales)
    if preference := row.preference:
        compared: list[Preference | LaterPreference] = [preference, *preference.later_turns]
        branches += [
            _preferred(number, turn, preference.baseline, rationales) for number, turn in enumerate(compared, start=1)
        ]
    if completion := row.completion:
        turns = [_answered(f"turn {number}", turn) for number, turn in enumerate(completion.later_turns, start=2)]
        branches.append(_answered(f"completion of {completion.system}", completion, turns))
    for prompt in row.prompts:
        tokens = "tokens not known" if prompt.n_tokens is None else f"{prompt.n_tokens:,} tokens"
        flag = f", flagged: {_short(prompt.flag)}" if prompt.flag else ""
        size = f"{len(prompt.text):,} characters{flag}{'' if whole else ' (--rows shows it)'}"
        branches.append(Node(f"prompt of {prompt.system}: {tokens}, {size}", [prompt.text] if whole else []))
    for coverage in row.coverage:
        state = f"{coverage.status}: {_short(coverage.reason)}"
        if coverage.status == "measured":
            retokenized = ", tokens made of the text" if coverage.retokenized else ""
            counts = f"{coverage.positions:,} positions measured, {coverage.unmatched:,} unmatched"
            state = f"{counts}, end {coverage.end}{retokenized}"
        branches.append(f"coverage: {coverage.context}: {state}")
    return Node(one_line(row.instruction.id), branches)


def _preferred(turn: int, row: Preference | LaterPreference, baseline: str, rationales: bool) -> Node:
    """What came of comparing the answers to one message, and what the judge said in each order."""
    what = f"preference, turn {turn}, against {baseline}" if turn > 1 else f"preference against {baseline}"
    if not row.results:
        return Node(f"{what}: {row.status}: {_short(row.reason)}")
    outcomes = ", ".join(f"{result.criterion} {result.outcome}" for result in row.results)
    orders = []
    for one in row.comparisons:
        said = ", ".join(
            f"{choice.criterion} {choice.status if choice.preference is None else f'{choice.preference:g}'}"
            for choice in one.choices
        )
        reasons = [
            f"{choice.criterion}: {choice.rationale}" for choice in one.choices if rationales and choice.rationale
        ]
        orders.append(Node(f"{(one.order or 'order not known').replace('_', ' ')}: {said}", reasons))
    return Node(f"{what}: {outcomes}{_key(row.key)}", orders)


def _judged(what: str, row: Judgment | LaterJudgment, aspect: str | None, rationales: bool) -> Iterator[Node]:
    """The scores of one turn's answer, or why there are none."""
    key = _key(row.key)
    if not row.scores:
        yield Node(f"{what}: {row.status}: {_short(row.reason)}{key}")
    for score in row.scores:
        if aspect in (None, score.aspect):
            scored = score.status.replace("_", " ") if score.score is None else f"{score.score:g}, scored"
            yield Node(
                f"{what}: {score.aspect} {scored}{key}", [score.rationale] if rationales and score.rationale else []
            )


def _answered(what: str, row: Completion | LaterTurn, turns: Sequence[Node] = ()) -> Node:
    """An answer as far as it is shown, or why there is none, and the later turns."""
    answer = row.written
    if answer is None:
        return Node(f"{what}: {row.status}: {_short(row.reason)}", turns)
    if row.answer is None:
        what = f"{what}: {row.status}: {_short(row.reason)}"
    tokens = "tokens not known" if answer.token_ids is None else f"{len(answer.token_ids):,} tokens"
    text, left_out = cut(answer.text, MAX_TEXT)
    more = f", {left_out:,} characters more" if left_out else ""
    return Node(f"{what}: {tokens}, ended by {answer.finish}{_key(row.key)}{more}", [text, *turns])


def _judge(plan: JudgePlan, identity: JudgeIdentity | None) -> Node:
    judge = plan.judge
    if judge is None:
        return Node("no judge: the answers are not judged")
    if isinstance(judge, RulesPlan):
        fields = _fields(judge, "kind")
    else:
        asked = (judge.rubrics.regular, judge.rubrics.safety, judge.rubrics.reference)
        named = [f"rubric {rubric.name} {rubric.hash}" for rubric in asked if rubric]
        named += [f"reference answers {judge.references.hash}"] if judge.references else []
        left_out = ("kind", "judge", "rubrics", "references", "threads")
        fields = [*_fields(judge.judge, "kind"), *_fields(judge, *left_out), *named]
    who = describe(identity) if identity else "no judgments"
    return Node(f"judge {plan.name} ({judge.kind}): {one_line(who)}", fields)


def _comparing(plan: PreferencesPlan, judge: PreferenceJudge | None) -> Node:
    """Who compared with what, and how."""
    who = describe_preference_judge(judge) if judge else "nobody"
    fields = [f"baseline {plan.baseline}", f"orders {plan.orders}"]
    if plan.rubric:
        fields.append(f"rubric {plan.rubric.name} {plan.rubric.hash}, verdict {plan.rubric.verdict}")
    return Node(f"compared by {plan.name}: {one_line(who)}", fields)


def _stage(traced: TracedStage) -> Node:
    """Command, hashes of what was written, and the versions and devices that matter most."""
    stage, environment, ran_on = traced.stage, traced.environment, "not recorded"
    if environment:
        torch, packages = environment.torch, environment.packages
        device = "torch not used"
        if torch is not None:
            device = f"{', '.join(torch.cuda.gpus) if torch.cuda else 'CPU'}, {torch.threads} threads"
        versions = ", ".join(f"{name} {packages[name]}" for name in PACKAGES if packages.get(name))
        ran_on = one_line(
            f"{environment.cpu or environment.machine}, {device}; Python {environment.python}, {versions}"
        )
    read = f"read {len(stage.deps)} files and folders (--json has their hashes)"
    # Of a project without code: the record of the urial that ran it.
    code = (f"code as in {dep.path}: md5 {dep.md5}" for dep in stage.deps if dep.path == PACKAGE)
    wrote = (f"wrote {out.path}: md5 {out.md5}" for out in stage.outs)
    return Node(f"{stage.name}: {stage.cmd}", [read, *code, *wrote, f"ran on: {ran_on}"])


def _run(run: TracedRun) -> Node:
    experiment, changes = (
        f", experiment {run.experiment}" if run.experiment else "",
        ", with changes" if run.dirty else "",
    )
    commit = f"commit {run.commit}{experiment}{changes}" if run.commit else "commit: not under git"
    dirty = [f"changed since: {and_more(run.dirty, MAX_DIRTY)}"] if run.dirty else []
    state = f"{'differs from' if run.report_edited else 'as in' if run.report else 'not in'} dvc.lock"
    return Node(commit, [*dirty, f"dvc.lock {run.lock}", f"{REPORT.path()}: {state}"])


def _key(key: str | None) -> str:
    return f", key {short_hash(key)}" if key else ""


def _short(text: str | None) -> str:
    return one_line(cut(text or "", MAX_LINE)[0])
