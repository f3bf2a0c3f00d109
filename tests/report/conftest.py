"""A run small enough to compute every figure by hand.

Six instructions, r1 to r4 regular and s1, s2 safety. Two systems: `aligned` answers all; `base` has no room for r4.
One base context, `base`, where every aligned answer has two tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any, Literal

import pyarrow as pa
import pytest

from urial.judge.scores.run import judge_completions
from urial.records.base import Role
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.judge import RulesIdentity
from urial.records.judgment import REGULAR_ASPECTS, AspectScore, Judgment
from urial.records.model import EmbeddedWeights, FolderWeights, Loading, ModelManifest
from urial.records.params.file import Decoding, Generation, ReportParams
from urial.records.plans import ReportPlan, SystemPlan
from urial.records.report import Report
from urial.records.token_shift import ShiftCoverage, categories, shift_schema
from urial.report.branching_tables import branching_curve_tables
from urial.report.build import build_report
from urial.report.charts.every import Picture, all_figures, picture
from urial.report.charts.figure import Figure, Missing, specification
from urial.report.inputs import ContextInputs, ReportInputs, SystemInputs
from urial.report.position_tables import landmark_curve_table
from urial.report.shift_tables import curve_tables
from urial.report.tables import tag_table

HASH = "sha256:" + "ab" * 32
RUN = "sha256:0123456789ab"
IDS = ("r1", "r2", "r3", "r4", "s1", "s2")
PARAMS = ReportParams(resamples=100, confidence=0.95, seed=0, examples=4)

# None: the judge cannot score it. Every regular aspect gets the same score.
ALIGNED_SCORES = {"r1": 5, "r2": 4, "r3": None, "r4": 3, "s1": 5, "s2": 4}
BASE_SCORES = {"r1": 1, "r2": 2, "r3": 3, "s1": None, "s2": None}
# (base rank, base probability, KL) of the two tokens of each answer.
RANKS = {
    "r1": ((1, 0.5, 0.0), (4, 0.3, 1.0)),
    "r2": ((1, 0.5, 0.0), (3, 0.3, 1.0)),
    "r3": ((1, 0.5, 0.0), (2, 0.3, 1.0)),
    "r4": ((9, 0.5, 0.0), (1, 0.3, 1.0)),
    "s1": ((1, 0.5, 0.0), (5, 0.3, 1.0)),
    "s2": ((1, 0.5, 0.0), (1, 0.3, 1.0)),
}


def make_instruction(name: str, query: str | None = None, **tags: Any) -> Instruction:
    """An instruction; its id's first letter is its category."""
    category: Literal["regular", "safety"] = "safety" if name.startswith("s") else "regular"
    return Instruction(id=name, turns=(query or f"Query {name}?",), category=category, source="test", **tags)


def make_completion(system: str, name: str, text: str | None, finish: str = "end_token") -> Completion:
    """A completion, or a too_long row where ``text`` is None."""
    answer = None if text is None else Answer.model_validate({"text": text, "token_ids": (1, 2), "finish": finish})
    return Completion(
        instruction_id=name,
        system=system,
        status="too_long" if text is None else "ok",
        reason="1,000 prompt tokens leave no room" if text is None else None,
        answer=answer,
        key=None if text is None else HASH,
    )


def make_judgment(completion: Completion, instruction: Instruction, score: int | None, why: str = "seen") -> Judgment:
    """The same score, or none, for every aspect of the instruction's category."""
    aspects = ("safety",) if instruction.category == "safety" else REGULAR_ASPECTS
    answered = completion.answer is not None
    scored = answered and score is not None
    return Judgment(
        instruction_id=completion.instruction_id,
        system=completion.system,
        status="scored" if scored else "not_applicable" if answered else "no_completion",
        reason=None if scored else why if answered else completion.reason,
        scores=tuple(
            AspectScore(aspect=item, status="scored" if scored else "not_applicable", score=score, rationale=why)
            for item in aspects
        )
        if answered
        else (),
        judge=RulesIdentity(kind="rules", version=1, world=None),
        key=HASH if answered else None,
        words=len(completion.answer.text.split()) if completion.answer is not None else None,
    )


def make_system(
    name: str,
    instructions: Sequence[Instruction],
    texts: Mapping[str, str | None],
    scores: Mapping[str, int | None],
    why: str = "seen",
) -> SystemInputs:
    """A system whose prompts have 10 tokens; an instruction without text is too long."""
    completions = [make_completion(name, row.id, texts.get(row.id)) for row in instructions]
    role: Role = "aligned" if name == "aligned" else "base"
    return SystemInputs(
        plan=SystemPlan(
            system=name, model=role, threads=1, prompt=None,
            prompt_name=None if role == "aligned" else "test/zero-shot",
            prompt_hash=None if role == "aligned" else HASH,
            decoding=Decoding(max_new_tokens=8, temperature=0, top_p=1, repetition_penalty=1.1, seed=0),
            generation=Generation(batch_size=1, on_context_overflow="record"),
        ),
        prompts=[
            AssembledPrompt(
                instruction_id=row.id, system=name, text="p", adds_special_tokens=True, stop=(), n_tokens=10
            )
            for row in instructions
        ],
        completions=completions,
        judgments=[
            make_judgment(completion, row, scores.get(row.id), why)
            for completion, row in zip(completions, instructions, strict=True)
        ],
    )  # fmt: skip


