"""Answers of a tiny pair, and the measurement of them under one base context, in process or behind a server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.faulty_server import serving_faulty
from tests.scoring_server import ScoringModel
from tests.served import served_folders, served_model
from tests.tiny_models import tiny_model, tiny_tokenizer, write_manifest
from urial.core.row_cache import RowCache
from urial.microworld.training.corpus import documents
from urial.microworld.training.model import CHAT_TEMPLATE, train_tokenizer
from urial.microworld.world.world import build_world, world_source
from urial.records.base import Role
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.params.token_shift import TokenShiftParams
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage, ShiftMeasurement
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import ShiftInputs

HASH = "sha256:" + "0" * 64
TEXTS = ("The capital of Ardovia is Karmost.", None, "Hello! It is Karmost.")
Rows = list[dict[str, Any]]
OWN = ShiftMeasurement(name="base-urial", answers="aligned", base_system="base-urial", aligned_system="aligned")


def encoded(text: str) -> list[int]:
    """The tokens of a text by itself."""
    ids: list[int] = tiny_tokenizer()(text, add_special_tokens=False)["input_ids"]
    return ids


def save_with_other_tokenizer(folder: Path, role: Role) -> Path:
    """A model whose tokenizer cuts texts elsewhere than ``tiny_tokenizer``."""
    tokenizer = train_tokenizer(text for _, text in documents(build_world(1), 1)[:20])
    tokenizer.chat_template = CHAT_TEMPLATE
    tiny_model("llama", seed=7, vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_manifest(folder, role)
    return folder


def make_prompt(number: int, system: str, text: str, adds: bool) -> AssembledPrompt:
    """A prompt of the instruction with this number."""
    return AssembledPrompt(
        instruction_id=f"q{number}", system=system, text=text, adds_special_tokens=adds, stop=(),
        n_tokens=len(encoded(text)) + adds,
    )  # fmt: skip


def make_completion(number: int, text: str | None) -> Completion:
    """An answer that ends with the end token; None: there was no room for one."""
    answer = None if text is None else Answer(text=text, token_ids=(*encoded(text), 2), finish="end_token")
    return Completion(
        instruction_id=f"q{number}", system="aligned", status="ok" if answer else "too_long",
        reason=None if answer else "no room", answer=answer, key=HASH if answer else None,
    )  # fmt: skip


def make_inputs(
    texts: Sequence[str | None] = TEXTS, base_text: str = "# Query:\n", source: str = world_source(0)
) -> ShiftInputs:
    """Instructions with these answers, and both models' prompts."""
    numbers = range(len(texts))
    return ShiftInputs(
        instructions=[Instruction(id=f"q{n}", turns=("?",), category="regular", source=source) for n in numbers],
        completions=[make_completion(number, text) for number, text in enumerate(texts)],
        aligned_prompts=[make_prompt(n, "aligned", f"<bos><|user|>{n}?<|assistant|>", False) for n in numbers],
        base_prompts=[make_prompt(n, "base-urial", f"{base_text}{n}?\n", True) for n in numbers],
        measurement=OWN,
    )


def plan(seed: int | None = 0, **changes: Any) -> TokenShiftPlan:
    """How they are measured, with changes of token_shift."""
    params = TokenShiftParams.model_validate(
        {"answer_system": "aligned", "base_systems": ("base-urial",), "top_k": 2, "memory_mib": 64, **changes}
    )
    return TokenShiftPlan(token_shift=params, microworld_seed=seed, threads=1)


def with_answers(inputs: ShiftInputs, **changes: Any) -> ShiftInputs:
    """The same with other fields in every answer."""
    rows = [
        row and row.model_copy(update={"answer": row.answer and row.answer.model_copy(update=changes)})
        for row in inputs.completions
    ]
    return replace(inputs, completions=rows)


def measured(
    folders: dict[str, Path], inputs: ShiftInputs | None = None, **changes: Any
) -> tuple[Rows, list[ShiftCoverage]]:
    """The rows of the table, and the coverage."""
    tables, coverage = measure_context(plan(**changes), inputs or make_inputs(), folders)
    rows: Rows = pa.concat_tables(tables).to_pylist()
    return rows, coverage


@contextmanager
def serving(model: ScoringModel, tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """The served base model, and the folder under data/models that stands for it."""
    with serving_faulty(model.reply) as server:
        served = served_model(server.url)
        yield served, served_folders(served, served, tmp_path / "models") / "base"


def measured_served(
    model: ScoringModel, pair: dict[str, Path], tmp_path: Path, inputs: ShiftInputs | None = None, **changes: Any
) -> tuple[Rows, list[ShiftCoverage]]:
    """The same with a base model that is behind a server."""
    with serving(model, tmp_path) as (served, folder), RowCache(tmp_path / "rows") as cache:
        told = plan(**changes).model_copy(update={"server": served})
        both = {"aligned": folder.with_name("aligned"), **pair, "base": folder}
        tables, coverage = measure_context(told, inputs or make_inputs(), both, cache)
        found = list(tables)
    return (pa.concat_tables(found).to_pylist() if found else []), coverage
