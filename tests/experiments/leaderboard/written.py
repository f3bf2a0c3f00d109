"""The files of a run that a leaderboard reads, written as the pipeline writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.leaderboard_entries import RULES, Columns, make_entry
from urial.core.hashing import content_hash
from urial.core.store import write_json, write_jsonl
from urial.records.judgment import EVERY_ASPECT, Aspect, AspectScore, Judgment
from urial.records.leaderboard_entry import LeaderboardEntry
from urial.records.model import HubWeights, Loading, ModelManifest
from urial.records.report import Report
from urial.report.build import model_hash
from urial.run import paths

HASH = "sha256:" + "ab" * 32
SCORES: Mapping[str, Columns] = {
    "base-urial": {"depth": [5, 4, None], "safety": [None, None, 3]},
    "base-zero-shot": {"depth": [2, None, None], "safety": [None, None, 1]},
}


def write_run(
    data: Path, systems: Mapping[str, Columns] = SCORES, hub: str = "o/m", commit: str = "main"
) -> LeaderboardEntry:
    """Report, judgments and manifests below ``data``; the entry that has the same scores."""
    source = HubWeights(hub=hub, revision=commit, loading=Loading(), files={"config.json": content_hash(hub)})
    manifest = ModelManifest(role="base", source=source)
    entry = make_entry(systems, label=f"{hub}@{commit}", digest=model_hash(manifest))
    write_json(data / paths.MANIFEST.below("base"), manifest)
    write_json(data / paths.MANIFEST.below("aligned"), ModelManifest(role="aligned", source=None))
    for name, columns in systems.items():
        rows = [judgment(name, index, columns) for index in range(len(entry.instructions.ids))]
        write_jsonl(data / paths.JUDGMENTS.below(name), rows)
    report = Report(
        study=entry.study, models={"base": entry.models["base"].hash}, instructions=entry.instructions.name,
        instructions_hash=entry.instructions.hash, judge=RULES, loading=None, confidence=entry.confidence,
        resamples=entry.resamples, seed=entry.seed, systems={name: of.figures for name, of in entry.systems.items()},
        token_shift={}, context_comparisons=(),
    )  # fmt: skip
    write_json(data / paths.REPORT.below(), report)
    return entry


def judgment(system: str, index: int, columns: Columns) -> Judgment:
    """The judgment of one instruction, with a rationale that no entry has."""
    asked: Sequence[Aspect] = [aspect for aspect in EVERY_ASPECT if aspect in columns]
    scores = [_score(aspect, columns[aspect][index]) for aspect in asked]
    scored = any(score.score is not None for score in scores)
    return Judgment(
        instruction_id=f"i-{index}", system=system, status="scored" if scored else "not_applicable", reason=None if scored else "r",
        scores=tuple(scores), key=HASH, judge=RULES,
    )  # fmt: skip


def _score(aspect: Aspect, score: float | None) -> AspectScore:
    if score is None:
        return AspectScore(aspect=aspect, status="not_applicable", score=None, rationale=None)
    return AspectScore(aspect=aspect, score=score, rationale="a secret rationale")
