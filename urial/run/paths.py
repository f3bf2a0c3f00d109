"""Every file that the stages of a run write under ``data/``: one line of the table for each.

A line says where the file lies, which record it holds, which stage writes it, and of what there is one. Whoever reads, checks,
lists or guesses files of a run reads this table, so a new file is one more line here, and one in dvc.yaml. Any file can be
checked against the record of its place, or of a schema that is named.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from urial.core.errors import UrialError, did_you_mean
from urial.core.store import parse_record, read_json, read_jsonl
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import Record
from urial.records.blended_tokens import BlendedTokens
from urial.records.completion import AssembledPrompt, Completion
from urial.records.environment import Environment
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.metrics import Metrics
from urial.records.model import ModelManifest
from urial.records.plans import (
    InstructionsPlan,
    JudgePlan,
    ModelsPlan,
    PreferencesPlan,
    ReportPlan,
    SafetyDepthPlan,
    SystemPlan,
    TokenShiftPlan,
)
from urial.records.preference import Preference
from urial.records.prompt import JUDGE_COLLECTION, PREFERENCE_RUBRICS
from urial.records.report import Report
from urial.records.safety_depth import PrefilledAnswer, PrefilledVerdict
from urial.records.schemas import SCHEMAS
from urial.records.token_shift import ShiftCoverage, TokenShift

Model_co = TypeVar("Model_co", bound=BaseModel, covariant=True)
# The folder of a run's outputs, in the folder of the run.
DATA = "data"


@dataclass(frozen=True)
class RunFile(Generic[Model_co]):
    """A kind of file under ``data/``: one record (.json), one record a line (.jsonl) or a table (.parquet)."""

    # Path below data; {} is the key: the name of a system, base system or model, or a stage.
    pattern: str
    model: type[Model_co]
    # The stage that writes it, as in dvc.yaml.
    stage: str
    # Of what there is one file; a stage is NAME, or NAME/ITEM of a loop.
    each: Literal[
        "run",
        "system",
        "base system",
        "given answers",
        "compared system",
        "prefilled system",
        "published outputs",
        "blended system",
        "micro-world's answers",
        "role",
        "stage",
    ] = "run"

    def below(self, key: str = "") -> str:
        """Path below ``data``."""
        return self.pattern.format(key)

    def path(self, key: str = "") -> str:
        """Path below the run's folder, as dvc.yaml and messages write it."""
        return f"{DATA}/{self.below(key)}"

    @property
    def folder(self) -> str:
        """The folder below the run's folder that has the files of all keys."""
        return f"{DATA}/{self.pattern.partition('/')[0]}"

    @property
    def form(self) -> str:
        """How it is written: ``json``, ``jsonl`` or ``parquet``."""
        return self.pattern.rpartition(".")[2]

    def present(self, data: Path) -> Iterator[tuple[str, Path]]:
        """Key and path of each such file below ``data``, in order of their names."""
        named = re.compile(self._matcher(self.pattern))
        for path in sorted(
            data.glob(f"{self.pattern.partition('/')[0]}/**/*") if "/" in self.pattern else data.glob("*")
        ):
            if match := named.fullmatch(path.relative_to(data).as_posix()):
                yield match[1] if self.each != "run" else "", path

    def fits(self, path: Path) -> bool:
        """Whether a path, of whatever run, has such a name and stands in a folder of that name."""
        ending = "/".join(self.pattern.split("/")[-2:])
        return re.search(f"/{self._matcher(ending)}$", path.absolute().as_posix()) is not None

    def _matcher(self, pattern: str) -> str:
        key = "([^/]+(?:/[^/]+)?)" if self.each == "stage" else "([^/]+)"
        return key.join(map(re.escape, pattern.split("{}")))


