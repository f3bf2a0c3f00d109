"""The figures of a system, and the facts at the top of the report, recomputed alone."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

from urial.provenance.trace.figures import Evidence, interval_text
from urial.provenance.trace.pointers import Place
from urial.provenance.trace.rows import RunData
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import ASPECTS, Aspect, Judgment
from urial.report.build import build_report, one_judge, system_figures
from urial.report.inputs import ReportInputs, SystemInputs
from urial.statistics.scores import aspect_figures, aspect_score, category_of, status_of

JUDGED = frozenset({"prompt", "completion", "judgment"})
ANSWERED = frozenset({"prompt", "completion"})
PROMPTED = frozenset({"prompt"})
NOTHING: frozenset[str] = frozenset()
REPORT_PLAN = "data/plan/report.json"
INSTRUCTIONS = "data/instructions.jsonl"

# What each figure of a system is made from, and how.
_FROM_JUDGMENTS = {
    "words": "mean of the whitespace-separated words of the answers to regular instructions",
    "average": "mean of the means of the six aspects, over instructions",
    "instructions": "number of instructions",
}
_FROM_COMPLETIONS = {
    "ok": "number of answers",
    "too_long": "number of prompts that left no room in the context",
    "cut_off": "number of answers that reached the length limit",
    "later_turns": "counts of the second and later messages by what became of them",
}
_FROM_PROMPTS = {
    "prompt_tokens": "mean of the prompts' lengths in tokens",
    "flagged": "number of prompts with a flag",
}


def _scored(row: Judgment) -> bool:
    found = (aspect_score(aspect, row) for aspect in ASPECTS)
    return any(item is not None and item.score is not None for item in found)


# Whether a row, of the instruction asked, counts.
_COUNTS: dict[str, Callable[[Any, Instruction], bool]] = {
    "words": lambda row, asked: row.words is not None and asked.category == "regular",
    "average": lambda row, _: _scored(row),
    "instructions": lambda _, __: True,
    "ok": lambda row, _: row.status == "ok",
    "too_long": lambda row, _: row.status == "too_long",
    "cut_off": lambda row, _: row.answer is not None and row.answer.finish == "length",
    "later_turns": lambda row, _: bool(row.later_turns),
    "prompt_tokens": lambda row, _: row.n_tokens is not None,
    "flagged": lambda row, _: row.flag is not None,
}


class AspectFigure:
    """``systems.SYSTEM.ASPECT``: a mean score with its interval and the counts of what was not scored."""

    function = "urial.statistics.scores.aspect_figures"
    shows = JUDGED
    contexts: tuple[str, ...] = ()

    def __init__(self, run: RunData, place: Place) -> None:
        self.run, self.place = run, place
        self.system, self.aspect, self.leaf = str(place[1]), cast("Aspect", place[2]), str(place[3])
        self.systems: tuple[str, ...] = (self.system,)
        self.files: tuple[str, ...] = (REPORT_PLAN, INSTRUCTIONS, f"data/judgments/{self.system}.jsonl")

    @cached_property
    def _judgments(self) -> Sequence[Judgment]:
        return self.run.judged(self.system, self.aspect)

    def recompute(self, interval: bool) -> tuple[Place, Any]:
        """See Figure."""
        found = aspect_figures(self.aspect, self._judgments, self.run.asked, self.run.bootstrap(interval))
        return self.place[:3], found.model_dump(mode="json")

    def how(self) -> str:
        """See Figure."""
        category = category_of(self.aspect)
        if self.leaf == "total":
            return f"number of {category} instructions"
        if self.leaf in ("mean", "low", "high"):
            spread = interval_text(self.place, self.run.bootstrap(True), "instructions")
            return f"mean of the scores over the scored answers to {category} instructions{spread}"
        return f"number of {category} instructions with the status {self.leaf}"

    def evidence(self) -> Evidence:
        """Rows of the aspect's category; those that are not scored are left out of a mean."""
        category = category_of(self.aspect)
        status = {
            line: status_of(self.aspect, row)
            for line, (row, asked) in enumerate(zip(self._judgments, self.run.asked, strict=True))
            if asked.category == category
        }
        wanted = "scored" if self.leaf in ("mean", "low", "high") else self.leaf
        counts = Counter(status.values())
        return Evidence(
            rows=len(status),
            counted=[line for line, found in status.items() if wanted in (found, "total")],
            left_out={} if wanted == "total" else {name: counts[name] for name in sorted(counts) if name != wanted},
        )


