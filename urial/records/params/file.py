"""Typed params.yaml: the one file that a user edits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from urial.core.errors import UrialError, did_you_mean
from urial.core.yaml_files import parse_yaml_record
from urial.records.ablation import Ablation
from urial.records.base import DAY, MAX_SEED, Day, Name, PromptName, Record, Role
from urial.records.instruction import InstructionSet
from urial.records.model import Loading, TunedModel
from urial.records.params.blends import Blend
from urial.records.params.judges import Judge, Price
from urial.records.params.models import AlignedReference, Checkpoints, ModelReference, Thinking
from urial.records.params.preferences import PreferenceParams, PublishedOutputs
from urial.records.params.safety_depth import SafetyDepthParams
from urial.records.params.token_shift import TokenShiftParams

# Models so small gain nothing by more, and their figures are the same to the last bit on machines of more cores.
EMBEDDED_THREADS = 2


Temperature = Annotated[float, Field(ge=0, le=10)]
# Not written where there is none, so that plans and rows of runs without it stay what they are.
_BY_TASK: Any = Field(
    default={},
    exclude_if=lambda value: not value,
    description="temperature by task of the instruction, instead of `temperature`; of several tasks the first that is named "
    "counts; left out: none",
)


class Decoding(Record):
    """How an answer is decoded (paper, appendix: greedy; repetition penalty 1.1 for base models)."""

    max_new_tokens: int = Field(ge=1, le=100_000, description="longest answer in tokens")
    temperature: float = Field(ge=0, le=10, description="0: greedy")
    top_p: float = Field(gt=0, le=1, description="nucleus sampling; 1: off")
    repetition_penalty: float = Field(gt=0, le=10, description="1: off; applies to prompt and answer tokens")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of sampling; without effect when greedy")
    temperature_by_task: dict[str, Temperature] = _BY_TASK

    def of_tasks(self, tasks: Sequence[str]) -> "Decoding":
        """The decoding of an instruction's answers: with the temperature of its task, and no others."""
        if not self.temperature_by_task:
            return self
        named = [self.temperature_by_task[task] for task in tasks if task in self.temperature_by_task]
        temperature = named[0] if named else self.temperature
        return self.model_copy(update={"temperature": temperature, "temperature_by_task": {}})


class CommonDecoding(Record):
    """Decoding common to all systems; null leaves a value to the study, which knows what its models need."""

    max_new_tokens: int | None = Field(ge=1, le=100_000, description="longest answer in tokens; null: the study's")
    temperature: float = Field(ge=0, le=10, description="0: greedy")
    top_p: float = Field(gt=0, le=1, description="nucleus sampling; 1: off")
    repetition_penalty: float | None = Field(gt=0, le=10, description="1: off; null: the study's for the model")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of sampling; without effect when greedy")
    temperature_by_task: dict[str, Temperature] = _BY_TASK


class DecodingChange(Record):
    """A system's own decoding where it differs from the common one; null: it does not."""

    max_new_tokens: int | None = Field(default=None, ge=1, le=100_000, description="see decoding")
    temperature: float | None = Field(default=None, ge=0, le=10, description="see decoding")
    top_p: float | None = Field(default=None, gt=0, le=1, description="see decoding")
    repetition_penalty: float | None = Field(default=None, gt=0, le=10, description="see decoding")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="see decoding")
    temperature_by_task: dict[str, Temperature] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="instead of the common table; {}: one temperature for all",
    )


class System(Record):
    """A model with a way of prompting it."""

    model: Role = Field(description="base or aligned")
    prompt: PromptName | None = Field(
        description="NAME in the study's prompt collection, or COLLECTION/NAME; null: the tokenizer's chat template"
    )
    ablation: Ablation | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what is taken out of the prompt or changed in it, by rule; left out: nothing",
    )
    decoding: DecodingChange = Field(default=DecodingChange(), description="differences from the common decoding")


class Generation(Record):
    """How answers are computed; nothing here changes an answer."""

    batch_size: int = Field(ge=1, le=10_000, description="rows decoded together")
    on_context_overflow: Literal["error", "record"] = Field(
        description="a prompt that leaves no room for max_new_tokens: stop the run, or record the row as too_long"
    )


class MicroworldStudy(Record):
    """The embedded pair: trained by the pipeline itself."""

    kind: Literal["microworld"] = Field(description="the embedded micro-world")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of the world, the corpus and the training")
    documents: int | None = Field(default=None, ge=1, description="train on the first N documents; null: all")
    chats: int | None = Field(default=None, ge=1, description="align on the first N chats; null: all")
    checkpoint: Annotated[str, Field(pattern=r"^step-[1-9][0-9]{0,8}$")] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="step-N: the base model is that checkpoint of its training; null: the last one",
    )
    aligned: TunedModel | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="{tuned: ...}: the base model, tuned instead; absent: the pair's own aligned model",
    )
    threads: int = Field(
        default=EMBEDDED_THREADS,
        ge=1,
        le=1024,
        description="CPU threads, unless run says; the recorded figures are of these",
    )
    max_new_tokens: int = Field(default=256, ge=1, description="longest answer in tokens")
    base_repetition_penalty: float = Field(
        default=1.0, gt=0, le=10, description="for systems of the base model; its short answers repeat nothing"
    )
    instructions: Name = Field(default="microworld", description="the instruction set used unless run names one")
    prompts: Name = Field(default="microworld", description="the prompt collection used unless a system names one")


