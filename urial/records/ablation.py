"""What is taken out of a prompt, or put in another's place, so that its effect can be measured.

The words for answers are those of Is In-Context Learning Sufficient? (arXiv 2405.19874), which gives a base model correct answers,
shuffled ones (a circular shift), random ones of the same domain or of another, and none.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from urial.records.base import MAX_SEED, Record

MOST_EXAMPLES = 50
Choice = Literal["greedy", "diverse", "random"]
AnswersRule = Literal["shuffled", "in-domain", "out-of-domain", "plain", "none"]
# A file below the folder of the collections: what a stage depends on is there.
POOL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$"


def _absent(value: object) -> bool:
    return value is None


def _optional(description: str, **limits: Any) -> Any:
    return Field(default=None, exclude_if=_absent, description=description, **limits)


class Ablation(Record):
    """Another prompt made of a prompt version by rule. The fields can be combined, and act in this order."""

    examples: int | None = _optional(
        "the number of examples: the first ones of the prompt, or with `choice` so many of a pool; absent: as they are",
        ge=0,
        le=MOST_EXAMPLES,
    )
    choice: Choice | None = _optional(
        "how examples are chosen from a pool instead of the prompt's own: greedy (together they cover the most words), "
        "diverse (each the most unlike those before it) or random"
    )
    pool: str | None = _optional(
        "JSONL file of the examples to choose from, its path from the folder of the collections; absent: "
        "pools/COLLECTION.jsonl",
        pattern=POOL_PATTERN,
    )
    answers: AnswersRule | None = _optional(
        "shuffled: every answer stands under another query; in-domain, out-of-domain: random answers of a pool of the same "
        "domain, or of another; plain: the same queries answered without style; none: queries alone; absent: as they are"
    )
    answer_pool: str | None = _optional(
        "JSONL file of those answers; absent: pools/COLLECTION.jsonl, the one pool of another domain, or the answers of the "
        "collection's vanilla-icl prompts and of pools/plain/COLLECTION.jsonl",
        pattern=POOL_PATTERN,
    )
    order: Literal["reversed", "permuted"] | None = _optional("the order of the examples; absent: as they are")
    queries: Literal["none"] | None = _optional("none: answers alone; absent: as they are")
    system_sentences: int | None = _optional(
        "the first so many sentences of the system text, 0: none; absent: all", ge=0, le=10_000
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=MAX_SEED,
        exclude_if=lambda value: value == 0,
        description="of all that is random; another one is another draw",
    )

    @model_validator(mode="after")
    def _rules_agree(self) -> "Ablation":
        without = "without examples there are none to change"
        for wrong, problem in [
            (not self.model_dump(exclude={"seed"}), "an ablation needs something to change"),
            (self.choice and self.examples is None, "`choice` needs `examples`, how many"),
            (self.pool and not self.choice, "`pool` needs `choice`: greedy, diverse or random"),
            (self.examples == 0 and self.choice, "`choice` chooses nothing where `examples` is 0"),
            (self.examples == 0 and (self.answers or self.order or self.queries), f"`examples` is 0: {without}"),
            (self.answers in ("none", "shuffled", None) and self.answer_pool, "`answer_pool` is of no use: no answers are taken from a pool"),
            (self.answers == "none" and self.queries, "neither queries nor answers: set `examples` to 0 instead"),
            (self.answers == "shuffled" and self.queries, "without queries, shuffled answers are permuted ones: set `order`"),
            (self.seed and not self.draws, "`seed` is of no use: nothing is random"),
        ]:  # fmt: skip
            if wrong:
                raise ValueError(problem)
        return self

    @property
    def draws(self) -> bool:
        """Whether anything is random, so that another seed is another prompt."""
        return self.choice == "random" or self.answers in ("shuffled", "in-domain", "out-of-domain") or self.order == "permuted"  # fmt: skip

    @property
    def label(self) -> str:
        """The ablation in words, as it stands behind a prompt's name.

        >>> Ablation(answers="shuffled", system_sentences=0, seed=2).label
        'answers shuffled, no system text, seed 2'
        """
        parts = [
            _examples(self.examples, self.choice),
            {None: "", "none": "no answers", "shuffled": "answers shuffled"}.get(
                self.answers, f"{self.answers} answers"
            ),
            f"examples {self.order}" if self.order else "",
            "no queries" if self.queries else "",
            _system(self.system_sentences),
            # Files: the same rule over another pool is another ablation.
            f"pool {self.pool}" if self.pool else "",
            f"answers of {self.answer_pool}" if self.answer_pool else "",
            f"seed {self.seed}" if self.seed else "",
        ]
        return ", ".join(filter(None, parts))


def _examples(count: int | None, choice: Choice | None) -> str:
    if count is None:
        return ""
    named = "no examples" if count == 0 else "1 example" if count == 1 else f"{count} examples"
    return f"{named} ({choice})" if choice else named


def _system(sentences: int | None) -> str:
    if sentences is None:
        return ""
    return "no system text" if sentences == 0 else f"{sentences} system sentence{'' if sentences == 1 else 's'}"
