"""The rows of a system in Every Eval Ever: a score of an answer each, with the exact prompt, the answer and the rationale."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from urial.exchange.exporters.answers import ExportedAnswer, ExportedSystem, of_turn
from urial.exchange.exporters.every_eval_ever_results import Result
from urial.records.judgment import AspectScore

SCHEMA_VERSION = "0.3.0"


@dataclass(frozen=True)
class Row:
    """What all rows of a system have."""

    evaluation_id: str
    model_id: str


def samples_of(
    system: ExportedSystem, results: Mapping[str, Result], common: Row
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A row for each score; and by row and result why there is none, of everything that was to be judged and has no score."""
    rows: list[dict[str, Any]] = []
    unscored: dict[str, str] = {}
    for turns in system.answers:
        for number, answer in enumerate(turns, start=1):
            if answer.judgment is None:
                continue
            if not answer.judgment.scores:
                unscored[answer.name] = f"{answer.judgment.status}: {answer.judgment.reason}"
            for score in answer.judgment.scores:
                result = results.get(of_turn(score.aspect, answer.turn))
                if score.score is None or result is None:
                    unscored[f"{answer.name}/{score.aspect}"] = f"{score.status}: {score.rationale or 'says the judge'}"
                else:
                    rows.append(_row(turns[:number], score, result, common))
    return rows, unscored


def _row(turns: list[ExportedAnswer], score: AspectScore, result: Result, common: Row) -> dict[str, Any]:
    """The row of a score of the last of an instruction's answers."""
    answer = turns[-1]
    reference = [answer.instruction.reference] if answer.instruction.reference and answer.turn == 1 else []
    prompt, thinking = answer.prompt, answer.judgment.answer_thinking if answer.judgment else None
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": common.evaluation_id,
        "model_id": common.model_id,
        "evaluation_name": result.name,
        "evaluation_result_id": result.id,
        "sample_id": answer.name,
        "sample_hash": hashlib.sha256("".join([answer.query, *reference]).encode()).hexdigest(),
        "input": {"raw": answer.query, "formatted": prompt.text if prompt else None, "reference": reference},
        # The answer is judged as it is: nothing is extracted from it.
        "answer_attribution": [],
        "evaluation": {"score": score.score, "is_correct": False, "num_turns": len(turns)},
        "token_usage": _tokens(answer),
        "metadata": _metadata(answer, score),
    }
    if len(turns) == 1:
        trace = {"reasoning_trace": [thinking]} if thinking else {}
        return {**row, "interaction_type": "single_turn", "output": {"raw": [answer.text or ""], **trace}}
    said = [(role, text) for turn in turns for role, text in (("user", turn.query), ("assistant", turn.text))]
    messages = [{"turn_idx": index, "role": role, "content": text} for index, (role, text) in enumerate(said)]
    return {**row, "interaction_type": "multi_turn", "messages": messages}


def _tokens(answer: ExportedAnswer) -> dict[str, int] | None:
    generated, prompt = answer.completion.answer, answer.prompt
    if generated is None or generated.token_ids is None or prompt is None or prompt.n_tokens is None:
        return None
    used = {"input_tokens": prompt.n_tokens, "output_tokens": len(generated.token_ids)}
    return {**used, "total_tokens": sum(used.values())}


def _metadata(answer: ExportedAnswer, score: AspectScore) -> dict[str, str]:
    """What the format has no field of. A score on a scale is neither right nor wrong, and its rows must say which."""
    known = {
        "aspect": score.aspect,
        "rationale": score.rationale,
        "finish": answer.completion.answer.finish if answer.completion.answer else None,
        "key": answer.completion.key,
        "category": answer.instruction.category,
        "task": ", ".join(answer.instruction.task),
        "topic": ", ".join(answer.instruction.topic),
        "difficulty": answer.instruction.difficulty,
        "source": answer.instruction.source,
        "is_correct_applicable": "false",
    }
    shown = answer.judgment.shown_characters if answer.judgment else None
    if shown is not None:
        known["characters_shown_to_the_judge"] = str(shown)
    return {name: value for name, value in known.items() if value}
