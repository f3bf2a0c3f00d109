"""A measurement that was killed goes on where it was, and ends as if undisturbed."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from tests.conftest import ROOT
from tests.token_shift.contexts import TEXTS, make_inputs, plan
from tests.token_shift.reference import make_answers, measurement, pair
from urial.core.parquet import write_parquet
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.records.token_shift import shift_schema
from urial.token_shift.measure.answers import AnswerReader
from urial.token_shift.measure.context import LocalRoute, measure_context
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import LocalModel, PairMeasurement
from urial.token_shift.measure.measured_batches import Columns, MeasuredBatch

MANY = [f"{text} It has {number} bridges." for number in range(12) for text in TEXTS if text]

KILLED = """
import sys, time
from pathlib import Path
from tests.token_shift.test_measured_batches import measure
from urial.core.row_cache import RowCache
put = RowCache.put
def slowly(self, key, row):
    put(self, key, row)
    print("kept", flush=True)
    time.sleep(1)
RowCache.put = slowly
measure({"base": Path(sys.argv[1]), "aligned": Path(sys.argv[2])}, Path("out"), Path("rows"), align_by=sys.argv[3])
"""


def measure(folders: Mapping[str, Path], out: Path, rows: Path, **changes: Any) -> None:
    """What the stage does, in batches of a few answers."""
    with RowCache(rows) as cache:
        changed = plan(**{"memory_mib": 1, **changes})
        tables, coverage = measure_context(changed, make_inputs(MANY), folders, cache)
        write_parquet(out.with_suffix(".parquet"), tables, shift_schema())
    write_jsonl(out.with_suffix(".coverage.jsonl"), coverage)


def kept(rows: Path) -> dict[str, str]:
    with sqlite3.connect(f"file:{rows / 'rows.sqlite'}?mode=ro", uri=True) as connection:
        return dict(connection.execute("SELECT key, value FROM rows"))


@pytest.mark.parametrize("align_by", ["ids", pytest.param("text", marks=pytest.mark.thorough)])
def test_a_killed_measurement_measures_only_the_rest_and_ends_as_if_undisturbed(
    folders: dict[str, Path], align_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", KILLED, str(folders["base"]), str(folders["aligned"]), align_by]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"kept\n"] * 2
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    finished = kept(tmp_path / "rows")
    assert not (tmp_path / "out.parquet").exists()
    measured: list[Sequence[list[int]]] = []
    original = PairMeasurement.measure

    def counted(self: PairMeasurement, batches: Sequence[list[int]]) -> Iterator[Columns]:
        measured.append(batches)
        return original(self, batches)

    monkeypatch.setattr(PairMeasurement, "measure", counted)
    measure(folders, tmp_path / "out", tmp_path / "rows", align_by=align_by)
    measure(folders, tmp_path / "undisturbed", tmp_path / "other-rows", align_by=align_by)
    everything = kept(tmp_path / "rows")
    assert len(everything) > len(finished) >= 2
    assert everything == kept(tmp_path / "other-rows")
    assert {key: everything[key] for key in finished} == finished
    if align_by == "ids":
        assert [len(batches) for batches in measured] == [len(everything) - len(finished), len(everything)]
    for ending in (".parquet", ".coverage.jsonl"):
        bytes_of = [(tmp_path / name).with_suffix(ending).read_bytes() for name in ("out", "undisturbed")]
        assert bytes_of[0] == bytes_of[1]


@pytest.mark.parametrize("align_by", ["ids", "text"])
def test_what_is_measured_already_needs_no_model(
    folders: dict[str, Path], align_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(folders, tmp_path / "one", tmp_path / "rows", align_by=align_by)

    def loaded(*_: Any) -> Any:
        raise AssertionError("a model is loaded")

    monkeypatch.setattr("urial.token_shift.measure.answers.prepared.prepared_model", loaded)
    measure(folders, tmp_path / "two", tmp_path / "rows", align_by=align_by, sequential=True)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    changed = plan(align_by=align_by, memory_mib=1)
    assert LocalRoute(changed, make_inputs(MANY), folders, None).keys() == set(kept(tmp_path / "rows"))


def test_a_key_holds_everything_that_can_change_a_number_and_nothing_else(folders: dict[str, Path]) -> None:
    reader = AnswerReader(plan(), make_inputs(), folders, base=True)
    models, answers = (reader.model("base"), reader.model("aligned")), make_answers(shared=True)

    def keys(
        pair_of: tuple[LocalModel, LocalModel] = models, exchanged: Mapping[int, int] | None = None, **changes: Any
    ) -> set[str]:
        chosen = changes.pop("answers", answers)
        return PairMeasurement(pair_of, chosen, Settings(**{"top_k": 2, "memory_mib": 64, **changes}), exchanged).keys

    def other(role: int, **changes: Any) -> tuple[LocalModel, LocalModel]:
        identity = models[role].identity
        assert isinstance(identity, dict)
        changed = dataclasses.replace(models[role], identity={**identity, **changes})
        return (changed, models[1]) if role == 0 else (models[0], changed)

    assert keys() == keys(sequential=True)
    more = dataclasses.replace(answers[0], base=dataclasses.replace(answers[0].base, prompt=[1, 2, 3]))
    different = [
        keys(),
        keys(top_k=3),
        keys(memory_mib=1),
        keys(exchanged={7: 8}),
        keys(answers=[more, *answers[1:]]),
        keys(answers=answers[1:]),
        keys((models[1], models[0])),
        *(keys(other(role, dtype="bfloat16")) for role in (0, 1)),
        *(keys(other(role, files={"model.safetensors": "sha256:0"})) for role in (0, 1)),
        keys(other(0, threads=7)),
    ]
    assert sum(map(len, different)) == len(set().union(*different))


def test_equal_answers_in_batches_of_their_own_are_all_measured(tmp_path: Path) -> None:
    answers = [make_answers(True)[2]] * 3
    with RowCache(tmp_path) as cache:
        for _ in range(2):
            measured = measurement(pair("llama"), answers, Settings(3, 1), cache=cache)
            measured.batches = [(measured.batches[0][0], [index]) for index in range(3)]
            assert sorted(index for index, _ in measured.columns()) == [0, 1, 2]


def test_the_numbers_of_the_row_cache_are_those_that_were_measured(tmp_path: Path) -> None:
    with RowCache(tmp_path) as cache:
        first = dict(measurement(pair("llama"), make_answers(True), Settings(3, 1), cache=cache).columns())
        again = dict(measurement(pair("llama"), make_answers(True), Settings(3, 1), cache=cache).columns())
    assert first.keys() == again.keys()
    for index, columns in first.items():
        for name, values in columns.items():
            assert (values.dtype, values.tobytes()) == (again[index][name].dtype, again[index][name].tobytes())


@given(st.integers(0, 5), st.data())
def test_any_columns_come_back_with_the_same_bits(positions: int, data: st.DataObject) -> None:
    kinds = [(dtype, shape) for dtype in ("int32", "float32", "float64") for shape in ((), (0,), (3,))]
    column = st.sampled_from(kinds).flatmap(lambda kind: arrays.arrays(np.dtype(kind[0]), (positions, *kind[1])))
    columns: Columns = data.draw(st.dictionaries(st.text(max_size=3), column, min_size=1, max_size=3))
    row = MeasuredBatch.model_validate_json(MeasuredBatch.of(columns).model_dump_json())
    again = row.values()
    assert {name: (v.dtype, v.shape, v.tobytes()) for name, v in columns.items()} == {
        name: (v.dtype, v.shape, v.tobytes()) for name, v in again.items()
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"data": "AAAA"}, "column kl has 3 bytes, not those of 2 positions"),
        ({"data": "!"}, "column kl is no base64: "),
        ({"width": 2}, "column kl has 8 bytes, not those of 2 positions"),
        ({"dtype": "object"}, "'int32', 'float32' or 'float64'"),
    ],
)
def test_a_damaged_row_is_refused(change: dict[str, Any], problem: str) -> None:
    whole = MeasuredBatch.of({"kl": np.array([1, 2], np.float32)}).model_dump()
    whole["columns"]["kl"] |= change
    with pytest.raises(ValidationError) as caught:
        MeasuredBatch.model_validate(whole)
    assert problem in str(caught.value)