class SystemFigure:
    """``systems.SYSTEM``: every figure but the aspects."""

    function = "urial.report.build.system_figures"
    contexts: tuple[str, ...] = ()

    def __init__(self, run: RunData, place: Place) -> None:
        self.run, self.place = run, place
        self.system, self.leaf = str(place[1]), str(place[2])
        self.systems: tuple[str, ...] = (self.system,)
        self.files, self.shows = self._read_from()

    def _read_from(self) -> tuple[tuple[str, ...], frozenset[str]]:
        plan, name = f"data/plan/systems/{self.system}.json", f"{self.system}.jsonl"
        if self.leaf in _FROM_JUDGMENTS:
            return (REPORT_PLAN, plan, INSTRUCTIONS, f"data/judgments/{name}"), JUDGED
        if self.leaf in _FROM_COMPLETIONS:
            return (plan, INSTRUCTIONS, f"data/generations/{name}"), ANSWERED
        if self.leaf in _FROM_PROMPTS:
            return (plan, INSTRUCTIONS, f"data/prompts/{name}"), PROMPTED
        return (plan,), NOTHING

    @cached_property
    def _inputs(self) -> SystemInputs:
        """The rows that the figure is made from, and no others."""
        judgments: Sequence[Judgment] = self.run.judged(self.system) if self.leaf in _FROM_JUDGMENTS else ()
        completions: Sequence[Completion] = self.run.completions(self.system) if self.shows == ANSWERED else ()
        prompts: Sequence[AssembledPrompt] = self.run.prompts(self.system) if self.shows == PROMPTED else ()
        return SystemInputs(self.run.system(self.system), prompts, completions, judgments)

    def recompute(self, interval: bool) -> tuple[Place, Any]:
        """See Figure: of the figures computed together, this one alone has all of its rows."""
        asked: Sequence[Instruction] = self.run.asked if self.leaf in _FROM_JUDGMENTS else ()
        found = system_figures(self._inputs, asked, self.run.bootstrap(interval))
        return self.place[:3], found.model_dump(mode="json")[self.leaf]

    def how(self) -> str:
        """See Figure."""
        known = {**_FROM_JUDGMENTS, **_FROM_COMPLETIONS, **_FROM_PROMPTS}
        if self.leaf not in known:
            return "as the stage plan resolved it"
        return known[self.leaf] + interval_text(self.place, self.run.bootstrap(True), "instructions")

    def evidence(self) -> Evidence:
        """See Figure."""
        found = self._counted()
        rows = len(found)
        counted = [line for line, counts in enumerate(found) if counts]
        left_out = {self._reason(): rows - len(counted)} if len(counted) < rows else {}
        return Evidence(rows=rows, counted=counted, left_out=left_out)

    def _counted(self) -> list[bool]:
        """Of each row that went in, whether it counts."""
        rows: Sequence[Any] = self._inputs.judgments or self._inputs.completions or self._inputs.prompts
        test = _COUNTS.get(self.leaf)
        return [test(row, asked) for row, asked in zip(rows, self.run.asked, strict=True)] if test and rows else []

    def _reason(self) -> str:
        reasons = {"words": "safety or no answer", "average": "not scored", "later_turns": "one turn"}
        return reasons.get(self.leaf, f"not {self.leaf.replace('_', ' ')}")


class HeaderFigure:
    """What the report says of the run as a whole."""

    shows = NOTHING
    systems: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()

    def __init__(self, run: RunData, place: Place, systems: Sequence[str]) -> None:
        self.run, self.place, self.leaf = run, place, str(place[0])
        self.function = f"urial.report.build.{'one_judge' if self.leaf == 'judge' else 'build_report'}"
        self._systems = systems
        manifests = tuple(f"data/models/{role}/manifest.json" for role in ("base", "aligned"))
        self.files: tuple[str, ...] = {
            "judge": (
                INSTRUCTIONS,
                *(f"data/plan/systems/{name}.json" for name in systems),
                *(f"data/judgments/{name}.jsonl" for name in systems),
            ),
            "models": tuple(path for path in manifests if f"/{place[-1]}/" in path),
            "loading": manifests,
            "instructions_hash": (INSTRUCTIONS,),
        }.get(self.leaf, (REPORT_PLAN,))

    def recompute(self, interval: bool) -> tuple[Place, Any]:
        """See Figure."""
        if self.leaf == "judge":
            return self.place[:1], one_judge(
                {name: SystemInputs(self.run.system(name), (), (), self.run.judged(name)) for name in self._systems}
            )
        hashed = self.leaf == "instructions_hash"
        inputs = ReportInputs(
            plan=self.run.plan,
            models={"base": self.run.model("base"), "aligned": self.run.model("aligned")},
            instructions=self.run.rows("instructions.jsonl", Instruction) if hashed else (),
            systems={},
            contexts={},
        )
        return self.place[:1], build_report(inputs).model_dump(mode="json")[self.leaf]

    def how(self) -> str:
        """See Figure."""
        return {
            "judge": "the one judge that every judgment names",
            "models": "content hash of the model's files, or of its server and its name there",
            "loading": "how the pair was loaded, by the models' manifests",
            "instructions_hash": "content hash of the instructions",
        }.get(self.leaf, "as the stage plan resolved it")

    def evidence(self) -> Evidence:
        """See Figure: it is of no single rows."""
        return Evidence()
