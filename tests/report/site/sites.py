"""Sites of small runs, written by the real writer: as they should be, hostile, and half."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.report.conftest import (
    ALIGNED_SCORES,
    BASE_SCORES,
    IDS,
    RANKS,
    empty_run,
    make_context,
    make_instruction,
    make_system,
    make_token,
    small_run,
    unjudged_run,
)
from tests.report.preference_runs import PLAN, WrittenJudge
from tests.report.shift_runs import two_contexts
from tests.report.site.further_runs import everything_run
from urial.judge.preferences.run import compare_completions
from urial.report.inputs import ReportInputs
from urial.report.write import write_report

# Harmless, and each would be seen: a dialog, a request, an element, a sum, or text the wrong way round. All of it is in one text.
MARKUP = "</textarea></style></title></script><script>alert(1)</script><img src=http://x.test/i onerror=alert(2)>"
QUOTES = "'\"><svg/onload=alert(3)><a href=javascript:alert(4)>"
TEMPLATES = "{{ 7*7 }} ${7*7} <%= 7*7 %> %s {0}"
HIDDEN = "\x00\x1b[31m\u202egnp\u202c\u200b\ufeff\u2028]]>--><!--"
HOSTILE = f"{MARKUP}\n{QUOTES}\r{TEMPLATES}\t{HIDDEN}"
# Of it, what every page that has a text shows as it stands, and the hidden characters as they are made visible.
SHOWN = ("<img src=http://x.test/i onerror=alert(2)>", "{{ 7*7 }} ${7*7}", "⟨U+202E⟩gnp")
LONG_LINE = "x" * 1_000_000


def hostile_run() -> ReportInputs:
    """HOSTILE wherever a model or a stranger writes: instructions, tags, answers, rationales, tokens; one answer has a long line."""
    instructions = [make_instruction(name, HOSTILE, task=(HOSTILE,), topic=(HOSTILE,)) for name in IDS]
    texts = {**dict.fromkeys(IDS, HOSTILE), "r2": f"{HOSTILE}\n{LONG_LINE}"}
    systems = {
        "aligned": make_system("aligned", instructions, texts, ALIGNED_SCORES, HOSTILE),
        "base": make_system("base", instructions, {**texts, "r4": None}, BASE_SCORES, HOSTILE),
    }
    rows = [
        make_token(
            name, position, measured, HOSTILE, base_top_tokens=[HOSTILE, "</script>"], aligned_top_tokens=[HOSTILE]
        )
        for name, both in RANKS.items()
        for position, measured in enumerate(both)
    ]
    run = small_run(text=HOSTILE, piece=HOSTILE, tags=(HOSTILE,))
    contexts = {name: make_context(rows, IDS, name) for name in ("base", "urial")}
    plan = run.plan.model_copy(update={"compared": ("base",), "baseline": "aligned", "base_systems": tuple(contexts)})
    compared = compare_completions(
        WrittenJudge(), PLAN, instructions, systems["base"].completions, systems["aligned"].completions
    )
    return replace(
        run, plan=plan, instructions=instructions, systems=systems, contexts=contexts, preferences={"base": compared}
    )


def without_token_shift() -> ReportInputs:
    """Judged answers, and no measurement."""
    run = small_run()
    return replace(run, plan=run.plan.model_copy(update={"base_systems": ()}), contexts={})


def of_one_system() -> ReportInputs:
    """The aligned model's answers alone."""
    run = without_token_shift()
    plan = run.plan.model_copy(update={"systems": ("aligned",)})
    return replace(run, plan=plan, systems={"aligned": run.systems["aligned"]})


WHOLE: dict[str, Callable[[], ReportInputs]] = {
    "small": two_contexts,
    "hostile": hostile_run,
    "everything": everything_run,
}
HALF: dict[str, Callable[[], ReportInputs]] = {
    "without-token-shift": without_token_shift,
    "without-judgments": unjudged_run,
    "of-one-system": of_one_system,
    "without-answers": empty_run,
}


def write_site(folder: Path, name: str) -> None:
    """The report of a run by its name in WHOLE or HALF; the site is in site/."""
    write_report({**WHOLE, **HALF}[name](), folder)
