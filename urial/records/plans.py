"""What `plan` resolved for each later stage: complete, validated, with content hashes."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from urial.records.ablation import Ablation
from urial.records.base import Day, Hash, Name, Record, Role, Text
from urial.records.blend import BlendRule
from urial.records.engine import EngineSettings
from urial.records.instruction import InstructionSet
from urial.records.left_out import LeftOut
from urial.records.model import (
    FolderWeights,
    GgufWeights,
    Loading,
    PlannedHub,
    PlannedLocal,
    PlannedModel,
    ServerModel,
    ServerReference,
    TunedModel,
)
from urial.records.params.blends import blended_systems, rule_label
from urial.records.params.file import Decoding, Generation, ReportParams
from urial.records.params.judges import OpenAIJudge, Price, TransformersJudge
from urial.records.params.models import Thinking
from urial.records.params.preferences import Orders
from urial.records.params.safety_depth import GivenKind
from urial.records.params.token_shift import TokenShiftParams
from urial.records.preference_rubric import PlannedPreferenceRubric
from urial.records.prompt import Example, PlannedRubric, Prompt
from urial.records.references import PlannedReferences
from urial.records.token_shift import ShiftMeasurement
from urial.records.told_apart import told_apart_by


class TrainedModels(Record):
    """The embedded pair, to be trained."""

    kind: Literal["microworld"] = Field(description="the embedded micro-world")
    seed: int = Field(description="seed of the world, the corpus and the training")
    documents: int | None = Field(description="documents to train on; null: all")
    chats: int | None = Field(description="chats to align on; null: all")
    checkpoint: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="step-N: the base model is that checkpoint; absent: the last one",
    )


class PlannedTuned(TunedModel):
    """A tuned model, fixed by its recipe and its data; its base is the study's."""

    pairs: tuple[Example, ...] = Field(min_length=1, description="what is learned, in the order of its source")
    data_hash: Hash = Field(description="content hash of the pairs")
    chat_template: Text = Field(description="Jinja template of the recipe's prompt version, for the tokenizer")
    loading: Loading = Field(description="how it is loaded")


PlannedAligned = Annotated[
    Annotated[PlannedHub, Tag("hub")]
    | Annotated[FolderWeights, Tag("folder")]
    | Annotated[GgufWeights, Tag("gguf")]
    | Annotated[ServerModel, Tag("server")]
    | Annotated[PlannedTuned, Tag("tuned")],
    told_apart_by("hub", "folder", "gguf", "server", "tuned"),
]


class TrainedStudy(TrainedModels):
    """The embedded pair of a run, of which the base model may be tuned instead."""

    aligned: PlannedTuned | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the base model, tuned; absent: the pair's own aligned model",
    )


class LoadedModels(Record):
    """The models of a study, each fixed by its commit or its files; what a server has cannot be fixed."""

    kind: Literal["models"] = Field(description="models from the hub, from folders or on servers")
    base: PlannedModel = Field(description="the base model")
    aligned: PlannedAligned | None = Field(description="its aligned version; null: the study has none")


class ModelsPlan(Record):
    """For the stage models: only what weights and loading depend on, so that nothing else repeats a training."""

    models: Annotated[TrainedStudy | LoadedModels, Field(discriminator="kind")] = Field(
        description="the models of the study"
    )
    threads: int | None = Field(description="CPU threads; null: torch's own number")


class InstructionsPlan(Record):
    """For the stage instructions: which set, from exactly which data."""

    name: Name = Field(description="the set's name in params.yaml")
    set: InstructionSet = Field(description="the set; a hub revision is a commit")
    source_hash: Hash | None = Field(description="hash of a local source file; null for other sources")
    microworld_seed: int | None = Field(description="seed of the world, for the microworld set")
    limit: int | None = Field(description="number of instructions to keep; null: all")
    required_tasks: tuple[str, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="tasks that the set must have, since temperatures are set by them; left out: none",
    )


class HelperPlan(Record):
    """The model that steps in where another one answers, and how it is asked."""

    system: Name | None = Field(description="the system of the aligned model that it is; null: a model of its own")
    model: PlannedLocal | None = Field(
        description="the model, asked in its own chat template; null: the aligned model of the study"
    )
    prompt_name: str | None = Field(description="COLLECTION/NAME; null: the tokenizer's chat template")
    prompt: Prompt | None = Field(description="the prompt version, whole; null: the chat template")
    prompt_hash: Hash | None = Field(description="content hash of the prompt version")
    decoding: Decoding = Field(description="its tokens are chosen by temperature, top_p and repetition_penalty of this")
    date: Day | None = Field(description="the day that its chat template is told; null: it is not asked for one")

    @property
    def label(self) -> str:
        """The helper in a message: the name of its system, or the model."""
        return self.system or (self.model.label if self.model else "the aligned model")


