"""How long `urial trace` takes for one number on 100,000 judgment rows, the start of the process included.

Two synthetic runs are built: 10 systems with 10,000 instructions each, and one system with 100,000. The baseline is what
no trace can do without: a process that parses the judgments of that system with json.loads. Exits with 1 when a mean
of either takes more than 2 s to trace.

python benchmarks/trace.py --json /tmp/trace.json
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from urial.core.store import write_json, write_jsonl
from urial.records.base import Role
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.judge import RulesIdentity
from urial.records.judgment import REGULAR_ASPECTS, Aspect, AspectScore, Judgment
from urial.records.model import MANIFEST, EmbeddedWeights, Loading, ModelManifest
from urial.records.params.file import Decoding, Generation, ReportParams
from urial.records.plans import InstructionsPlan, JudgePlan, ReportPlan, RulesPlan, SystemPlan
from urial.report.build import build_report
from urial.report.inputs import ReportInputs, SystemInputs
from urial.run.files import Digests
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import aspect_figures

SHAPES = ((10, 10_000), (1, 100_000))
MOST_SECONDS = 2.0
REPEATS = 3
HASH = "sha256:" + "0" * 64
# About as long as what prompts, models and judges write.
PROMPT, ANSWER = "An example of a question and its answer. " * 30, "This is a sentence of an answer. " * 10
RATIONALE = "the asked fact (capital: Zolara) is stated, with 3 more true facts about Shodia"
SYSTEM = "system-0"
ASPECT: Aspect = "helpfulness"
BASELINE = """
import json, sys
with open(sys.argv[1], "rb") as stream:
    print(sum(1 for line in stream if json.loads(line)))