SYSTEM_PLAN = RunFile("plan/systems/{}.json", SystemPlan, "plan", "system")
MODELS_PLAN = RunFile("plan/models.json", ModelsPlan, "plan")
INSTRUCTIONS_PLAN = RunFile("plan/instructions.json", InstructionsPlan, "plan")
TOKEN_SHIFT_PLAN = RunFile("plan/token_shift.json", TokenShiftPlan, "plan")
JUDGE_PLAN = RunFile("plan/judge.json", JudgePlan, "plan")
PREFERENCES_PLAN = RunFile("plan/preferences.json", PreferencesPlan, "plan")
SAFETY_DEPTH_PLAN = RunFile("plan/safety_depth.json", SafetyDepthPlan, "plan")
REPORT_PLAN = RunFile("plan/report.json", ReportPlan, "plan")
MANIFEST = RunFile("models/{}/manifest.json", ModelManifest, "models", "role")
INSTRUCTIONS = RunFile("instructions.jsonl", Instruction, "instructions")
PROMPTS = RunFile("prompts/{}.jsonl", AssembledPrompt, "assemble", "system")
COMPLETIONS = RunFile("generations/{}.jsonl", Completion, "generate", "system")
TOKEN_SHIFT = RunFile("token_shift/{}.parquet", TokenShift, "token_shift", "base system")
COVERAGE = RunFile("token_shift/{}.coverage.jsonl", ShiftCoverage, "token_shift", "base system")
# Measurements of given answers lie beside the others, so that whoever reads one reads any.
GIVEN_SHIFT = RunFile("token_shift/{}.parquet", TokenShift, "given_shift", "given answers")
GIVEN_COVERAGE = RunFile("token_shift/{}.coverage.jsonl", ShiftCoverage, "given_shift", "given answers")
JUDGMENTS = RunFile("judgments/{}.jsonl", Judgment, "judge", "system")
PREFERENCES = RunFile("preferences/{}.jsonl", Preference, "preferences", "compared system")
# Answers of other studies lie beside those of this run's systems, so that a baseline has one place.
PUBLISHED = RunFile("generations/{}.jsonl", Completion, "published", "published outputs")
# So do the rows of blends and their controls, which are systems to all that reads them.
BLENDED_PROMPTS = RunFile("prompts/{}.jsonl", AssembledPrompt, "blend", "blended system")
BLENDED = RunFile("generations/{}.jsonl", Completion, "blend", "blended system")
BLENDED_TOKENS = RunFile("blends/{}.jsonl", BlendedTokens, "blend", "blended system")
BLENDED_JUDGMENTS = RunFile("judgments/{}.jsonl", Judgment, "judge_blend", "blended system")
# So do the answers that the micro-world itself gives to its unsafe requests.
GIVEN = RunFile("generations/{}.jsonl", Completion, "microworld_answers", "micro-world's answers")
PREFILLED = RunFile("safety_depth/{}.jsonl", PrefilledAnswer, "safety_depth", "prefilled system")
PREFILLED_VERDICTS = RunFile("safety_verdicts/{}.jsonl", PrefilledVerdict, "judge_safety_depth", "prefilled system")
REPORT = RunFile("report/report.json", Report, "report")
METRICS = RunFile("report/metrics.json", Metrics, "report")
ENVIRONMENT = RunFile("environment/{}.json", Environment, "every stage", "stage")


def instructions_beside(path: Path) -> Path | None:
    """The instructions of the run that a file of rows lies in; None: it lies in none."""
    beside = path.absolute().parents[1] / INSTRUCTIONS.pattern
    is_of_run = any(file.fits(path) for file in (COMPLETIONS, JUDGMENTS, TOKEN_SHIFT, PREFERENCES))
    return beside if is_of_run and beside.is_file() else None


# In the order of the flow.
RUN_FILES: tuple[RunFile[Record], ...] = (
    SYSTEM_PLAN, MODELS_PLAN, INSTRUCTIONS_PLAN, TOKEN_SHIFT_PLAN, JUDGE_PLAN, PREFERENCES_PLAN, SAFETY_DEPTH_PLAN,
    REPORT_PLAN, MANIFEST,
    INSTRUCTIONS, PROMPTS, COMPLETIONS, PUBLISHED, TOKEN_SHIFT, COVERAGE, GIVEN_SHIFT, GIVEN_COVERAGE, JUDGMENTS,
    BLENDED_PROMPTS, BLENDED, BLENDED_TOKENS, BLENDED_JUDGMENTS, PREFERENCES,
    GIVEN, PREFILLED, PREFILLED_VERDICTS, REPORT, METRICS, ENVIRONMENT,
)  # fmt: skip
PLAN_FOLDER, MODELS_FOLDER, REPORT_FOLDER = SYSTEM_PLAN.folder, MANIFEST.folder, REPORT.folder
# What the report shows, of files that no record describes.
CHARTS, SITE = f"{REPORT_FOLDER}/charts", f"{REPORT_FOLDER}/site"
# What a run is made from.
_BY_NAME = {"params.yaml": "params", "released.json": "released-prompts", "urial-package.json": "package"}
_YAML = (".yaml", ".yml")


def guess_schema(path: Path) -> str:
    """The schema of a file by its name and folder. Raises UrialError where they do not tell."""
    names = {model: name for name, model in SCHEMAS.items()}
    if schema := _BY_NAME.get(path.name) or next((names[file.model] for file in RUN_FILES if file.fits(path)), None):
        return schema
    if (path.parent.name, path.suffix) == ("pools", ".jsonl"):
        return "pool"
    if path.suffix in _YAML:
        if path.parent.parent.name != JUDGE_COLLECTION:
            return "prompt"
        return "preference-rubric" if path.parent.name == PREFERENCE_RUBRICS else "rubric"
    raise UrialError("its place does not tell what it holds", path=path, fix="name a schema with --schema")


def validate_file(path: Path, schema: str | None = None) -> tuple[str, int]:
    """Schema and number of records of a valid file. Raises UrialError naming file, line and field."""
    name = schema or guess_schema(path)
    if name not in SCHEMAS:
        raise UrialError(f"unknown schema {name!r}", fix=did_you_mean(name, SCHEMAS))
    model, count = SCHEMAS[name], 1
    if path.suffix == ".jsonl":
        count = len(read_jsonl(path, model))
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            rows = pq.read_table(path).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise UrialError(
                f"cannot be read as Parquet: {error}", path=path, fix="get the file anew, all of it"
            ) from error
        for number, row in enumerate(rows):
            parse_record(json.dumps(row).encode("utf-8"), model, path, row=number)
        count = len(rows)
    elif path.suffix in _YAML:
        parse_yaml_record(path, model)
    else:
        read_json(path, model)
    return name, count
