"""Runs of a few rows, drawn at random: all that a run's records allow, and texts of all kinds."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.report.conftest import (
    HASH,
    make_context,
    make_coverage,
    make_inputs,
    make_instruction,
    make_manifest,
    make_system,
    make_token,
)
from urial.records.completion import Answer, AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judge import RulesIdentity
from urial.records.judgment import REGULAR_ASPECTS, SAFETY_ASPECTS, AspectScore, Judgment, LaterJudgment
from urial.records.preference import Choice, Comparison, LaterPreference, Preference, result_of
from urial.records.token_shift import LABELS, category, rank_is_bound
from urial.report.inputs import ContextInputs, ReportInputs, SystemInputs

JUDGE = RulesIdentity(kind="rules", version=1, world=None)
LINES = (
    "",
    " the",
    "\n",
    "</script><img src=x onerror=alert(1)>",
    "\u202eabc\x00",
    "\\u2028 \u2028\"'`${x}",
    "日本語",
    "🙂",
)
texts = st.one_of(st.sampled_from(LINES), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
some_text = texts.filter(lambda text: text.strip())
logprobs = st.floats(-40, 0, width=32)
amounts = st.floats(0, 1e4, width=32)


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


@st.composite
def instructions(draw: st.DrawFn) -> list[Instruction]:
    """None to five, some of several messages."""
    rows = []
    for number in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from("rs")) + str(number) + draw(texts)
        row = make_instruction(name, task=tuple(draw(st.lists(texts, max_size=2))), reference=draw(optional(texts)))
        turns = tuple(draw(st.lists(some_text, min_size=1, max_size=3)))
        rows.append(row.model_copy(update={"turns": turns}))
    return rows


@st.composite
def attempts(draw: st.DrawFn) -> dict[str, Any]:
    """What became of one prompt."""
    status = draw(st.sampled_from(("ok", "ok", "too_long", "no_history")))
    if status != "ok":
        return {"status": status, "reason": draw(some_text), "answer": None, "key": None}
    finish = draw(st.sampled_from(("end_token", "length", "unknown")))
    ids = draw(optional(st.lists(st.integers(0, 9), max_size=4).map(tuple)))
    return {
        "status": "ok",
        "reason": None,
        "answer": Answer.model_validate({"text": draw(texts), "token_ids": ids, "finish": finish}),
        "key": HASH,
    }


@st.composite
def judged(draw: st.DrawFn, aspects: tuple[Any, ...], answered: bool) -> dict[str, Any]:
    """The fields of one judgment."""
    if not answered:
        return {"status": "no_completion", "reason": "no answer", "scores": (), "key": None}
    scores = []
    for aspect in aspects:
        status = draw(st.sampled_from(("scored", "scored", "invalid", "refused", "too_long", "not_applicable")))
        score = draw(st.integers(1, 5)) if status == "scored" else None
        fields = {"aspect": aspect, "status": status, "score": score, "rationale": draw(some_text)}
        scores.append(AspectScore.model_validate(fields))
    known = any(item.score is not None for item in scores)
    return {
        "status": "scored" if known else scores[0].status, "reason": None if known else draw(some_text),
        "scores": tuple(scores), "key": HASH,
    }  # fmt: skip


@st.composite
def compared(draw: st.DrawFn, answered: bool) -> dict[str, Any]:
    """The fields of one comparison."""
    if not answered:
        return {"status": "no_completion", "reason": "no answer", "comparisons": (), "results": (), "key": None}
    comparisons = []
    for order in ("system_first", "baseline_first"):
        verdict = draw(optional(st.sampled_from((0.0, 0.5, 1.0))))
        status = "invalid" if verdict is None else "decided"
        fields = {"criterion": "overall", "status": status, "preference": verdict, "rationale": draw(some_text)}
        choice = Choice.model_validate(fields)
        comparisons.append(Comparison.model_validate({"order": order, "choices": (choice,)}))
    results = (result_of("overall", tuple(comparisons)),)
    return {
        "status": "compared", "reason": None, "comparisons": tuple(comparisons), "results": results, "key": HASH
    }  # fmt: skip


@st.composite
def systems(draw: st.DrawFn, name: str, rows: list[Instruction], is_judged: bool) -> SystemInputs:
    """One system's prompts, completions and judgments."""
    made = make_system(name, rows, {}, {})
    prompts, completions, judgments = [], [], []
    for row in rows:
        asked: dict[str, Any] = {
            "system": name,
            "instruction_id": row.id,
            "adds_special_tokens": True,
            "stop": tuple(draw(st.lists(some_text, max_size=2))),
            "n_tokens": 3,
        }
        prompt = AssembledPrompt(text=f"Query:\n{row.turns[0]}\nAnswer:", flag=draw(optional(texts)), **asked)
        first, later = draw(attempts()), [draw(attempts()) for _ in row.turns[1:]]
        turns = [
            LaterTurn(prompt=prompt.model_copy(update={"text": draw(some_text)}) if turn["answer"] else None, **turn)
            for turn in later
        ]
        aspects = REGULAR_ASPECTS if row.category == "regular" else SAFETY_ASPECTS
        verdicts = [draw(judged(aspects, turn["answer"] is not None)) for turn in (first, *later)]
        if not is_judged:
            nobody = {"status": "not_judged", "reason": "no judge", "scores": (), "key": None}
            verdicts = [nobody] * len(verdicts)
        prompts.append(prompt)
        completions.append(Completion(instruction_id=row.id, system=name, later_turns=tuple(turns), **first))
        judgments.append(
            Judgment(
                instruction_id=row.id, system=name, judge=JUDGE if is_judged else None, **verdicts[0],
                later_turns=tuple(LaterJudgment(**verdict) for verdict in verdicts[1:]),
            )
        )  # fmt: skip
    return replace(made, prompts=prompts, completions=completions, judgments=judgments)