class BlendPlan(Record):
    """What makes a system a blend of two models, or the control of one."""

    base: Name = Field(description="the system of the base model whose prompt and decoding it has")
    helper: HelperPlan = Field(description="the model that steps in")
    rule: BlendRule = Field(description="when and how it steps in; of a control, the rule that it is the control of")
    microworld_seed: int | None = Field(
        description="seed of the world whose truth splits style from knowledge; null: no truth is known"
    )
    untuned: PlannedLocal | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what the helper was before it was tuned, of a rule that names it; absent: the rule names none",
    )
    control_of: Name | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the blend in whose share of places the helper steps in here, at random ones; absent: it is no control",
    )
    left_out: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="whether it has no rows, since one of its models is not there, or not loaded by the stage; absent: it has",
    )

    @property
    def label(self) -> str:
        """The blend as it stands behind a prompt's name, such as `nudge 0.4 by aligned`."""
        by = f"by {self.helper.label}"
        if self.control_of is not None:
            return f"random places {by}"
        return f"{rule_label(self.rule)} {by}"


class SystemPlan(Record):
    """For the stages assemble and generate of one system; for the stage blend, of a blend or its control."""

    system: Name = Field(description="the system")
    model: Role = Field(description="which model of the study answers")
    prompt_name: str | None = Field(description="COLLECTION/NAME; null: the tokenizer's chat template")
    prompt: Prompt | None = Field(description="the prompt version, whole; null: the chat template")
    prompt_hash: Hash | None = Field(description="content hash of the prompt version")
    ablation: Ablation | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what was changed in the prompt version of that name, which `prompt` and its hash already are; left out: nothing",
    )
    blend: BlendPlan | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the model that answers along with this one; left out: it answers alone",
    )
    decoding: Decoding = Field(description="resolved decoding")
    generation: Generation = Field(description="how answers are computed")
    threads: int | None = Field(description="CPU threads; null: torch's own number")
    date: Day | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the day that the model's chat template is told where it asks for it; absent: no template is used "
        "here that could ask",
    )
    thinking: Thinking | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="how the study's models mark thinking, as in params.yaml; absent: by the tags that are known, if at all",
    )
    server: ServerReference | EngineSettings | None = Field(
        default=None,
        description="the model on its server, or the server that is started for it, as in params.yaml; null: it is "
        "loaded by the stage itself",
    )

    @property
    def prompt_label(self) -> str:
        """The prompt as tables have it, such as `microworld/urial-k3, answers shuffled`."""
        name = self.prompt_name or "chat template"
        return ", ".join([name, *(part.label for part in (self.ablation, self.blend) if part)])

    @property
    def of_helper(self) -> "SystemPlan":
        """The plan by which a blend's helper is asked, in rows of the blend, with the room that the blend's answers need."""
        if self.blend is None:
            raise TypeError(f"{self.system} is no blend")
        helper = self.blend.helper
        return self.model_copy(
            update={
                "model": "aligned",
                "prompt_name": helper.prompt_name,
                "prompt": helper.prompt,
                "prompt_hash": helper.prompt_hash,
                "ablation": None,
                "blend": None,
                "decoding": helper.decoding.model_copy(update={"max_new_tokens": self.decoding.max_new_tokens}),
                "date": helper.date,
            }
        )

    @property
    def thinks(self) -> bool | None:
        """What the chat template is told about thinking; None: nothing."""
        return None if self.thinking is None else self.thinking.enabled

    @property
    def files_are_here(self) -> bool:
        """Whether the model's files, and so its tokenizer and configuration, are on this machine."""
        return not isinstance(self.server, ServerReference)


class TokenShiftPlan(Record):
    """For the stages token_shift and given_shift."""

    token_shift: TokenShiftParams = Field(
        description="the parameters of every measurement; which given answers there are is in dvc.yaml, so that one more measures "
        "no others again"
    )
    microworld_seed: int | None = Field(description="seed of the world whose truth splits style from knowledge")
    threads: int | None = Field(description="CPU threads; null: torch's own number")
    server: ServerReference | None = Field(
        default=None, description="the base model on its server, as in params.yaml; null: it is loaded here"
    )


class RulesPlan(Record):
    """The embedded rules."""

    kind: Literal["rules"] = Field(description="the embedded rules")
    microworld_seed: int | None = Field(description="seed of the world that the rules know; null: none")


class PlannedRubrics(Record):
    """What is asked about each category of instructions, whole."""

    regular: PlannedRubric = Field(description="about regular instructions")
    safety: PlannedRubric = Field(description="about safety instructions")
    reference: PlannedRubric | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="about regular instructions that have reference answers; left out: the judge has none",
    )


class _ModelPlan(Record):
    """What judges that are language models have in common."""

    rubrics: PlannedRubrics = Field(description="what it is asked")
    references: PlannedReferences | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the reference answers that it is shown; left out: none",
    )


