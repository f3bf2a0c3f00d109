"""Measures the aligned answers under one base system and says which answers could not be measured.

There are four routes: the base model is here or on a server, and its tokens are the aligned one's by id or by their
characters. Each is a class with the coverage of all answers, the keys of what it keeps in the row cache, and rows().
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.core.store import require_same_ids
from urial.local_models.loading.loading import context_length
from urial.records.base import Hash, Role
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage
from urial.token_shift.measure.answers import AnswerReader, ShiftInputs
from urial.token_shift.measure.matching import MatchedAnswer, require_same_tokens
from urial.token_shift.measure.measure import ModelMeasurement, PairedTeacherForced, PairMeasurement
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.table import ROLES, in_groups, shift_table
from urial.token_shift.served.route import measure_served

if TYPE_CHECKING:
    import pyarrow as pa

UNSUPPORTED = "the aligned model is on a server, which does not give its tokens"


def measure_context(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None = None
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """Row groups of the measurement, and one coverage row an instruction. ``folders`` has base and aligned.

    What was measured goes to ``cache`` at once, as do a server's replies. An aligned model on a server leaves nothing to
    measure a local base model with, and every answer's coverage says so. Raises UrialError where tokenizers disagree on a
    token of the answers, unless the plan aligns them by text.
    """
    ids = [row.id for row in inputs.instructions]
    for name in ("completions", "aligned_prompts", "base_prompts"):
        require_same_ids(name.replace("_", " "), [row.instruction_id for row in getattr(inputs, name)], ids)
    if isinstance(read_manifest(folders["base"]).source, ServerModel):
        return measure_served(plan, inputs, folders, cache)
    if isinstance(read_manifest(folders["aligned"]).source, ServerModel):
        return iter(()), [inputs.unmeasured(index, "unsupported", UNSUPPORTED) for index in range(len(ids))]
    route = local_route(plan, inputs, folders, cache)
    return in_groups(route.rows()), route.coverage


def local_route(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
) -> "PairById | PairByText":
    """The route of a pair that is here."""
    reader = AnswerReader(plan, inputs, folders, base=True)
    return (PairByText if reader.by_text else PairById)(reader, cache)


def answer_coverage(
    reader: AnswerReader, matched: Sequence[MatchedAnswer | None], folders: Mapping[str, Path]
) -> list[ShiftCoverage]:
    """What becomes of every answer of a pair that is here, in the order of the instructions."""
    windows = {role: context_length(folders[role]) for role in ROLES}
    vocabulary = None if reader.by_text else reader.vocabulary("base")
    rows = []
    for index, answer in enumerate(matched):
        if answer is None:
            rows.append(reader.inputs.unmeasured(index, "no_answer", "no answer"))
        elif (reason := _exceeds_context(reader.inputs, index, answer, windows)) is not None:
            rows.append(reader.inputs.unmeasured(index, "too_long", reason))
        else:
            rows.append(reader.inputs.covered(index, answer, vocabulary, answer.unmatched))
    return rows


def _exceeds_context(
    inputs: ShiftInputs, index: int, answer: MatchedAnswer, windows: Mapping[Role, int | None]
) -> str | None:
    for role in ROLES:
        prompts = inputs.base_prompts if role == "base" else inputs.aligned_prompts
        ids, size, window = answer.ids_for(role), prompts[index].n_tokens, windows[role]
        if size is not None and window is not None and size + len(ids) > window:
            total = size + len(ids)
            return f"{role} prompt and answer have {total:,} tokens, but the {role} model's context has {window:,}"
    return None


class PairByText:
    """Both models are here, with tokenizers that differ: each is measured by itself, without divergences."""

    def __init__(self, reader: AnswerReader, cache: RowCache | None) -> None:
        self.reader, self.cache = reader, cache
        matched = [reader.match(index) for index in range(len(reader.inputs.instructions))]
        self.coverage = answer_coverage(reader, matched, reader.folders)
        self.answers = {
            index: answer
            for index, answer in enumerate(matched)
            if answer and self.coverage[index].status == "measured"
        }

    def keys(self) -> set[Hash]:
        """The keys of the rows that it keeps in the row cache. No model is loaded."""
        return {key for measurement in self._measurements() for key in measurement.keys} if self.answers else set()

    def rows(self) -> Iterator["pa.Table"]:
        """One table an answer, in the order of the instructions."""
        if not self.answers:
            return
        columns = dict(progress(self.columns(), len(self.answers), self.reader.inputs.base_prompts[0].system))
        for index, answer in self.answers.items():
            positions = [place for place, _ in answer.pairs]
            yield shift_table(self.reader.tokens(index), positions, columns.pop(index), self.reader.texts)

    def columns(self) -> Iterator[tuple[int, Columns]]:
        """Yields (index of the instruction, columns of the positions that are compared)."""
        indices, columns = list(self.answers), {index: Columns() for index in self.answers}
        # A pair of matched positions is of the aligned answer first.
        for side, measurement in zip((1, 0), self._measurements(), strict=True):
            for number, measured in measurement.columns():
                places = np.asarray([pair[side] for pair in self.answers[indices[number]].pairs], int)
                columns[indices[number]] |= {name: values[places] for name, values in measured.items()}
        yield from columns.items()

    def _measurements(self) -> "Sequence[ModelMeasurement | PairMeasurement]":
        reader = self.reader
        return [
            ModelMeasurement(
                role, reader.model(role), reader.teacher_forced(role, self.answers), reader.settings, cache=self.cache
            )
            for role in ROLES
        ]


class PairById(PairByText):
    """Both models are here and share their tokens: both models' numbers and the divergences."""

    def columns(self) -> Iterator[tuple[int, Columns]]:
        """Shortest answers first. Raises UrialError for a token that is another one to the base tokenizer."""
        indices = list(self.answers)
        (measurement,) = self._measurements()
        for number, columns in measurement.columns():
            yield indices[number], columns

    def _measurements(self) -> Sequence[ModelMeasurement | PairMeasurement]:
        reader, answers = self.reader, list(self.answers.values())
        pairs = [pair for answer in answers for pair in zip(answer.kept, answer.base_ids, strict=True)]
        compared = {token for token, other in pairs if token == other}
        require_same_tokens(reader.base_tokenizer, reader.aligned_tokenizer, compared, reader.end_tokens.ids)
        sides = (reader.teacher_forced(role, self.answers) for role in ROLES)
        return [
            PairMeasurement(
                (reader.model("base"), reader.model("aligned")),
                [PairedTeacherForced(base, aligned) for base, aligned in zip(*sides, strict=True)],
                reader.settings,
                reader.end_tokens.exchanged(answers),
                self.cache,
            )
        ]
