"""Measures answers behind the prompts of a pair, and says which answers could not be measured.

The base model is here or on a server, and its tokens are the aligned one's by id or by their characters. Each of the two
routes has the coverage of all answers, the keys of what it keeps in the row cache, and rows().
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from urial.core.progress import progress, waiting
from urial.core.row_cache import RowCache
from urial.records.base import Hash
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage
from urial.token_shift.measure.answers import AnswerReader
from urial.token_shift.measure.inputs import ShiftInputs
from urial.token_shift.measure.matching import require_same_tokens
from urial.token_shift.measure.measure import ModelMeasurement, PairedTeacherForced, PairMeasurement
from urial.token_shift.measure.measured_batches import Columns, Measurement
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
    inputs.require_complete()
    if isinstance(read_manifest(folders["base"]).source, ServerModel):
        return measure_served(plan, inputs, folders, cache)
    if isinstance(read_manifest(folders["aligned"]).source, ServerModel):
        return iter(()), [
            inputs.unmeasured(index, "unsupported", UNSUPPORTED) for index in range(len(inputs.instructions))
        ]
    route = LocalRoute(plan, inputs, folders, cache)
    return in_groups(route.rows()), route.coverage


class LocalRoute:
    """Both models are here. With the same tokens, both are measured and the divergences; with tokenizers that differ,
    each is measured by itself."""

    def __init__(
        self, plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
    ) -> None:
        self.cache = cache
        with waiting("reading the answers by both tokenizers"):
            self.reader = AnswerReader(plan, inputs, folders, base=True)
            matched = self.reader.matched()
            self.coverage = self.reader.coverage(matched)
        self.answers = {
            index: answer
            for index, answer in enumerate(matched)
            if answer and self.coverage[index].status == "measured"
        }

    def keys(self) -> set[Hash]:
        """The keys of the rows that it keeps in the row cache. No model is loaded."""
        return {key for measurement in self.measurements() for key in measurement.keys} if self.answers else set()

    def rows(self) -> Iterator["pa.Table"]:
        """One table an answer, in the order of the instructions.

        Raises UrialError for a token that is another one to the base tokenizer.
        """
        if not self.answers:
            return
        name = self.reader.inputs.measurement.name
        columns = dict(progress(self._columns(), len(self.answers), name))
        for index, answer in self.answers.items():
            rows = self.reader.rows(index, [place for place, _ in answer.pairs])
            yield shift_table(rows, columns.pop(index), self.reader.texts)

    def _columns(self) -> Iterator[tuple[int, Columns]]:
        """Yields (index of the instruction, columns of the positions that are compared), shortest answers first."""
        indices, columns = list(self.answers), {index: Columns() for index in self.answers}
        measurements = self.measurements()
        # A pair of matched positions is of the aligned answer first; by id, the two are the same.
        for side, measurement in zip((1, 0), measurements, strict=False):
            for number, measured in measurement.columns():
                index = indices[number]
                places = np.asarray([pair[side] for pair in self.answers[index].pairs], int)
                columns[index] |= {name: values[places] for name, values in measured.items()}
                if measurement is measurements[-1]:
                    yield index, columns[index]

    def measurements(self) -> Sequence[Measurement]:
        """One of both models together, or, by text, one of the base model and one of the aligned model."""
        reader, answers = self.reader, list(self.answers.values())
        if reader.by_text:
            return [
                ModelMeasurement(
                    role,
                    reader.model(role),
                    reader.teacher_forced(role, self.answers),
                    reader.settings,
                    cache=self.cache,
                )
                for role in ROLES
            ]
        pairs = [pair for answer in answers for pair in zip(answer.kept, answer.base_ids, strict=True)]
        compared = {token for token, other in pairs if token == other}
        base_tokenizer, aligned_tokenizer = (reader.tokenizers[role] for role in ROLES)
        require_same_tokens(base_tokenizer, aligned_tokenizer, compared, reader.end_tokens.ids)
        base, aligned = (reader.teacher_forced(role, self.answers) for role in ROLES)
        return [
            PairMeasurement(
                (reader.model("base"), reader.model("aligned")),
                list(map(PairedTeacherForced, base, aligned)),
                reader.settings,
                reader.end_tokens.exchanged(answers),
                self.cache,
            )
        ]
