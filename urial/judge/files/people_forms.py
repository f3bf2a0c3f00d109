"""How tables name what people said of answers: this project's own columns, AlpacaEval's, and FastChat's."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NOT_APPLICABLE = "N/A"
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,20})?")
_LIST_LINE = re.compile(r"^\s*(?:[-*•–]|[0-9]{1,3}[.)]|[A-Za-z][.)])\s+\S", re.MULTILINE)


@dataclass(frozen=True)
class Form:
    """The columns of each field of a record, of which the first that is there is read; and how a rating is written."""

    columns: Mapping[str, tuple[str, ...]]
    # Of the rating; with :NAME behind it, one person's.
    rating: tuple[str, ...]
    # The number that a rating in a cell stands for; None: it is none.
    value: Callable[[str], float | None]
    expected: str
    # Whether any other column is a mistake.
    strict: bool = False


def has_list(text: str) -> bool:
    """Whether a line of a text begins as an entry of a list does."""
    return _LIST_LINE.search(text) is not None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _own(text: str) -> float | None:
    value = {"win": 1.0, "tie": 0.5, "loss": 0.0}.get(text, _number(text))
    return value if value is not None and value <= 1 else None


def _numbered(text: str) -> float | None:
    value = _number(text)
    if value is None or not (value == 0 or 1 <= value <= 2):
        return None
    return 0.5 if value == 0 else value - 1


def _lettered(text: str) -> float | None:
    return 0.5 if text.startswith("tie") else {"model_a": 1.0, "model_b": 0.0}.get(text)


_OWN = ("instruction_id", "query", "person", "turn", "rationale", "system")
_OF_TWO = ("baseline", "pair", "criterion", "characters", "baseline_characters", "has_list", "baseline_has_list", "answer",
           "baseline_answer")  # fmt: skip
SCORES = Form(
    {name: (name,) for name in (*_OWN, "aspect")},
    ("score",),
    _number,
    f"a number from 1 to 5, or {NOT_APPLICABLE}; overall from 1 to 10",
    strict=True,
)
PREFERENCES = Form(
    {name: (name,) for name in (*_OWN, *_OF_TWO)},
    ("preference",),
    _own,
    "win, tie, loss or a number from 0 to 1, for the system",
    strict=True,
)
# The second answer is the system's: of it AlpacaEval tells the win rate.
ALPACA_EVAL = Form(
    {
        "instruction_id": ("instruction_id", "instruction_sha256_16"), "query": ("instruction",),
        "person": ("person", "human", "annotator_index"), "system": ("generator_2", "generator"), "baseline": ("generator_1",),
        "pair": ("pair", "pair_sha256_16"), "characters": ("len_2",), "baseline_characters": ("len_1",),
        "has_list": ("list_2",), "baseline_has_list": ("list_1",), "answer": ("output_2",), "baseline_answer": ("output_1",),
    },
    ("human_preference", "preference"),
    _numbered,
    "1 for the first answer, 2 for the second, between them where it is weighted, 1.5 or 0 for a draw",
)  # fmt: skip
FASTCHAT = Form(
    {
        "instruction_id": ("question_id",), "person": ("person", "judge"), "turn": ("turn",), "system": ("model_a",),
        "baseline": ("model_b",),
    },
    ("winner",),
    _lettered,
    "model_a, model_b or tie",
)  # fmt: skip


def form_of(columns: set[str]) -> Form:
    """The form that tells itself by its columns."""
    if "model_a" in columns:
        return FASTCHAT
    if columns & {"generator_1", "output_1", "len_1"}:
        return ALPACA_EVAL
    of_two = {name.partition(":")[0] for name in columns} & {*PREFERENCES.rating, "baseline", "criterion"}
    return PREFERENCES if of_two else SCORES
