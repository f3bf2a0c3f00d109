"""data/answers: instructions with all that every system answered, how it was asked, and what the judge said."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from urial.core.text import shared_length, visible
from urial.records.blended_tokens import BlendedTokens
from urial.records.completion import AssembledPrompt, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judgment import SCALE, AspectScore, Judgment, LaterJudgment, Reply
from urial.records.preference import Choice, LaterPreference, Preference
from urial.report.inputs import ReportInputs
from urial.report.site.blended import interventions
from urial.report.site.index import UNANSWERED

Fields = dict[str, Any]


def answers_of(inputs: ReportInputs, start: int, end: int) -> Fields:
    """The file of some instructions, by their places in the run's order."""
    prompts = {name: system.prompts[start:end] for name, system in inputs.systems.items()}
    shared = {name: _common(rows) for name, rows in prompts.items()}
    systems: dict[str, list[Fields]] = {}
    for name, system in inputs.systems.items():
        preferences = inputs.preferences.get(name)
        systems[name] = [
            _answer(
                system.completions[place],
                _asked(system.prompts[place], shared[name]),
                system.judgments[place],
                preferences[place] if preferences else None,
            )
            for place in range(start, end)
        ]
        if name in inputs.blended:
            _add_interventions(systems[name], system.completions[start:end], inputs.blended[name][start:end])
    for name, completions in inputs.published.items():
        systems[name] = [
            _answer(row, _no_prompt(), None, None) if row is not None else _unanswered()
            for row in completions[start:end]
        ]
    return {
        "first": start,
        "instructions": list(map(_instruction, inputs.instructions[start:end])),
        "prompts": {name: _prompt_frame(rows[0], shared[name]) for name, rows in prompts.items() if rows},
        "systems": systems,
    }


def _add_interventions(answers: Sequence[Fields], rows: Sequence[Completion], tokens: Sequence[BlendedTokens]) -> None:
    """Where the helper of a blend stepped in, into the answers of all turns."""
    for fields, row, blended in zip(answers, rows, tokens, strict=True):
        turns = zip([fields, *fields.get("later", [])], [row, *row.later_turns], blended.turns, strict=True)
        for turn, attempt, of_tokens in turns:
            if attempt.answer is not None and of_tokens is not None:
                turn["blended"] = interventions(of_tokens, attempt.answer.text)


def amounts(inputs: ReportInputs) -> list[int]:
    """How many characters each instruction brings into its file, about."""
    counts = [sum(map(len, row.turns)) for row in inputs.instructions]
    for system in inputs.systems.values():
        for place, (completion, judgment) in enumerate(zip(system.completions, system.judgments, strict=True)):
            counts[place] += len(completion.answer.text) if completion.answer else 0
            counts[place] += sum(len(score.rationale or "") for score in judgment.scores)
    return counts


def _instruction(row: Instruction) -> Fields:
    return {
        "id": visible(row.id),
        "category": row.category,
        "tasks": _texts(row.task),
        "topics": _texts(row.topic),
        "difficulty": _text(row.difficulty),
        "source": visible(row.source),
        "turns": _texts(row.turns),
        "reference": _text(row.reference),
    }


def _shown(prompt: AssembledPrompt) -> str:
    """The text of a prompt. That of chat messages is JSON, which the page reads: hidden characters in it are escapes."""
    try:
        return prompt.text if prompt.form == "text" else json.dumps(_seen(json.loads(prompt.text)), ensure_ascii=False)
    except ValueError:
        return prompt.text


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _seen(item) for name, item in value.items()}
    if isinstance(value, list):
        return list(map(_seen, value))
    return visible(value) if isinstance(value, str) else value


def _common(prompts: Sequence[AssembledPrompt]) -> tuple[str, str]:
    """What all of them begin and end with: three examples are not written ten thousand times."""
    texts = list(map(_shown, prompts))
    before = _beginning(texts)
    after = _beginning([text[len(before) :][::-1] for text in texts])
    return before, after[::-1]


def _beginning(texts: Sequence[str]) -> str:
    # What the first and the last in order have in common, all between them have, too.
    return min(texts)[: shared_length(min(texts), max(texts))] if texts else ""


def _prompt_frame(first: AssembledPrompt, shared: tuple[str, str]) -> Fields:
    before, after = shared
    return {
        "before": visible(before),
        "after": visible(after),
        "form": first.form,
        "adds_special_tokens": first.adds_special_tokens,
    }


