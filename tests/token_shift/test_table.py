"""The Parquet rows of the measurement."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.tiny_models import tiny_model, tiny_tokenizer
from tests.token_shift.reference import measurement
from urial.core.parquet import read_parquet, write_parquet
from urial.records.base import Role
from urial.records.instruction import Instruction
from urial.records.token_shift import TokenShift, categories, shift_schema
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import PairedTeacherForced
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.states import TeacherForced
from urial.token_shift.measure.table import answer_rows, in_groups, shift_table, token_text

IDS = (300, *tiny_tokenizer()("🙂", add_special_tokens=False)["input_ids"], 2)
LAST = len(IDS) - 1
TEXT = token_text(tiny_tokenizer())
TEXTS: dict[Role, Callable[[int], str]] = {"base": TEXT, "aligned": TEXT}
QUESTION = Instruction(id="q1", turns=("?",), category="regular", source="test")
# A word, and a character of several tokens.
SHOWN = "word🙂"
SPANS = [(0, 4), (4, 5), *[(5, 5)] * (LAST - 1)]
TOKENS = [(token, TEXT(token), place == LAST) for place, token in enumerate(IDS)]


def rows_of(positions: Sequence[int]) -> dict[str, list[Any]]:
    return answer_rows(QUESTION, None, SHOWN, SPANS, TOKENS, positions=positions)


@pytest.fixture(scope="module")
def columns() -> Columns:
    models = tiny_model("llama", seed=1), tiny_model("llama", seed=2)
    answers = [PairedTeacherForced(TeacherForced([1, 5], IDS), TeacherForced([1, 6, 7], IDS))]
    ((_, found),) = measurement(models, answers, Settings(top_k=3, memory_mib=64)).columns()
    return found


@pytest.fixture(scope="module")
def table(columns: Columns) -> pa.Table:
    return shift_table(rows_of(range(len(IDS))), columns, TEXTS)


def test_category_thresholds_are_the_papers() -> None:
    ranks = np.array([1, 2, 3, 4, 1_000])
    assert categories(ranks) == ["unshifted", "marginal", "marginal", "shifted", "shifted"]


def test_columns_are_the_records_fields_and_every_row_is_a_record(table: pa.Table) -> None:
    assert table.schema.names == list(TokenShift.model_fields)
    rows = [TokenShift.model_validate_json(json.dumps(row)) for row in table.to_pylist()]
    assert [row.position for row in rows] == list(range(len(IDS)))
    assert tuple(row.token_id for row in rows) == IDS
    assert [(rows[0].word_index, rows[0].word), (rows[1].word_index, rows[1].word)] == [(0, "word"), (None, None)]


def test_end_token_is_a_position_like_any_other(table: pa.Table, columns: Columns) -> None:
    row = table.to_pylist()[LAST]
    assert (row["token"], row["is_end"], row["base_rank"]) == ("<eos>", True, columns["base_rank"][LAST])
    assert [item["is_end"] for item in table.to_pylist()].count(True) == 1


def test_tokens_are_readable_and_parts_of_a_character_keep_their_raw_form(table: pa.Table) -> None:
    tokens = table["token"].to_pylist()
    assert tokens[0] == tiny_tokenizer().decode([300])
    assert tokens[1:] == [tiny_tokenizer().convert_ids_to_tokens(token) for token in IDS[1:]]
    assert not any("\ufffd" in token for token in tokens)


def test_measured_values_are_kept_as_they_are(table: pa.Table, columns: Columns) -> None:
    for name, value in columns.items():
        np.testing.assert_array_equal(np.array(table[name].to_pylist(), dtype=value.dtype), value, err_msg=name)
    for row in table.to_pylist():
        for model in ("base", "aligned"):
            assert row[f"{model}_top_logprobs"] == sorted(row[f"{model}_top_logprobs"], reverse=True)
            assert row[f"{model}_top_tokens"] == [TEXT(token) for token in row[f"{model}_top_ids"]]


def test_what_was_not_measured_is_null_and_positions_keep_their_places(columns: Columns) -> None:
    alone = {name: value[[0, LAST]] for name, value in columns.items() if name.startswith("base_")}
    rows = shift_table(rows_of([0, LAST]), alone, TEXTS).to_pylist()
    assert [(row["position"], row["token_id"]) for row in rows] == [(0, IDS[0]), (LAST, 2)]
    for row in rows:
        TokenShift.model_validate_json(json.dumps(row))
        nulls = {name for name, value in row.items() if value is None}
        assert nulls >= {"aligned_rank", "aligned_ties", "aligned_logprob", "aligned_entropy", "kl", "kl_reverse", "js"}
        assert (row["aligned_top_ids"], row["aligned_top_tokens"], row["aligned_top_logprobs"]) == ([], [], [])


def test_groups_hold_the_same_rows_in_the_same_order(table: pa.Table) -> None:
    groups = list(in_groups(iter([table] * 5), rows=2 * len(IDS)))
    assert [len(group) for group in groups] == [2 * len(IDS), 2 * len(IDS), len(IDS)]
    assert pa.concat_tables(groups).equals(pa.concat_tables([table] * 5))
    assert list(in_groups(iter([]))) == []


def test_file_has_the_schema_and_the_same_bytes_every_time(table: pa.Table, tmp_path: Path) -> None:
    contents: list[Any] = []
    for name in ("one", "two"):
        write_parquet(tmp_path / name, in_groups(iter([table, table])), shift_schema())
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    assert read_parquet(tmp_path / "one", shift_schema()).equals(pa.concat_tables([table, table]))
