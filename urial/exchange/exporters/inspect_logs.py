"""A system's answers and judgments as a log of Inspect (https://inspect.aisi.org.uk), as its record of a log has them.

A sample is an instruction, its messages the conversation, its scores those of each aspect with the rationale as explanation.
The exact prompts, the judge's replies and all else that Inspect has no field of are metadata. What is unscored has Inspect's
own value for that, which means and viewers pass over, with its status as reason.
"""

from datetime import UTC
from typing import Any

from urial.exchange.exporters.answers import ExportedAnswer, ExportedRun, ExportedSystem, of_turn
from urial.exchange.exporters.identity import content_uuid, model_identity
from urial.records.judge import ModelIdentity, describe
from urial.records.judgment import ASPECTS_OF, Aspect, AspectScore
from urial.records.report import AspectFigures

Entry = dict[str, Any]
# Inspect's Score.unscored.
UNSCORED = float("nan")
# Of how an answer ended; an end token, a stop string and what a server calls stop are one.
STOP_REASONS = {"length": "max_tokens", "unknown": "unknown"}


def inspect_log(run: ExportedRun, system: ExportedSystem) -> Entry:
    """The log of a system, as Inspect's EvalLog takes it."""
    task, date = f"{run.report.instructions}-{system.name}", run.date.astimezone(UTC).isoformat()
    model, decoding = model_identity(system.manifest), system.plan.decoding
    seed = f"{run.commit} {task} {model.id}".encode()
    samples = [_sample(turns, system, model.id) for turns in system.answers]
    config: Entry = {
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "max_tokens": decoding.max_new_tokens,
        "seed": decoding.seed,
    }
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": content_uuid(seed, b"eval"),
            "run_id": content_uuid(seed, b"run"),
            "task_id": content_uuid(seed, b"task").replace("-", ""),
            # The only time that a run knows: its commit's, so that an export of tomorrow has the same.
            "created": date,
            "task": task,
            "dataset": {
                "name": run.report.instructions,
                "samples": len(samples),
                "sample_ids": [sample["id"] for sample in samples],
                "shuffled": False,
            },
            "model": model.id,
            "model_generate_config": config,
            "config": {"epochs": 1},
            "revision": {"type": "git", "origin": "", "commit": run.commit, "dirty": bool(run.dirty)},
            "packages": {"urial": system.environment.packages.get("urial") or "unknown"},
            "metadata": _of_system(run, system, model.fixed_by),
            "scorers": [
                {"name": name, "options": _judge(run, aspect)} for name, aspect, _ in _figures(system)
            ],
        },
        "plan": {"name": "urial", "steps": [{"solver": "urial", "params": {"system": system.name}}], "config": config},
        "results": {
            "total_samples": len(samples),
            "completed_samples": sum("error" not in sample for sample in samples),
            "scores": [_score_of_all(name, figures, run.report.confidence) for name, _, figures in _figures(system)],
        },
        "samples": samples,
    }  # fmt: skip


def _figures(system: ExportedSystem) -> list[tuple[str, Aspect, AspectFigures]]:
    """Every aspect, of first answers and of later turns, under the name that its scores have."""
    found = [(aspect, aspect, figures) for aspect, figures in system.figures.aspects.items()]
    by_turn = system.figures.turns.by_turn if system.figures.turns else {}
    later = ((int(turn), by_aspect) for turn, by_aspect in by_turn.items() if turn != "1")
    return found + [
        (of_turn(aspect, turn), aspect, figures) for turn, by_aspect in later for aspect, figures in by_aspect.items()
    ]


def _of_system(run: ExportedRun, system: ExportedSystem, fixed_by: dict[str, str]) -> Entry:
    plan = system.plan
    return {
        "study": run.report.study,
        "system": system.name,
        "model": {"role": plan.model, **fixed_by},
        "prompt": plan.prompt_label,
        "prompt_hash": plan.prompt_hash,
        "repetition_penalty": plan.decoding.repetition_penalty,
        "temperature_by_task": plan.decoding.temperature_by_task,
        "instructions_hash": run.report.instructions_hash,
        "created": "the date of the commit",
    }


def _judge(run: ExportedRun, aspect: Aspect) -> Entry:
    """Who scores an aspect, and the whole of what a language model is asked."""
    identity, plan = run.report.judge, run.judge.judge
    found: Entry = {"judge": describe(identity) if identity else "nobody"}
    if isinstance(identity, ModelIdentity) and plan is not None and plan.kind != "rules":
        rubric = plan.rubrics.safety if aspect == "safety" else plan.rubrics.regular
        found |= {"rubric": rubric.name, "rubric_hash": rubric.hash, "template": rubric.rubric.template}
        if plan.rubrics.reference is not None and aspect != "safety":
            found["template_with_a_reference_answer"] = plan.rubrics.reference.rubric.template
    return found


