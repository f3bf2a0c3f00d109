"""Measures the aligned answers under one base context and says which answers could not be measured."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.core.store import require_same_ids
from urial.local_models.loading.loading import context_length
from urial.records.base import Role
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage
from urial.token_shift.measure.answers import AnswerReader, ShiftInputs
from urial.token_shift.measure.coverage import covered, unmeasured
from urial.token_shift.measure.matching import MatchedAnswer, exchanged_ends, require_same_tokens
from urial.token_shift.measure.measure import ForcedAnswer, PairMeter, measure_model
from urial.token_shift.measure.table import Measured, in_groups, model_columns, shift_table
from urial.token_shift.served.route import measure_served

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, Any]
SERVED = "the aligned model is on a server, which does not give its tokens"


def measure_context(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None = None
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """Row groups of the measurement, and one coverage row an instruction. ``folders`` has base and aligned.

    A base model behind a server is asked for what it can tell, and its replies are kept in ``cache``; an aligned one
    leaves nothing to measure a local base model with, and every answer's coverage says so. Raises UrialError where
    tokenizers disagree on a token of the answers, unless the plan compares by text.
    """
    ids = [row.id for row in inputs.instructions]
    for name in ("completions", "aligned_prompts", "base_prompts"):
        require_same_ids(name.replace("_", " "), [row.instruction_id for row in getattr(inputs, name)], ids)
    if isinstance(read_manifest(folders["base"]).source, ServerModel):
        return measure_served(plan, inputs, folders, cache)
    if isinstance(read_manifest(folders["aligned"]).source, ServerModel):
        return iter(()), [unmeasured(inputs, index, "unsupported", SERVED) for index in range(len(ids))]
    reader = AnswerReader(plan, inputs, folders, base=True)
    matched = [reader.match(index) for index in range(len(ids))]
    coverage = answer_coverage(reader, matched, folders)
    answers = {index: answer for index, answer in enumerate(matched) if answer and coverage[index].status == "measured"}
    return in_groups(_tables(reader, answers)), coverage


def answer_coverage(
    reader: AnswerReader, matched: Sequence[MatchedAnswer | None], folders: Mapping[str, Path]
) -> list[ShiftCoverage]:
    """What becomes of every answer of a pair that is here, in the order of the instructions."""
    contexts = {role: context_length(folders[role]) for role in ("base", "aligned")}
    vocabulary = None if reader.ends.by_text else reader.vocabulary("base")
    rows = []
    for index, answer in enumerate(matched):
        if answer is None:
            reason = reader.inputs.completions[index].reason
            rows.append(unmeasured(reader.inputs, index, "no_answer", reason or "no answer"))
        elif (reason := _too_long(reader.inputs, index, answer, contexts)) is not None:
            rows.append(unmeasured(reader.inputs, index, "too_long", reason))
        else:
            rows.append(covered(reader.inputs, index, answer, vocabulary, answer.unmatched))
    return rows


def _too_long(inputs: ShiftInputs, index: int, answer: MatchedAnswer, contexts: Mapping[str, int | None]) -> str | None:
    sides = (("base", inputs.base_prompts, answer.base_ids), ("aligned", inputs.aligned_prompts, answer.kept))
    for role, prompts, ids in sides:
        size, context = prompts[index].n_tokens, contexts[role]
        if size is not None and context is not None and size + len(ids) > context:
            total = size + len(ids)
            return f"{role} prompt and answer have {total:,} tokens, but the {role} model's context has {context:,}"
    return None


def _tables(reader: AnswerReader, answers: Mapping[int, MatchedAnswer]) -> Iterator["pa.Table"]:
    """One table an answer, in the order of the instructions."""
    if not answers:
        return
    columns = (_by_text if reader.ends.by_text else _by_ids)(reader, answers)
    context = reader.inputs.base_prompts[0].system
    found = dict(progress(columns, len(answers), context))
    for index, answer in answers.items():
        places = [place for place, _ in answer.pairs]
        measured = Measured(places, found.pop(index), reader.base_text, reader.aligned_text)
        yield shift_table(reader.tokens(index), measured)


def _by_ids(reader: AnswerReader, answers: Mapping[int, MatchedAnswer]) -> Iterator[tuple[int, Columns]]:
    """Columns of each answer's measurement, shortest first: both models' numbers and their divergences."""
    same = (
        (token, other) for answer in answers.values() for token, other in zip(answer.kept, answer.base_ids, strict=True)
    )
    compared = {token for token, other in same if token == other}
    require_same_tokens(reader.base_tokenizer, reader.aligned_tokenizer, compared, reader.ends.ids)
    indices = list(answers)
    forced = list(map(ForcedAnswer, reader.forced("base", answers), reader.forced("aligned", answers)))
    meter = PairMeter(reader.loader("base"), reader.loader("aligned"), reader.settings)
    for number, arrays in meter.measure(forced, exchanged_ends(list(answers.values()), reader.ends)):
        columns = {**model_columns("base", arrays.base), **model_columns("aligned", arrays.aligned)}
        yield indices[number], {**columns, "kl": arrays.kl, "kl_reverse": arrays.kl_reverse, "js": arrays.js}


def _by_text(reader: AnswerReader, answers: Mapping[int, MatchedAnswer]) -> Iterator[tuple[int, Columns]]:
    """The same without divergences: each model has its own vocabulary, and is measured by itself."""
    indices, found = list(answers), {index: Columns() for index in answers}
    sides: tuple[tuple[Role, int], ...] = (("base", 1), ("aligned", 0))
    for role, side in sides:
        for number, arrays, _ in measure_model(reader.loader(role), reader.forced(role, answers), reader.settings):
            index = indices[number]
            places = np.asarray([pair[side] for pair in answers[index].pairs], int)
            found[index].update({name: values[places] for name, values in model_columns(role, arrays).items()})
    yield from found.items()