class ModelsStudy(Record):
    """A base model and, unless it is studied without one, its aligned version."""

    kind: Literal["models"] = Field(description="models from the hub, from folders or on servers")
    base: ModelReference = Field(description="the base model")
    aligned: AlignedReference | None = Field(
        default=None,
        description="its aligned version; its tokenizer must have a chat template, unless the base is tuned here; absent: the base model is studied alone, and what needs an aligned one is left out",
    )
    checkpoints: Checkpoints | None = Field(
        default=None,
        description="what `urial sweep checkpoints` takes for the base model, one after the other; absent: none",
    )
    loading: Loading = Field(default=Loading(), description="how those that are loaded here are loaded")
    date: Day = Field(default=DAY, description="the day that a chat template is told which asks for it")
    thinking: Thinking | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="how the models mark thinking; null: by <think>, <thinking> or <reasoning>, if at all",
    )
    max_new_tokens: int = Field(default=2048, ge=1, description="longest answer in tokens")
    base_repetition_penalty: float = Field(default=1.1, gt=0, le=10, description="for base systems, as in the paper")
    instructions: Name = Field(default="just-eval", description="the instruction set used unless run names one")
    prompts: Name = Field(default="general", description="the prompt collection used unless a system names one")


Study = Annotated[MicroworldStudy | ModelsStudy, Field(discriminator="kind")]


Entry = TypeVar("Entry")


class Run(Record):
    """What this run measures."""

    study: Name = Field(description="a key of studies")
    instructions: Name | None = Field(description="a key of instruction_sets; null: the study's own")
    judge: Name | None = Field(description="a key of judges; null: answers are not judged")
    limit: int | None = Field(ge=1, description="use only the first N instructions; null: all")
    threads: int | None = Field(
        ge=1,
        le=1024,
        description="CPU threads; a different number can change the last bits; null: the study's own where it has any, "
        "else as many as torch takes, which is one a physical core unless OMP_NUM_THREADS says otherwise",
    )


class ReportParams(Record):
    """How numbers are summarized."""

    resamples: int = Field(ge=100, le=1_000_000, description="bootstrap resamples over instructions")
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(description="coverage of the intervals")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of the bootstrap")
    examples: int = Field(ge=0, le=1_000, description="instructions shown side by side on the page")


class ParamsFile(Record):
    """All of params.yaml."""

    run: Run = Field(description="what this run measures")
    systems: Annotated[dict[Name, System], Field(min_length=1)] = Field(description="systems by name")
    blends: dict[Name, Blend] = Field(
        default={},
        description="two models that answer together, by name; each is a system, and so is its control NAME-random",
    )
    decoding: CommonDecoding = Field(description="decoding common to the systems")
    generation: Generation = Field(description="how answers are computed")
    token_shift: TokenShiftParams = Field(description="the token distribution shift measurement")
    preferences: PreferenceParams = Field(
        default=PreferenceParams(), description="which systems' answers are compared with those of a baseline"
    )
    safety_depth: SafetyDepthParams = Field(
        default=SafetyDepthParams(),
        description="how systems go on with answers to unsafe requests that are begun for them",
    )
    report: ReportParams = Field(description="how numbers are summarized")
    studies: dict[Name, Study] = Field(description="studies: a base model, and its aligned version where there is one")
    instruction_sets: dict[Name, InstructionSet] = Field(description="catalogue of instruction sets")
    published_outputs: dict[Name, PublishedOutputs] = Field(
        default={}, description="catalogue of answers of other studies, which systems can be compared with"
    )
    judges: dict[Name, Judge] = Field(description="catalogue of judges")
    prices: dict[str, Price] = Field(default={}, description="prices by a model's name, all in one currency")


def read_params(path: Path) -> ParamsFile:
    """params.yaml, typed. Raises UrialError naming file, line and field of the first problems."""
    return parse_yaml_record(path, ParamsFile)


def lookup(catalogue: Mapping[str, Entry], name: str, field: str, section: str) -> Entry:
    """What a field of params.yaml names in a catalogue. Raises UrialError with the nearest known name."""
    if name not in catalogue:
        raise UrialError(f"{field}: no {name!r} in {section}", where="params.yaml", fix=did_you_mean(name, catalogue))
    return catalogue[name]


def study_of(params: ParamsFile) -> Study:
    """The study that is run. Raises UrialError with the nearest name where the catalogue has none of this name."""
    return lookup(params.studies, params.run.study, "run.study", "studies")


def instruction_set_name(params: ParamsFile) -> Name:
    """The set of instructions that is asked: the run's, or its study's. Raises UrialError as ``study_of``."""
    return params.run.instructions or study_of(params).instructions


def threads_of(params: ParamsFile) -> int | None:
    """The CPU threads of a run; None: as many as torch takes. A study that the catalogue does not have has none."""
    study = params.studies.get(params.run.study)
    own = study.threads if isinstance(study, MicroworldStudy) else None
    return params.run.threads or own