class OpenAIPlan(_ModelPlan):
    """A judge on a server."""

    kind: Literal["openai"] = Field(description="a model on a server of OpenAI's protocol")
    judge: OpenAIJudge = Field(description="the judge, as in params.yaml")
    price: Price | None = Field(description="what it costs; null: no price is known")


class TransformersPlan(_ModelPlan):
    """A judge in this process."""

    kind: Literal["transformers"] = Field(description="a model loaded through transformers")
    judge: TransformersJudge = Field(description="the judge, as in params.yaml")
    model: PlannedLocal = Field(description="the judge model, resolved")
    date: Day | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the day that the model's chat template is told; absent: it does not ask for it",
    )
    threads: int | None = Field(description="CPU threads; null: torch's own number")


class JudgePlan(Record):
    """For the stage judge. Both are null where the run has no judge."""

    name: Name | None = Field(description="the judge's name in params.yaml")
    judge: Annotated[RulesPlan | OpenAIPlan | TransformersPlan, Field(discriminator="kind")] | None = Field(
        description="the judge"
    )


class PreferencesPlan(Record):
    """For the stage preferences; which systems are compared is in dvc.yaml, so that one more runs no other again."""

    baseline: Name | None = Field(description="a system, or published outputs; null: nothing is compared")
    orders: Orders = Field(description="both, or one, which the instruction's text decides")
    name: Name | None = Field(description="the judge's name in params.yaml; null: there is none")
    judge: Annotated[RulesPlan | OpenAIPlan | TransformersPlan, Field(discriminator="kind")] | None = Field(
        description="the judge, with what the form of the verdict asks of it; null: there is none"
    )
    rubric: PlannedPreferenceRubric | None = Field(description="what it is asked; null: the embedded rules, or nobody")


class SafetyDepthPlan(Record):
    """For the stage safety_depth; whose answers are begun is in dvc.yaml, so that one more system runs no other again."""

    answers: dict[GivenKind, Name] = Field(
        description="by kind, the given texts, which lie beside systems' answers; empty: there are none, and nothing is run"
    )
    tokens: tuple[int, ...] = Field(description="how many of a text's first tokens, each once, in rising order")
    microworld_seed: int | None = Field(
        description="seed of the world whose truth is known about the instructions; null: none is"
    )


class PlannedDepth(SafetyDepthPlan):
    """The same for the report."""

    systems: tuple[Name, ...] = Field(description="systems whose answers are begun, without those left out")


class ReportPlan(Record):
    """For the stage report."""

    report: ReportParams = Field(description="how numbers are summarized")
    study: Name = Field(description="the study's name")
    instructions: Name = Field(description="the instruction set's name")
    systems: tuple[Name, ...] = Field(
        description="systems in the order of params.yaml, then blends, each with its control, without those left out"
    )
    blends: tuple[Name, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="those of the systems that are blends, without their controls; left out: none",
    )
    answer_system: Name = Field(description="the system whose answers the token shift measures under `base_systems`")
    base_systems: tuple[Name, ...] = Field(description="base contexts of the token shift of those answers")
    given: tuple[ShiftMeasurement, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="measurements of given answers, in the order of params.yaml; left out: none",
    )
    compared: tuple[Name, ...] = Field(default=(), description="systems that are compared with the baseline")
    baseline: Name | None = Field(default=None, description="what they are compared with; null: nothing is compared")
    published: tuple[Name, ...] = Field(default=(), description="published outputs, in the order of params.yaml")
    safety_depth: PlannedDepth | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="whose answers to unsafe requests are begun, and how; left out: nobody's",
    )
    left_out: LeftOut = Field(
        default=LeftOut(),
        exclude_if=lambda value: value == LeftOut(),
        description="what the run has no rows of, since its study lacks a model or the stages do not load it; left out: nothing",
    )

    @property
    def blended(self) -> tuple[Name, ...]:
        """The blends, each with its control."""
        return blended_systems(self.blends)

    @property
    def own_systems(self) -> tuple[Name, ...]:
        """The systems of one model, which answer by themselves."""
        return tuple(name for name in self.systems if name not in self.blended)

    @property
    def measurements(self) -> tuple[ShiftMeasurement, ...]:
        """Everything that the token shift measures: the aligned system's answers under each base system, then given ones."""
        own = (
            ShiftMeasurement(name=name, answers=self.answer_system, base_system=name, aligned_system=self.answer_system)
            for name in self.base_systems
        )
        return (*own, *self.given)

    @property
    def read(self) -> dict[Name, tuple[Name, Name]]:
        """By measurement, whose answers the aligned model reads behind whose prompts: those that have both in common compare."""
        return {row.name: (row.answers, row.aligned_system) for row in self.measurements}
