"""Files of measurements: read whole and checked, or refused with what is wrong."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.token_shift.measured import SHIFTED, UNSHIFTED, coverage_of, covered, lost, served, table_of, token, written
from urial.core.errors import UrialError
from urial.core.parquet import write_parquet
from urial.records.token_shift import shift_schema
from urial.token_shift.files.measurements import read_measurements

TABLE = table_of({"a": [token(SHIFTED), token(UNSHIFTED)], "b": [served(None, kind="style")]})
OF_OURS = "\n  expected: a table of `urial token-shift measure` or of the stage token_shift"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(*arguments: str) -> str:
    with pytest.raises(UrialError) as caught:
        read_measurements(arguments)
    return str(caught.value)


def refused_table(table: pa.Table) -> str:
    write_parquet(Path("m.parquet"), [table], shift_schema())
    return refused("m.parquet")


def changed(column: str, values: list[Any]) -> pa.Table:
    """TABLE with other values in one column."""
    field = TABLE.schema.field(column)
    return TABLE.set_column(TABLE.schema.get_field_index(column), field, pa.array(values, field.type))


def test_a_file_is_read_with_the_coverage_beside_it() -> None:
    coverage = [*coverage_of(TABLE), lost("c", "too_long")]
    written(Path("sub/base-urial.parquet"), TABLE, coverage)
    written(Path("bare.v2.parquet"), TABLE)
    first, second, named = read_measurements(["sub/base-urial.parquet", "bare.v2.parquet", "Vicuna_7b=bare.v2.parquet"])
    assert (first.name, second.name, named.name) == ("base-urial", "bare.v2", "Vicuna_7b")
    assert first.table.equals(TABLE)
    assert (first.coverage, second.coverage, named.path) == (coverage, None, Path("bare.v2.parquet"))


def test_a_path_with_an_equals_sign_is_a_path_where_there_is_such_a_file() -> None:
    written(Path("k=3/x.parquet"), TABLE)
    assert read_measurements(["k=3/x.parquet"])[0].name == "x"
    assert read_measurements(["y=k=3/x.parquet"])[0].name == "y"


def test_two_of_one_name_are_refused() -> None:
    assert refused("x/a.parquet", "y/a.parquet") == (
        "two measurements have the name 'a'\n  fix: name them apart: NAME=FILE"
    )


@pytest.mark.parametrize("argument", ["my file.parquet", "=a.parquet", "../x=a.parquet", "-a.parquet"])
def test_a_name_that_is_none_is_refused(argument: str) -> None:
    assert "is no name\n  expected: letters, digits, dots, underscores and hyphens, a letter or digit first" in refused(
        argument
    )


def test_a_missing_file_is_named() -> None:
    assert refused("gone.parquet") == f"gone.parquet: no such file{OF_OURS}"
    Path("folder").mkdir()
    assert refused("folder") == f"folder: no such file{OF_OURS}"


def test_a_file_that_is_no_parquet_is_refused() -> None:
    Path("m.parquet").write_text("no")
    assert refused("m.parquet").startswith("m.parquet: cannot be read as Parquet: ")
    assert refused("m.parquet").endswith(OF_OURS)


def test_other_columns_are_named() -> None:
    pq.write_table(TABLE.drop_columns(["js", "label"]), "m.parquet")
    assert refused("m.parquet") == f"m.parquet: other columns than expected: js, label{OF_OURS}"


def test_an_empty_table_is_refused_with_the_reason_that_its_coverage_has() -> None:
    written(Path("m.parquet"), table_of({}))
    assert refused("m.parquet") == "m.parquet: no position was measured"
    written(Path("m.parquet"), table_of({}), [lost("a", "unsupported")])
    assert refused("m.parquet") == "m.parquet: no position was measured: it is unsupported"


def test_a_null_where_none_may_stand_is_refused() -> None:
    for column in ("instruction_id", "position", "token", "category", "label", "part", "base_logprob"):
        values = TABLE[column].to_pylist()
        assert (
            refused_table(changed(column, [None, *values[1:]])) == f"m.parquet: column '{column}' has a null{OF_OURS}"
        )


def test_nulls_are_read_wherever_they_may_stand() -> None:
    required = {"instruction_id", "position", "token", "is_end", "category", "label", "part", "base_logprob"}
    rows = [
        {name: value if name in required or isinstance(value, list) else None for name, value in row.items()}
        for row in TABLE.to_pylist()
    ]
    written(Path("m.parquet"), pa.Table.from_pylist(rows, schema=TABLE.schema))
    assert read_measurements(["m.parquet"])[0].table["kl"].null_count == 3


@pytest.mark.parametrize(
    ("column", "value", "known"),
    [
        ("category", "moved", "unshifted, marginal, shifted"),
        (
            "label",
            "\x1b[31m",
            "greeting, discourse, hedging, refusal, closing, markup, number, punctuation, function_word, content_word, end",
        ),
        ("kind", "truth", "style, knowledge"),
        ("part", "preamble", "thinking, tag, answer"),
        ("move", "guess", "plan, check, backtrack, conclude"),
    ],
)
def test_a_value_that_is_not_known_is_named(column: str, value: str, known: str) -> None:
    table = changed(column, [*TABLE[column].to_pylist()[:2], value])
    assert refused_table(table) == f"m.parquet: column '{column}' has {value!r}\n  expected: one of {known}"


@pytest.mark.parametrize("column", ["position", "word_index"])
def test_a_number_below_zero_is_refused(column: str) -> None:
    assert refused_table(changed(column, [0, 1, -2])) == (
        f"m.parquet: column '{column}' has -2\n  expected: numbers from 0"
    )


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf")])
def test_candidates_that_are_no_probabilities_are_refused(value: float) -> None:
    assert refused_table(changed("aligned_top_logprobs", [[-1.0, value], [], []])) == (
        "m.parquet: column 'aligned_top_logprobs' has a number that is no logarithm of a probability\n  expected: at most 0"
    )
    assert refused_table(changed("base_top_ids", [[], [1, None], []])) == (
        f"m.parquet: column 'base_top_ids' has a null in a list{OF_OURS}"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    assert refused_table(changed("kl", [value, 0.0, None])) == (
        f"m.parquet: column 'kl' has a number that is not finite{OF_OURS}"
    )


def test_two_rows_of_a_position_are_refused() -> None:
    assert refused_table(pa.concat_tables([TABLE, TABLE.slice(1, 1)])) == (
        "m.parquet: position 1 of instruction 'a' has 2 rows"
        "\n  expected: one row a position; join no files of several contexts or models"
    )


WRITTEN_TOGETHER = "\n  expected: the coverage that was written with the table"


@pytest.mark.parametrize(
    ("coverage", "message"),
    [
        (
            [covered("a", 2), covered("b", 3)],
            f"counts other positions of instruction 'b' than the table beside it, which has 1{WRITTEN_TOGETHER}",
        ),
        (
            [covered("a", 2)],
            f"counts other positions of instruction 'b' than the table beside it, which has 1{WRITTEN_TOGETHER}",
        ),
        (
            [covered("a", 2), covered("b"), covered("c", 4)],
            f"counts other positions of instruction 'c' than the table beside it, which has 0{WRITTEN_TOGETHER}",
        ),
        (
            [covered("a", 2), covered("b", context="other")],
            "rows of two contexts, base and other\n  expected: those of one",
        ),
        (
            [covered("a", 2), covered("b"), covered("b")],
            "two rows of instruction 'b'\n  expected: one row an instruction",
        ),
    ],
)
def test_the_coverage_of_another_table_is_refused(coverage: list[Any], message: str) -> None:
    written(Path("m.parquet"), TABLE, coverage)
    assert refused("m.parquet") == f"m.coverage.jsonl: {message}"


def test_a_broken_coverage_is_named() -> None:
    written(Path("m.parquet"), TABLE)
    Path("m.coverage.jsonl").write_text("{}\n")
    assert refused("m.parquet").startswith("m.coverage.jsonl, line 1: ")
