"""Sites with token shift, small enough to know every value that the token viewer shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

from tests.report.conftest import (
    ALIGNED_SCORES,
    BASE_SCORES,
    make_context,
    make_inputs,
    make_instruction,
    make_system,
    make_token,
)
from urial.core.store import write_bytes, write_text
from urial.records.token_shift import ShiftMeasurement
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.site.data import write_data_files
from urial.report.site.frame import TOKENS, render
from urial.report.site.pages import frame_of
from urial.report.site.write import ASSETS

Tokens = Sequence[tuple[str, Mapping[str, Any]]]

# Text of a token -> what its row says beside the usual, first under zero-shot, then under urial.
GREETING: Tokens = (
    ("Hello", {"base_rank": 12, "base_logprob": log(0.01), "kl": 3.25, "label": "greeting", "kind": "style", "category": "shifted"}),
    ("!", {"base_rank": 2, "base_ties": 1, "kl": 0.5, "label": "punctuation", "kind": "style", "category": "marginal"}),
    (" The", {"base_rank": 1}),
    ("\n", {"base_rank": 1}),
    (" <b>x</b>", {"base_rank": 40, "kl": 1.5, "kind": "knowledge", "category": "shifted"}),
    ("", {"token_id": 99}),
    ("\u200d", {"base_rank": 1}),
    ("ends  ", {"base_rank": 1}),
    ("\u202e", {"base_rank": 1}),
    ("<eos>", {"base_rank": 900, "kl": 9.0, "is_end": True, "label": "end", "category": "shifted"}),
)  # fmt: skip
PROMPTED: Tokens = tuple((text, {"kl": 0.01} if text != "<eos>" else changes) for text, changes in GREETING)
QUERIES = {"r1": "Say hello", "r2": "What is <i>this</i>?", "s1": "How do I pick a lock?", "r3": "Long, please"}


def rows_of(name: str, tokens: Tokens) -> list[dict[str, Any]]:
    """Rows of one answer; the base model's own choice is always “The”."""
    return [
        make_token(name, position, (1, 0.5, 0.1), text, **{"base_top_tokens": [" The", text], **changes})
        for position, (text, changes) in enumerate(tokens)
    ]


def token_run(long: int = 0) -> ReportInputs:
    """r1 has GREETING, s1 a refusal, r2 is measured under zero-shot alone, and r3 has ``long`` tokens, or is not answered."""
    instructions = [make_instruction(name, query, task=("task " + name[0],)) for name, query in QUERIES.items()]
    refusal: Tokens = (("Sorry", {"base_rank": 7, "label": "refusal", "category": "shifted", "kl": 4.0}), (".", {}))
    words: Tokens = [
        (f" word{k}", {"base_rank": 5, "category": "shifted"} if k % 50 == 49 else {}) for k in range(long)
    ]
    zero_shot = [
        *rows_of("r1", GREETING),
        *rows_of("r2", GREETING[2:4]),
        *rows_of("s1", refusal),
        *rows_of("r3", words),
    ]
    urial = [*rows_of("r1", PROMPTED), *rows_of("s1", [("Sorry", {}), (".", {})]), *rows_of("r3", words)]
    texts = {name: "".join(text for text, _ in GREETING) if name == "r1" else f"answer {name}" for name in QUERIES}
    return make_inputs(
        instructions,
        {
            "aligned": make_system("aligned", instructions, texts, ALIGNED_SCORES),
            "base": make_system("base", instructions, texts, BASE_SCORES),
        },
        {"zero-shot": make_context(zero_shot, list(QUERIES)), "urial": make_context(urial, list(QUERIES), "urial")},
    )


# What the base model said by itself, with a thought before it.
THOUGHT: Tokens = (
    ("<think>", {"part": "tag"}),
    ("Wait", {"part": "thinking", "move": "backtrack", "base_rank": 6, "category": "shifted", "kl": 2.0}),
    (",", {"part": "thinking", "move": "backtrack"}),
    (" no", {"part": "thinking"}),
    ("</think>", {"part": "tag"}),
    ("Hi", {"part": "answer", "aligned_rank": 8, "aligned_logprob": -3.0, "aligned_top_tokens": [" The", "Hi"], "base_top_tokens": ["Hi", " The"]}),
)  # fmt: skip


def given_run() -> ReportInputs:
    """token_run, and two measurements of other answers: `own-words` of `base` to r1, and `people` of what people said."""
    run = token_run()
    contexts = {
        **run.contexts,
        "own-words": make_context(rows_of("r1", THOUGHT), list(QUERIES), "own-words"),
        "people": make_context(rows_of("s1", (("Never", {}), (".", {}))), list(QUERIES), "people"),
    }
    given = [
        ShiftMeasurement(name=name, answers=answers, base_system="base", aligned_system="aligned")
        for name, answers in (("own-words", "base"), ("people", "people"))
    ]
    plan = run.plan.model_copy(update={"given": tuple(given)})
    return replace(run, plan=plan, contexts=contexts)


def write_token_site(inputs: ReportInputs, folder: Path) -> Path:
    """The token viewer of a run, with its data."""
    report = build_report(inputs)
    write_text(folder / TOKENS.href, render(TOKENS, frame_of(report)))
    for asset in ASSETS.iterdir():
        write_bytes(folder / "assets" / asset.name, asset.read_bytes())
    write_data_files(folder, inputs, report)
    return folder
