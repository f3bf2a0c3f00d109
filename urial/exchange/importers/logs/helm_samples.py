"""Outputs of HELM: scenario_state.json has instances, prompts and answers, per_instance_stats.json beside it the scores."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.yaml_files import read_text
from urial.exchange.importers.logs.samples import LoggedSample, LoggedScore, part, queries, refuse, require_once_each
from urial.instructions.reading import MAX_BYTES

STATE, STATS = "scenario_state.json", "per_instance_stats.json"
ONE_TRIAL = "run HELM with one train trial and without perturbations: the answers of several are several systems"


def read_helm(path: Path) -> list[LoggedSample]:
    """Every instance of a run; ``path`` is its folder, or one of its two files. Raises UrialError naming file, entry and field."""
    folder = path if path.is_dir() else path.parent
    state = path if path.is_file() and path.name not in (STATS,) else folder / STATE
    states = part(str(state), _read(state), "request_states")
    if not isinstance(states, list) or not states:
        refuse(str(state), "request_states", states, "a list of what was asked and answered")
    stats = folder / STATS
    scores = _scores(stats) if stats.is_file() else {}
    samples = [_sample(f"{state}, request_states[{number}]", values, scores) for number, values in enumerate(states)]
    require_once_each(samples, ONE_TRIAL)
    return samples


def _sample(where: str, values: object, scores: dict[str, dict[str, LoggedScore]]) -> LoggedSample:
    instance = part(where, values, "instance")
    name = part(where, instance, "id")
    if not isinstance(name, str):
        refuse(where, "instance.id", name, "a text")
    if part(where, values, "reference_index") is not None:
        refuse(where, "reference_index", values["reference_index"], "null: of an answer that was generated")  # type: ignore[index]
    if instance.get("perturbation") is not None:
        refuse(where, "instance.perturbation", instance["perturbation"], "null: the instance as it is", ONE_TRIAL)
    text, result = part(where, part(where, instance, "input"), "text"), part(where, values, "result")
    if not isinstance(text, str):
        refuse(where, "instance.input.text", text, "a text, the instruction")
    answer, reason = _answer(where, result)
    return LoggedSample(
        where=where,
        name=name,
        turns=queries(where, [text]),
        answers=None if answer is None else (answer,),
        reason=reason,
        scores=scores.get(name, {}),
    )


def _answer(where: str, result: object) -> tuple[str | None, str | None]:
    """The answer, or why there is none: HELM keeps a request that failed."""
    if result is None:
        return None, "HELM: no result"
    if part(where, result, "success") is not True:
        error = part(where, result, "error")
        return None, f"HELM: {error if isinstance(error, str) and error.strip() else 'the request failed'}"[:300]
    completions = part(where, result, "completions")
    if not isinstance(completions, list) or len(completions) != 1:
        refuse(where, "result.completions", completions, "one completion", "run HELM with num_outputs 1")
    text = part(where, completions[0], "text")
    return (text, None) if isinstance(text, str) else refuse(where, "result.completions[0].text", text, "a text")


def _scores(path: Path) -> dict[str, dict[str, LoggedScore]]:
    """By instance and name of the metric, of the split that was evaluated."""
    entries = _read(path)
    if not isinstance(entries, list):
        raise UrialError("no list", path=path, expected="statistics of each instance, as HELM writes them")
    found: dict[str, dict[str, LoggedScore]] = defaultdict(dict)
    for number, entry in enumerate(entries):
        where = f"{path}, [{number}]"
        name, stats = part(where, entry, "instance_id"), part(where, entry, "stats")
        if not isinstance(name, str) or not isinstance(stats, list):
            refuse(where, "stats", stats, "a list of statistics, of an instance_id")
        if part(where, entry, "perturbation") is not None or part(where, entry, "train_trial_index") not in (0, None):
            refuse(
                where,
                "train_trial_index",
                entry["train_trial_index"],
                "the first trial, without perturbation",
                ONE_TRIAL,
            )
        for stat in stats:
            metric, count = part(where, part(where, stat, "name"), "name"), part(where, stat, "count")
            value = stat.get("mean") if stat.get("mean") is not None else stat.get("sum")
            score = LoggedScore(value) if count == 1 else LoggedScore(None, f"HELM has {count!r} values of it")
            if str(metric) in found[name]:
                refuse(where, "stats", metric, "every metric once")
            found[name][str(metric)] = score
    return found


def _read(path: Path) -> Any:
    try:
        return strict_json(read_text(path, MAX_BYTES))
    except ValueError as error:
        raise UrialError(syntax_problem(error), path=path, expected="JSON as HELM writes it") from error