"""


@dataclass(frozen=True)
class Result:
    """Seconds are the best of the repeats; `ratio` is seconds of a mean over those of the baseline."""

    systems: int
    instructions: int
    mean_seconds: float
    interval_seconds: float
    baseline_seconds: float
    ratio: float


def make_run(folder: Path, systems: int, count: int) -> None:
    """A run folder with all that a trace of a score reads."""
    data = folder / "data"
    names = tuple(f"system-{number}" for number in range(systems))
    plan = ReportPlan(
        report=ReportParams(resamples=2_000, confidence=0.95, seed=0, examples=4), study="pair", instructions="set",
        systems=names, answer_system=SYSTEM, base_systems=(),
    )  # fmt: skip
    instructions = [
        Instruction(
            id=f"i{number}", turns=(f"Which city is the capital of land {number}?",), category="regular", source="b"
        )
        for number in range(count)
    ]
    write_json(data / "plan/report.json", plan)
    write_json(data / "plan/judge.json", JudgePlan(name="rules", judge=RulesPlan(kind="rules", microworld_seed=0)))
    kind = {"name": "set", "set": {"kind": "microworld"}, "source_hash": None, "microworld_seed": 0, "limit": None}
    write_json(data / "plan/instructions.json", InstructionsPlan.model_validate(kind))
    write_jsonl(data / "instructions.jsonl", instructions)
    roles: tuple[Role, Role] = ("base", "aligned")
    models = {role: _manifest(role) for role in roles}
    for role, manifest in models.items():
        write_json(data / f"models/{role}/{MANIFEST}", manifest)
    found = {name: _system(data, name, instructions) for name in names}
    inputs = ReportInputs(plan=plan, models=models, instructions=instructions, systems=found, contexts={})
    # Intervals would be resampled here for every aspect of every system: the report has the one that is traced alone.
    report = build_report(ReportInputs(**{**vars(inputs), "plan": _quick(plan)})).model_dump(mode="json")
    report["resamples"] = plan.report.resamples
    traced = aspect_figures(ASPECT, found[SYSTEM].judgments, instructions, Bootstrap.from_params(plan.report))
    assert traced is not None
    report["systems"][SYSTEM][ASPECT] = traced.model_dump(mode="json")
    (data / "report").mkdir()
    (data / "report/report.json").write_text(json.dumps(report), "utf-8")
    _write_lock(folder, names)


def _quick(plan: ReportPlan) -> ReportPlan:
    return plan.model_copy(update={"report": plan.report.model_copy(update={"resamples": 0})})


def _manifest(role: Role) -> ModelManifest:
    return ModelManifest(role=role, source=EmbeddedWeights(embedded="microworld", loading=Loading(), files={"f": HASH}))


def _system(data: Path, name: str, instructions: Sequence[Instruction]) -> SystemInputs:
    plan = SystemPlan(
        system=name, model="base", threads=1, prompt=None, prompt_name=None, prompt_hash=None,
        decoding=Decoding(max_new_tokens=8, temperature=0, top_p=1, repetition_penalty=1, seed=0),
        generation=Generation(batch_size=1, on_context_overflow="record"),
    )  # fmt: skip
    judgments = list(_judgments(name, instructions))
    write_json(data / f"plan/systems/{name}.json", plan)
    write_jsonl(data / f"judgments/{name}.jsonl", judgments)
    # Of these, a trace reads only the first rows.
    prompts = [
        AssembledPrompt(
            instruction_id=row.id, system=name, text=PROMPT, adds_special_tokens=True, stop=(), n_tokens=300
        )
        for row in instructions
    ]
    write_jsonl(data / f"prompts/{name}.jsonl", prompts)
    answer = Answer(text=ANSWER, token_ids=tuple(range(80)), finish="stop")
    completions = [
        Completion(instruction_id=row.id, system=name, status="ok", reason=None, answer=answer, key=HASH)
        for row in instructions
    ]
    write_jsonl(data / f"generations/{name}.jsonl", completions)
    return SystemInputs(plan, prompts, completions, judgments)


def _judgments(name: str, instructions: Sequence[Instruction]) -> Iterator[Judgment]:
    for number, row in enumerate(instructions):
        scores = tuple(
            AspectScore(aspect=aspect, score=1 + (number * 7 + place) % 5, rationale=RATIONALE)
            for place, aspect in enumerate(REGULAR_ASPECTS)
        )
        yield Judgment(
            instruction_id=row.id, system=name, status="scored", reason=None, scores=scores, judge=RulesIdentity(kind="rules", version=1, world=None), key=HASH,
            words=60,
        )  # fmt: skip


def _write_lock(folder: Path, names: Sequence[str]) -> None:
    """A lock with as many stages, and about as many files a stage, as that of a real run."""

    def stage(name: str, outs: Sequence[str]) -> dict[str, Any]:
        # Made anew each time: what is one list would become an alias.
        code = [{"path": f"urial/{number}.py", "hash": "md5", "md5": "0" * 32, "size": 1} for number in range(20)]
        written = [Digests(folder).of(folder / path).model_copy(update={"path": path}) for path in outs]
        files = [
            {**out.model_dump(include={"path", "md5", "size", "nfiles"}, exclude_none=True), "hash": "md5"}
            for out in written
        ]
        return {"cmd": f"python -m stages.{name}", "deps": code, "outs": files}

    stages = {"plan": stage("plan", ["data/plan"])}
    stages["models"] = stage("models", ["data/models/base", "data/models/aligned"])
    stages["instructions"] = stage("instructions", ["data/instructions.jsonl"])
    for name in names:
        for kind, output in (("assemble", "prompts"), ("generate", "generations"), ("judge", "judgments")):
            stages[f"{kind}@{name}"] = stage(f"{kind} {name}", [f"data/{output}/{name}.jsonl"])
    stages["report"] = stage("report", ["data/report/report.json"])
    with (folder / "dvc.lock").open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump({"schema": "2.0", "stages": stages}, stream)
    (folder / "dvc.yaml").write_text("stages: {}\n", "utf-8")


def timed(command: Sequence[str], folder: Path) -> float:
    """Seconds of the fastest of a few processes."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        best = min(best, time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    return best


def measure(systems: int, count: int) -> Result:
    """One run, traced beside the baseline."""
    trace = [str(Path(sys.executable).with_name("urial")), "trace"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_run(folder, systems, count)
        mean = timed([*trace, f"systems.{SYSTEM}.{ASPECT}.mean"], folder)
        interval = timed([*trace, f"systems.{SYSTEM}.{ASPECT}.low"], folder)
        rows = folder / f"data/judgments/{SYSTEM}.jsonl"
        baseline = timed([sys.executable, "-c", BASELINE, str(rows)], folder)
    return Result(systems, count, mean, interval, baseline, mean / baseline)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    results = []
    for shape in SHAPES:
        result = measure(*shape)
        results.append(result)
        print(
            f"{result.systems} x {result.instructions:,} rows: mean {result.mean_seconds:.2f} s, end of an interval "
            f"{result.interval_seconds:.2f} s; json.loads of that system's rows {result.baseline_seconds:.2f} s, ratio "
            f"{result.ratio:.2f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    if max(result.mean_seconds for result in results) > MOST_SECONDS:
        sys.exit(f"a trace took more than {MOST_SECONDS:g} s")


if __name__ == "__main__":
    main()