def _score_of_all(name: str, figures: AspectFigures, confidence: float) -> Entry:
    """An aspect's mean with its interval; without a score there is none."""
    values = {"mean": figures.mean, "interval_low": figures.low, "interval_high": figures.high}
    return {
        "name": name,
        "scorer": name,
        "scored_samples": figures.scored,
        "unscored_samples": figures.total - figures.scored,
        "metrics": {key: {"name": key, "value": value} for key, value in values.items() if value is not None},
        "metadata": {"confidence": confidence, "scale": figures.scale},
    }


def _sample(turns: list[ExportedAnswer], system: ExportedSystem, model: str) -> Entry:
    first, last = turns[0], turns[-1]
    known = {"category", "task", "topic", "difficulty", "source"}
    sample: Entry = {
        "id": first.instruction.id,
        "epoch": 1,
        "uuid": content_uuid(system.name.encode(), first.instruction.id.encode()),
        "input": first.query,
        "target": first.instruction.reference or "",
        "messages": [message for turn in turns for message in _messages(turn, model)],
        "output": _output(last, model),
        "scores": {name: score for turn in turns for name, score in _scores(turn, system).items()},
        "metadata": {
            **first.instruction.model_dump(mode="json", include=known),
            "prompt": first.prompt.text if first.prompt else None,
            "prompt_form": first.prompt.form if first.prompt else None,
            "stop": list(first.prompt.stop) if first.prompt else [],
            "answers": [_of_answer(turn) for turn in turns],
        },
    }
    # That there is no answer is an error there; an answer that is empty is none.
    if first.text is None:
        sample["error"] = {
            "message": f"{first.completion.status}: {first.completion.reason}",
            "traceback": "",
            "traceback_ansi": "",
        }
    return sample


def _messages(turn: ExportedAnswer, model: str) -> list[Entry]:
    name = turn.name.encode()
    asked = {"id": content_uuid(name, b"user"), "role": "user", "content": turn.query, "source": "input"}
    return [asked] if turn.text is None else [asked, _said(turn, turn.text, model)]


def _said(turn: ExportedAnswer, text: str, model: str) -> Entry:
    name = turn.name.encode()
    return {
        "id": content_uuid(name, b"assistant"), "role": "assistant", "content": text, "source": "generate", "model": model,
    }  # fmt: skip


def _output(turn: ExportedAnswer, model: str) -> Entry:
    answer = turn.completion.answer
    if answer is None:
        return {"model": model, "choices": []}
    reason = STOP_REASONS.get(answer.finish, "stop")
    output: Entry = {"model": model, "choices": [{"message": _said(turn, answer.text, model), "stop_reason": reason}]}
    if turn.prompt is not None and turn.prompt.n_tokens is not None and answer.token_ids is not None:
        used = {"input_tokens": turn.prompt.n_tokens, "output_tokens": len(answer.token_ids)}
        output["usage"] = {**used, "total_tokens": sum(used.values())}
    return output


def _scores(turn: ExportedAnswer, system: ExportedSystem) -> Entry:
    """By aspect. Where the whole answer has no judgment, all aspects of its category say why."""
    judgment = turn.judgment
    if judgment is None or judgment.status == "not_judged":
        return {}
    scores = judgment.scores
    if not scores:
        asked = [aspect for aspect in ASPECTS_OF[turn.instruction.category] if aspect in system.figures.aspects]
        return {
            of_turn(aspect, turn.turn): {"value": UNSCORED, "reason": judgment.status, "explanation": judgment.reason}
            for aspect in asked
        }
    return {of_turn(score.aspect, turn.turn): _score(score) for score in scores}


def _score(score: AspectScore) -> Entry:
    found: Entry = {"value": UNSCORED if score.score is None else score.score, "explanation": score.rationale}
    if score.score is None:
        found["reason"] = score.status
    if score.distribution is not None:
        found["metadata"] = {"distribution": list(score.distribution)}
    return found


def _of_answer(turn: ExportedAnswer) -> Entry:
    """What is known of one answer beyond its text; of the second and later ones the exact prompt, too."""
    answer, judgment = turn.completion.answer, turn.judgment
    found: Entry = {
        "status": turn.completion.status,
        "reason": turn.completion.reason,
        "finish": answer.finish if answer else None,
        "key": turn.completion.key,
        "judge_replies": [reply.model_dump(mode="json", exclude_defaults=True) for reply in judgment.replies]
        if judgment
        else [],
    }
    return found if turn.turn == 1 else {**found, "prompt": turn.prompt.text if turn.prompt else None}