def _asked(prompt: AssembledPrompt | None, shared: tuple[str, str] = ("", "")) -> Fields:
    """What is the prompt's own, between what all of the file have in common."""
    if prompt is None:
        return _no_prompt()
    before, after = shared
    text = _shown(prompt)
    return {
        "prompt": visible(text[len(before) : len(text) - len(after)]),
        "prompt_tokens": prompt.n_tokens,
        # Not shared: a fence is longer around an answer that has one.
        "stop": _texts(prompt.stop),
        "flag": _text(prompt.flag),
    } | ({"retrieved": prompt.retrieved} if prompt.retrieved else {})


def _no_prompt() -> Fields:
    return {"prompt": None, "prompt_tokens": None, "stop": [], "flag": None}


def _answer(
    row: Completion | LaterTurn,
    asked: Fields,
    judgment: Judgment | LaterJudgment | None,
    preference: Preference | LaterPreference | None,
    baseline: str | None = None,
) -> Fields:
    """An answer to one message, with the later ones of the same instruction."""
    answer = row.answer
    baseline = preference.baseline if isinstance(preference, Preference) else baseline
    fields = {
        "status": row.status,
        "reason": _text(row.reason),
        "text": _text(answer.text) if answer else None,
        "finish": answer.finish if answer else None,
        "tokens": len(answer.token_ids) if answer and answer.token_ids is not None else None,
        "words": len(answer.text.split()) if answer else None,
        **asked,
        "judgment": None if judgment is None or judgment.status == "not_judged" else _judged(judgment),
        "preference": None if preference is None else _compared(preference, str(baseline)),
    }
    if row.thought is not None:
        fields["thought"] = visible(row.thought.text)
    if isinstance(row, Completion) and row.later_turns:
        fields["later"] = list(_later(row, judgment, preference))
    return fields


def _unanswered() -> Fields:
    """What there is of an instruction that published outputs do not answer."""
    return {
        "status": UNANSWERED,
        "reason": "these published outputs have no answer to the instruction",
        **dict.fromkeys(("text", "finish", "tokens", "words", "judgment", "preference")),
        **_no_prompt(),
    }


def _later(
    row: Completion, judgment: Judgment | LaterJudgment | None, preference: Preference | LaterPreference | None
) -> Iterator[Fields]:
    judgments = judgment.later_turns if isinstance(judgment, Judgment) else ()
    preferences = preference.later_turns if isinstance(preference, Preference) else ()
    baseline = preference.baseline if isinstance(preference, Preference) else None
    for place, turn in enumerate(row.later_turns):
        yield _answer(
            turn,
            _asked(turn.prompt),
            judgments[place] if place < len(judgments) else None,
            preferences[place] if place < len(preferences) else None,
            baseline,
        )


def _judged(judgment: Judgment | LaterJudgment) -> Fields:
    fields: Fields = {
        "status": judgment.status,
        "reason": _text(judgment.reason),
        "scores": list(map(_score, judgment.scores)),
    }
    if judgment.shown_characters is not None:
        fields["shown_characters"] = judgment.shown_characters
    if judgment.answer_thinking is not None:
        fields["thinking"] = visible(judgment.answer_thinking)
    # What the judge really said, where a score cannot be shown instead.
    if any(score.status != "scored" for score in judgment.scores) and judgment.replies:
        fields["replies"] = list(map(_reply, judgment.replies))
    return fields


def _score(item: AspectScore) -> Fields:
    number = item.model_dump(mode="json")["score"]
    fields = {"aspect": item.aspect, "status": item.status, "score": number, "rationale": _text(item.rationale)}
    return fields if item.scale == SCALE else {**fields, "scale": item.scale}


def _reply(reply: Reply) -> Fields:
    return {"aspect": reply.aspect, "text": visible(reply.text), "finish": reply.finish}


def _compared(preference: Preference | LaterPreference, baseline: str) -> Fields:
    orders = [
        {
            "first": None if one.order is None else one.order.removesuffix("_first"),
            "choices": list(map(_choice, one.choices)),
        }
        for one in preference.comparisons
    ]
    results = [{"criterion": result.criterion, "outcome": result.outcome} for result in preference.results]
    return {
        "baseline": baseline,
        "status": preference.status,
        "reason": _text(preference.reason),
        "orders": orders,
        "results": results,
    }


def _choice(choice: Choice) -> Fields:
    return {
        "criterion": choice.criterion,
        "status": choice.status,
        "verdict": choice.side,
        "preference": choice.preference,
        "rationale": _text(choice.rationale),
    }


def _text(text: str | None) -> str | None:
    return None if text is None else visible(text)


def _texts(texts: Sequence[str]) -> list[str]:
    return list(map(visible, texts))
