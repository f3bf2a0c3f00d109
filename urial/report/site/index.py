"""data/index.js: what lists, filters and sorting need of every answer, in columns by instruction; and data/search.js."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from urial.core.hashing import bytes_hash, short_hash
from urial.core.store import json_bytes
from urial.core.text import cut, one_line, visible
from urial.records.base import ROLES, Role
from urial.records.completion import AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judge import describe
from urial.records.judgment import Aspect, Judgment, LaterJudgment, ScoreStatus
from urial.records.model import EmbeddedModel
from urial.records.preference import LaterPreference, Outcome, Preference
from urial.records.report import Report
from urial.records.token_shift import LABELS, MOVES, PARTS
from urial.report.inputs import ReportInputs, SystemInputs
from urial.report.site.texts import measured_texts

EXCERPT = 120
KINDS = ("style", "knowledge")
_JUDGED: tuple[str, ...] = tuple(status for status in get_args(ScoreStatus) if status != "scored")
# What must be easy to find among the answers of a system: bit i of index.marked is the i-th of these.
MARKS = (
    "cut off", "too long", "no answer", "flagged", "judge: invalid", "judge: refused", "judge: filtered", "judge: failed",
    "judge: too long", "judge: not applicable", "flip", "only thinking",
)  # fmt: skip
# The status of an instruction that published outputs do not answer: no completion says one.
UNANSWERED = "no_answer"
# Of an instruction's comparison by one criterion; - where there is none.
OUTCOME_LETTERS: Mapping[Outcome, str] = {"win": "w", "tie": "t", "loss": "l", "inconsistent": "i", "invalid": "x"}


def index_of(inputs: ReportInputs, report: Report, sizes: Mapping[str, int], shift: Mapping[str, Any]) -> Any:
    """The whole index; ``sizes`` are instructions a shard, ``shift`` is token_counts of all of them."""
    systems: dict[str, Sequence[Completion | None]] = {name: row.completions for name, row in inputs.systems.items()}
    systems |= inputs.published
    return {
        "run": run_of(inputs, report),
        "systems": list(inputs.systems),
        "published": list(inputs.published),
        "contexts": list(inputs.contexts),
        # Measurements of one text, of which each token is shown under two at a time; whose text it is, and who reads it.
        "texts": [
            {"answers": text.answers, "aligned": text.aligned_system, "contexts": list(text.contexts)}
            for text in measured_texts(inputs)
        ],
        "base": {row.name: row.base_system for row in inputs.plan.measurements if row.name in inputs.contexts},
        "answer_system": inputs.plan.answer_system if inputs.contexts else None,
        "size": sizes,
        "instructions": _instructions(inputs.instructions),
        "shift": shift,
        "kinds": KINDS,
        "labels": LABELS,
        "parts": PARTS,
        "moves": MOVES,
        "status": {name: [row.status if row else UNANSWERED for row in rows] for name, rows in systems.items()},
        **_judgments(inputs),
        "marks": MARKS,
        "marked": _marked(inputs),
        "described": {
            **{name: _described(system) for name, system in inputs.systems.items()},
            **{name: {"model": None, "prompt": None, "max_new_tokens": None} for name in inputs.published},
        },
        "preferences": {name: _outcomes(rows) for name, rows in inputs.preferences.items() if rows},
    }


def run_of(inputs: ReportInputs, report: Report) -> Any:
    """What a caption says of the run."""
    return {
        "study": inputs.plan.study,
        "identifier": identifier(report),
        "title": title_of(inputs),
        "pair": pair_of(inputs),
        "judge": None if report.judge is None else visible(describe(report.judge)),
        "toy": any(isinstance(manifest.source, EmbeddedModel) for manifest in inputs.models.values()),
    }


def pair_of(inputs: ReportInputs) -> dict[Role, str | None]:
    """The names of both models; null: the study has none."""
    labels = {role: visible(manifest.model.label) for role, manifest in inputs.models.items()}
    embedded = any(isinstance(manifest.source, EmbeddedModel) for manifest in inputs.models.values())
    alike = embedded or len(set(labels.values())) < len(labels)
    return {role: f"{labels[role]}{f' ({role})' * alike}" if role in labels else None for role in ROLES}


def title_of(inputs: ReportInputs) -> str:
    """What the study shows."""
    return "What alignment changed" if "aligned" in inputs.models else "What a prompt makes of a base model"


def identifier(report: Report) -> str:
    """The first digits of the hash of report.json, by which a page names its figures: `sha256sum` gives them, too."""
    return f"sha256:{short_hash(bytes_hash(json_bytes(report)))}"


def search_of(inputs: ReportInputs) -> Any:
    """What a search looks through: instruction and aligned answer, in lower case; and the same of other answers that are measured."""
    own = inputs.plan.answer_system
    others = dict.fromkeys(text.answers for text in measured_texts(inputs) if text.answers != own)
    return {"text": _searchable(inputs, own), "given": {name: _searchable(inputs, name) for name in others}}


def _searchable(inputs: ReportInputs, name: str) -> list[str]:
    answers: Sequence[Completion | None] = inputs.published.get(name, [None] * len(inputs.instructions))
    if name in inputs.systems:
        answers = inputs.systems[name].completions
    return [_searched(row, answer) for row, answer in zip(inputs.instructions, answers, strict=True)]


def _searched(row: Instruction, answer: Completion | None) -> str:
    texts = [*row.turns, *([answer.answer.text] if answer and answer.answer else [])]
    return visible("\n".join(texts)).lower()


def _instructions(rows: Sequence[Instruction]) -> Any:
    return {
        "id": [visible(row.id) for row in rows],
        "excerpt": [one_line(cut(row.turns[0], EXCERPT)[0]) for row in rows],
        "category": [row.category for row in rows],
        "tasks": [list(map(visible, row.task)) for row in rows],
        "topics": [list(map(visible, row.topic)) for row in rows],
        "turns": [len(row.turns) for row in rows],
    }


def _described(system: SystemInputs) -> Any:
    plan = system.plan
    return {
        "model": plan.model,
        "prompt": plan.prompt_name and plan.prompt_label,
        "max_new_tokens": plan.decoding.max_new_tokens,
    }


def _judgments(inputs: ReportInputs) -> Any:
    """Scores of the first turn by system and aspect, and what the aspects are scored on."""
    scores: dict[str, dict[str, list[int | float | None]]] = {}
    scales: dict[Aspect, int] = {}
    count = len(inputs.instructions)
    for name, system in inputs.systems.items():
        scores[name] = {}
        for place, judgment in enumerate(system.judgments):
            for item in judgment.scores:
                column = scores[name].setdefault(item.aspect, [None] * count)
                if item.score is not None:
                    column[place] = round(item.score, 4) if item.score % 1 else int(item.score)
                scales[item.aspect] = max(scales.get(item.aspect, 0), item.scale)
    aspects = [aspect for aspect in get_args(Aspect) if aspect in scales]
    return {"aspects": aspects, "scales": scales, "scores": scores}


def _marked(inputs: ReportInputs) -> dict[str, list[int]]:
    """For each system a bit mask an instruction, over all of its turns."""
    marked = {}
    for name, system in inputs.systems.items():
        preferences = inputs.preferences.get(name)
        columns = zip(system.completions, system.prompts, system.judgments, strict=True)
        marked[name] = [
            _mask(
                [
                    *_answer_marks([row, *row.later_turns], [prompt, *(turn.prompt for turn in row.later_turns)]),
                    *_judge_marks([judgment, *judgment.later_turns]),
                    *_preference_marks(preferences[place] if preferences else None),
                ]
            )
            for place, (row, prompt, judgment) in enumerate(columns)
        ]
    for name, rows in inputs.published.items():
        marked[name] = [
            _mask(_answer_marks([row, *row.later_turns], []) if row is not None else ["no answer"]) for row in rows
        ]
    return marked


def _mask(marks: Iterable[str]) -> int:
    return sum(1 << MARKS.index(mark) for mark in set(marks))


def _answer_marks(turns: Sequence[Completion | LaterTurn], prompts: Sequence[AssembledPrompt | None]) -> list[str]:
    names = {"too_long": "too long", "no_history": "no answer", "only_thinking": "only thinking"}
    marks = [names[turn.status] for turn in turns if turn.status in names]
    marks += ["cut off" for turn in turns if turn.answer is not None and turn.answer.finish == "length"]
    return marks + ["flagged" for prompt in prompts if prompt is not None and prompt.flag is not None]


def _judge_marks(turns: Sequence[Judgment | LaterJudgment]) -> list[str]:
    statuses = {score.status for turn in turns for score in turn.scores}
    return [f"judge: {status.replace('_', ' ')}" for status in _JUDGED if status in statuses]


def _preference_marks(preference: Preference | None) -> list[str]:
    turns: list[Preference | LaterPreference] = [] if preference is None else [preference, *preference.later_turns]
    return ["flip" for turn in turns if any(result.outcome == "inconsistent" for result in turn.results)]


def _outcomes(rows: Sequence[Preference]) -> Any:
    """The outcome of every comparison of first answers: a letter an instruction, by criterion."""
    letters = [{result.criterion: OUTCOME_LETTERS[result.outcome] for result in row.results} for row in rows]
    criteria = dict.fromkeys(criterion for row in letters for criterion in row)
    return {
        "baseline": rows[0].baseline,
        "outcomes": {criterion: "".join(row.get(criterion, "-") for row in letters) for criterion in criteria},
    }
