"""Measuring one base context from records and real model folders."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.tiny_models import CONTEXT, save_folder, tiny_model
from tests.token_shift.contexts import TEXTS, encoded, make_inputs, plan
from urial.core.errors import UrialError
from urial.microworld.world.world import world_source
from urial.records.token_shift import shift_schema
from urial.token_shift.measure.context import measure_context


def test_every_token_of_every_answer_is_a_row_the_end_token_too(folders: dict[str, Path]) -> None:
    tables, coverage = measure_context(plan(), make_inputs(), folders)
    table = pa.concat_tables(tables)
    assert table.schema.equals(shift_schema())
    rows: list[dict[str, Any]] = table.to_pylist()
    for number in (0, 2):
        mine = [row for row in rows if row["instruction_id"] == f"q{number}"]
        assert [row["token_id"] for row in mine] == [*encoded(str(TEXTS[number])), 2]
        assert [row["is_end"] for row in mine] == [*[False] * (len(mine) - 1), True]
        assert "".join(row["token"] for row in mine if row["kind"] == "knowledge").split()[-1] == "Karmost"
    assert [row["instruction_id"] for row in rows] == sorted(row["instruction_id"] for row in rows)
    assert [(row.status, row.positions, row.reason) for row in coverage] == [
        ("measured", len(encoded(str(TEXTS[0]))) + 1, None),
        ("no_answer", 0, "no room"),
        ("measured", len(encoded(str(TEXTS[2]))) + 1, None),
    ]


@pytest.mark.parametrize(("seed", "source"), [(None, world_source(0)), (0, "just-eval")])
def test_kinds_are_null_where_no_truth_is_known(seed: int | None, source: str, folders: dict[str, Path]) -> None:
    tables, _ = measure_context(plan(seed), make_inputs(source=source), folders)
    assert set(pa.concat_tables(tables)["kind"].to_pylist()) == {None}


def test_answer_that_does_not_fit_behind_the_base_prompt_is_recorded_as_too_long(folders: dict[str, Path]) -> None:
    inputs = make_inputs(("Hi.",), base_text="word\n" * 300)
    tables, (row,) = measure_context(plan(), inputs, folders)
    prompt_tokens = inputs.base_prompts[0].n_tokens
    assert prompt_tokens is not None
    total = prompt_tokens + len(encoded("Hi.")) + 1
    assert total > CONTEXT
    assert list(tables) == []
    assert (row.status, row.positions) == ("too_long", 0)
    assert row.reason == f"base prompt and answer have {total:,} tokens, but the base model's context has {CONTEXT:,}"


def test_no_instructions_give_no_rows(folders: dict[str, Path]) -> None:
    tables, coverage = measure_context(plan(), make_inputs(()), folders)
    assert (list(tables), coverage) == ([], [])


def test_tokenizers_that_disagree_stop_the_measurement(folders: dict[str, Path], tmp_path: Path) -> None:
    other = save_folder(tmp_path / "other", tiny_model("llama"))
    path, wanted = other / "tokenizer.json", encoded(".")[0]
    text = path.read_text("utf-8")
    assert text.count(f'".": {wanted},') == 1
    path.write_text(text.replace(f'".": {wanted},', '".": 65000,'), "utf-8")
    with pytest.raises(
        UrialError, match=rf"^token id {wanted} is None to the base tokenizer and '\.' to the aligned one"
    ):
        list(measure_context(plan(), make_inputs(), {**folders, "base": other})[0])