def make_token(
    name: str, position: int, measured: tuple[int, float, float], text: str = "tok", **changes: Any
) -> dict[str, Any]:
    """One row of the token shift table; each token is a word of its own."""
    rank, probability, kl = measured
    row = {
        "instruction_id": name, "position": position, "token_id": position + 7, "token": text,
        "word_index": position, "word": text, "is_end": False,
        "base_rank": rank, "aligned_rank": 1, "base_ties": 0, "aligned_ties": 0, "base_logprob": log(probability),
        "aligned_logprob": log(0.9), "base_entropy": 1.5, "aligned_entropy": 0.5, "kl": kl, "kl_reverse": 2 * kl,
        "js": kl / 4, "kl_lower_bound": None, "category": categories([rank])[0],  # type: ignore[arg-type]
        "kind": None, "label": "content_word", "part": "answer", "move": None, "base_top_ids": [1, 2], "base_top_tokens": [" a", "\n"],
        "base_top_logprobs": [log(0.5), log(0.25)], "aligned_top_ids": [1], "aligned_top_tokens": ["x"],
        "aligned_top_logprobs": [log(0.9)],
    }  # fmt: skip
    return {**row, **changes}


def make_coverage(name: str, positions: int, context: str = "base", **changes: Any) -> ShiftCoverage:
    """A measured answer, or none where there are no positions."""
    fields = {
        "instruction_id": name, "context": context, "status": "measured" if positions else "no_answer",
        "reason": None if positions else "no aligned answer", "positions": positions, "unmatched": 0,
        "retokenized": False, "end": "none", "vocabulary": 300 if positions else None,
    }  # fmt: skip
    return ShiftCoverage.model_validate({**fields, **changes})


def make_context(rows: Sequence[dict[str, Any]], names: Sequence[str], context: str = "base") -> ContextInputs:
    """A measurement; a name without rows has no answer."""
    counts = {name: sum(row["instruction_id"] == name for row in rows) for name in names}
    return ContextInputs(
        table=pa.Table.from_pylist(list(rows), schema=shift_schema()),
        coverage=[make_coverage(name, count, context) for name, count in counts.items()],
    )


def make_manifest(role: Role, embedded: bool = True) -> ModelManifest:
    """A manifest of one weights file."""
    files = {"model.safetensors": HASH}
    if embedded:
        source: EmbeddedWeights | FolderWeights = EmbeddedWeights(embedded="microworld", loading=Loading(), files=files)
    else:
        source = FolderWeights(folder="microworld", loading=Loading(), files=files)
    return ModelManifest(role=role, source=source)


def make_inputs(
    instructions: Sequence[Instruction],
    systems: Mapping[str, SystemInputs],
    contexts: Mapping[str, ContextInputs],
    examples: int = 4,
    embedded: bool = True,
) -> ReportInputs:
    """A whole run."""
    return ReportInputs(
        plan=ReportPlan(
            report=PARAMS.model_copy(update={"examples": examples}), study="pair", instructions="set",
            systems=tuple(systems), answer_system="aligned", base_systems=tuple(contexts),
        ),
        models={"base": make_manifest("base", embedded), "aligned": make_manifest("aligned", embedded)},
        instructions=instructions,
        systems=systems,
        contexts=contexts,
    )  # fmt: skip


def small_run(text: str = "two words", piece: str = "tok", **changes: Any) -> ReportInputs:
    """The run of the module's docstring; ``text`` and, for tokens, ``piece`` stand wherever a model or a stranger writes."""
    tags = changes.pop("tags", ("tag",))
    instructions = [make_instruction(name, None if text == "two words" else text, task=tags) for name in IDS]
    why = "seen" if text == "two words" else text
    rows = [
        make_token(name, position, measured, piece)
        for name, both in RANKS.items()
        for position, measured in enumerate(both)
    ]
    texts = dict.fromkeys(IDS, text)
    systems = {
        "aligned": make_system("aligned", instructions, texts, ALIGNED_SCORES, why),
        "base": make_system("base", instructions, {**texts, "r4": None}, BASE_SCORES, why),
    }
    return make_inputs(instructions, systems, {"base": make_context(rows, IDS)}, **changes)


def figures_of(inputs: ReportInputs, report: Report | None = None) -> dict[str, Figure | Missing]:
    """Every figure of a run by name, of its own report or of another."""
    report = report or build_report(inputs)
    by_tag = tag_table(inputs) if report.judge else None
    curves, branching = curve_tables(inputs), branching_curve_tables(inputs)
    figures = all_figures(inputs, report, curves, branching, by_tag, landmarks=landmark_curve_table(inputs))
    return {figure.name: figure for figure in figures}


def pictures_of(inputs: ReportInputs) -> dict[str, Picture]:
    """The same drawn."""
    figures = figures_of(inputs)
    return {name: picture(figure, specification(figure, RUN)) for name, figure in figures.items()}


def empty_run() -> ReportInputs:
    """Nothing is measured and nothing is scored: every prompt was too long."""
    instructions = [make_instruction(name) for name in IDS]
    systems = {name: make_system(name, instructions, {}, {}) for name in ("aligned", "base")}
    return make_inputs(instructions, systems, {"base": make_context([], IDS)})


def unjudged_run() -> ReportInputs:
    """small_run without a judge."""
    run = small_run()
    systems = {
        name: replace(system, judgments=judge_completions(None, run.instructions, system.completions))
        for name, system in run.systems.items()
    }
    return replace(run, systems=systems)


@pytest.fixture(scope="session")
def run() -> ReportInputs:
    """See small_run."""
    return small_run()


@pytest.fixture(scope="session")
def figures(run: ReportInputs) -> Any:
    """The report of small_run."""
    return build_report(run)
