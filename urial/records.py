"""The record of every file that passes between stages; ``schemas/`` is generated from here."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]
PromptName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$", max_length=200)
]
Hash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Role = Literal["base", "aligned"]
Aspect = Literal["helpfulness", "clarity", "factuality", "depth", "engagement", "safety"]
Category = Literal["unshifted", "marginal", "shifted"]
Finish = Literal["end_token", "stop_string", "length", "stop", "unknown"]
PromptForm = Literal["text", "messages"]

# Just-Eval (paper, section 4.1): five aspects for regular instructions, safety alone for the others.
REGULAR_ASPECTS: tuple[Aspect, ...] = ("helpfulness", "clarity", "factuality", "depth", "engagement")
SAFETY_ASPECTS: tuple[Aspect, ...] = ("safety",)
ASPECTS: tuple[Aspect, ...] = REGULAR_ASPECTS + SAFETY_ASPECTS

# The largest that torch takes.
MAX_SEED = 2**63 - 1
# Longer than any real instruction (the longest of Just-Eval has 1,642), short enough to stop a mistaken file.
MAX_TURN_CHARACTERS = 100_000


class Record(BaseModel):
    """A frozen record: unknown fields are refused and nothing is converted silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


class Instruction(Record):
    """One query to answer, with the tags that reports group by."""

    id: str = Field(min_length=1, max_length=200, description="unique within its set")
    turns: tuple[Annotated[str, Field(pattern=r"\S", max_length=MAX_TURN_CHARACTERS)], ...] = Field(
        min_length=1, description="the user's messages, first to last"
    )
    category: Literal["regular", "safety"] = Field(description="which aspects are judged")
    task: tuple[str, ...] = Field(default=(), description="kinds of work asked for, such as info-seek")
    topic: tuple[str, ...] = Field(default=(), description="fields of knowledge, such as nature")
    difficulty: str | None = Field(default=None, description="as tagged by the source, if it was")
    reference: str | None = Field(default=None, description="a true answer, where one is known")
    source: str = Field(description="where the instruction comes from")


class AssembledPrompt(Record):
    """The exact text that a model, or the server it is behind, is given before it answers one instruction."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system that asks")
    text: str = Field(description="the whole prompt; special tokens are in it only for chat templates")
    form: PromptForm = Field(
        default="text",
        description="text: what the model sees; messages: `text` is the JSON of chat messages, which a server lays out "
        "by the model's own template",
    )
    adds_special_tokens: bool = Field(description="whether the tokenizer still has to add BOS")
    stop: tuple[str, ...] = Field(description="strings that end the answer")
    n_tokens: int | None = Field(
        ge=1, description="prompt length in tokens, BOS included; null: only the server that has the model can count"
    )
    retrieved: tuple[int, ...] = Field(
        default=(), description="lines of the pool that the examples were taken from, in the order shown"
    )
    flag: str | None = Field(
        default=None,
        description="why the query may be read as more than a query; null: it cannot, unless it spells a special token of "
        "a server's model, which only the server knows",
    )


class Answer(Record):
    """What a model generated after a prompt."""

    text: str = Field(
        description="the answer without its stop string or end token; thinking that a server sends apart is in front of "
        "it, as <think>...</think>"
    )
    token_ids: tuple[int, ...] | None = Field(
        description="every generated token, end token and stop string included; null: the text alone is known"
    )
    finish: Finish = Field(
        description="what ended the answer; stop: a server that does not say which of end token and stop string it "
        "was; unknown: the text was imported, and its source does not say"
    )

    @property
    def known_ids(self) -> tuple[int, ...]:
        """The generated tokens. Raises ValueError where the text alone is known."""
        if self.token_ids is None:
            raise ValueError("the tokens of this answer are not known")
        return self.token_ids


class _Attempt(Record):
    """The fields of an answer that may be missing."""

    status: Literal["ok", "too_long", "no_history"] = Field(
        description="ok; too_long: the prompt left no room in the context; no_history: an earlier turn has no answer"
    )
    reason: str | None = Field(description="why there is no answer; null when ok")
    answer: Answer | None = Field(description="the answer; null unless ok")
    key: Hash | None = Field(description="content address of the answer; null when nothing was generated")

    @model_validator(mode="after")
    def _answered_or_explained(self) -> Self:
        answered = self.answer is not None and self.key is not None and self.reason is None
        explained = self.answer is None and self.key is None and self.reason is not None
        if not (answered if self.status == "ok" else explained):
            raise ValueError("status ok needs answer and key and no reason; any other needs a reason alone")
        return self


class LaterTurn(_Attempt):
    """A system's answer to the second or a later message of one instruction."""

    prompt: AssembledPrompt | None = Field(
        description="the exact text that the model saw, earlier answers included; null: an earlier turn has none"
    )


class Completion(_Attempt):
    """A system's answer to one instruction, or why there is none."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system that answered")
    later_turns: tuple[LaterTurn, ...] = Field(
        default=(), description="the second and later turns, of instructions that have them"
    )


class Loading(Record):
    """How a model is loaded through transformers."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="float32", description="weights' number format"
    )
    device_map: str = Field(default="auto", description="a device such as cpu or cuda:0, or auto to spread over all")
    quantisation: Literal["bitsandbytes-8bit", "bitsandbytes-4bit"] | None = Field(
        default=None, description="compress the weights while loading; a GPTQ or AWQ checkpoint says so itself"
    )
    trust_remote_code: bool = Field(default=False, description="run Python code that the model's author ships")


class ModelManifest(Record):
    """Which weights a model folder under data/models stands for, or which server has the model."""

    role: Role = Field(description="base or aligned")
    id: str = Field(
        description="microworld, a hub id, a local folder as named in params.yaml, or the model's name on its server"
    )
    revision: str | None = Field(description="resolved commit of a hub model, or the checkpoint of a local one")
    server: str | None = Field(
        default=None, description="base URL of the server that has the model, without query; null: it is loaded here"
    )
    files: dict[str, Hash] = Field(
        description="hash of every file that the model is loaded from; empty: which weights a server has is not known"
    )
    loading: Loading | None = Field(description="how it is loaded; null: that is the server's affair")
    embedded: bool = Field(description="whether the files lie beside this manifest")

    @model_validator(mode="after")
    def _loaded_or_served(self) -> Self:
        if self.server is None:
            if self.loading is None:
                raise ValueError("a model without a server needs loading")
        elif self.loading is not None or self.files or self.revision is not None or self.embedded:
            raise ValueError("a model behind a server has no revision, files and loading, and is not embedded")
        return self