@st.composite
def preferences(draw: st.DrawFn, rows: list[Instruction]) -> list[Preference]:
    """Those of one system."""
    made = []
    for row in rows:
        later = tuple(LaterPreference(**draw(compared(draw(st.booleans())))) for _ in row.turns[1:])
        fields = draw(compared(draw(st.booleans())))
        made.append(
            Preference(
                instruction_id=row.id, system="base", baseline="aligned", judge=JUDGE, later_turns=later, **fields
            )
        )
    return made


@st.composite
def tokens(draw: st.DrawFn, name: str, position: int) -> dict[str, Any]:
    """What a row says of a token and of the aligned model."""
    aligned = draw(st.lists(st.tuples(texts, logprobs), max_size=3))
    return make_token(
        name, position, (1, 0.5, 0.0), draw(texts),
        token_id=draw(optional(st.integers(0, 2**31 - 1))), is_end=draw(st.booleans()), kind=draw(optional(st.sampled_from(("style", "knowledge")))),
        label=draw(st.sampled_from(LABELS)), aligned_rank=draw(optional(st.integers(1, 9))), aligned_logprob=draw(optional(logprobs)),
        aligned_top_ids=list(range(len(aligned))) if draw(st.booleans()) else [],
        aligned_top_tokens=[text for text, _ in aligned], aligned_top_logprobs=[value for _, value in aligned],
    )  # fmt: skip


@st.composite
def contexts(
    draw: st.DrawFn, name: str, rows: list[Instruction], answers: dict[str, list[dict[str, Any]]]
) -> ContextInputs:
    """What one base context makes of some of the tokens."""
    table, coverage = [], []
    for row in rows:
        status = draw(st.sampled_from(("measured", "measured", "measured", "no_answer", "too_long", "unsupported")))
        some = [token for token in answers[row.id] if status == "measured" and draw(st.integers(0, 3))]
        for token in some:
            base = draw(st.lists(st.tuples(texts, logprobs), max_size=3))
            rank = draw(optional(st.integers(1, 6)))
            measured = {
                "base_rank": rank, "base_ties": draw(optional(st.integers(0, 2))), "category": category(rank),
                "base_logprob": draw(logprobs), "base_entropy": draw(optional(amounts)), "kl": draw(optional(amounts)),
                "kl_lower_bound": draw(optional(amounts)), "base_top_ids": [],
                "base_top_tokens": [text for text, _ in base], "base_top_logprobs": [value for _, value in base],
            }  # fmt: skip
            # Another pass of the aligned model can give other numbers.
            if draw(st.integers(0, 4)) == 0:
                measured["aligned_logprob"] = draw(optional(logprobs))
                measured["aligned_top_logprobs"] = [draw(logprobs) for _ in token["aligned_top_tokens"]]
            table.append({**token, **measured})
        coverage.append(
            make_coverage(
                row.id, len(some), name, status=status, reason=None if status == "measured" else draw(some_text),
                unmatched=draw(st.integers(0, 2)), end=draw(st.sampled_from(("none", "same", "base", "dropped"))),
            )
        )  # fmt: skip
    return replace(make_context(table, [], name), coverage=coverage)


@st.composite
def measured_runs(draw: st.DrawFn) -> ReportInputs:
    """A run with token shift, mostly under two contexts; systems have no answers."""
    rows = draw(instructions())
    names = draw(st.sampled_from((["base"], ["base", "other"], ["base", "other"])))
    answers = {
        row.id: [draw(tokens(row.id, position)) for position in sorted(draw(st.sets(st.integers(0, 5), max_size=4)))]
        for row in rows
    }
    made = {name: make_system(name, rows, {}, {}) for name in ("aligned", "base")}
    return make_inputs(rows, made, {name: draw(contexts(name, rows, answers)) for name in names})


@st.composite
def runs(draw: st.DrawFn) -> ReportInputs:
    """A run without token shift: with or without an aligned model, judgments and preferences."""
    rows = draw(instructions())
    is_judged, names = draw(st.booleans()), draw(st.sampled_from((["base"], ["aligned", "base"], ["aligned"])))
    run = make_inputs(rows, {name: draw(systems(name, rows, is_judged)) for name in names}, {})
    if "aligned" not in names:
        return replace(run, models={"base": make_manifest("base")})
    if len(names) == 2 and draw(st.booleans()):
        return replace(run, preferences={"base": draw(preferences(rows))})
    return run


def is_bound(row: dict[str, Any]) -> bool:
    """Whether the rank of a row is at most what is written."""
    return rank_is_bound(row["base_rank"], row["base_ties"], len(row["base_top_tokens"]))
