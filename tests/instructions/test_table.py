from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.instruction_files import load, named, plan_of, refusal, write_rows
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.instructions.sets import load_instructions
from urial.records.instruction import MAX_TURN_CHARACTERS, Instruction

TEXT = "\n  expected: text, a whole number, or nothing"
AS_TURNS = "\n  fix: where it has several messages, name the column as turns"
QUERY = "\n  expected: text that is not blank, of at most 100,000 characters"
IDS = "\n  expected: text or a whole number, of 1 to 200 characters"
ENDINGS = (".jsonl", ".json", ".csv", ".parquet")
COLUMNS = {
    "query": "question", "id": "nr", "category": "kind", "task": "work", "topic": "field", "difficulty": "level",
    "reference": "answer", "accepted": "gold", "source": "from",
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_column_is_enough(tmp_path: Path, ending: str) -> None:
    path = write_rows(tmp_path / f"x{ending}", [{"instruction": "Why?", "n": "1"}, {"instruction": "How?", "n": "2"}])
    assert load("table", path) == [
        Instruction(id=named("mine", "Why?"), turns=("Why?",), category="regular", source="mine"),
        Instruction(id=named("mine", "How?"), turns=("How?",), category="regular", source="mine"),
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_field_may_have_a_column(tmp_path: Path, ending: str) -> None:
    row = {
        "question": "Why?", "nr": "q-7", "kind": "safety", "work": "coding", "field": "stem", "level": "easy",
        "answer": "So.", "gold": "so", "from": "book", "unused": "x",
    }  # fmt: skip
    path = write_rows(tmp_path / f"x{ending}", [row])
    assert load("table", path, columns=COLUMNS) == [
        Instruction(
            id="q-7",
            turns=("Why?",),
            category="safety",
            task=("coding",),
            topic=("stem",),
            difficulty="easy",
            reference="So.",
            accepted=("so",),
            source="book",
        )
    ]


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_lists_hold_turns_and_tags_and_whole_numbers_become_text(tmp_path: Path, ending: str) -> None:
    row = {"turns": ["One?", "Two?"], "nr": 7, "tags": ["a", "b"], "level": 3, "answer": 42}
    columns = {
        "turns": "turns",
        "id": "nr",
        "task": "tags",
        "topic": "level",
        "difficulty": "level",
        "reference": "answer",
    }
    found = load("table", write_rows(tmp_path / f"x{ending}", [row]), columns=columns)
    assert found == [
        Instruction(
            id="7",
            turns=("One?", "Two?"),
            category="regular",
            task=("a", "b"),
            topic=("3",),
            difficulty="3",
            reference="42",
            source="mine",
        )
    ]


@pytest.mark.parametrize("nothing", [None, float("nan"), "", "  "])
def test_nothing_in_an_optional_column_is_nothing(tmp_path: Path, nothing: object) -> None:
    names = ("category", "task", "topic", "difficulty", "reference", "source")
    pq.write_table(
        pa.table({"instruction": ["Why?"], **{name: pa.array([nothing], from_pandas=False) for name in names}}),
        tmp_path / "x.parquet",
    )
    found = load("table", tmp_path / "x.parquet", columns={name: name for name in names}, category="safety")
    assert found == [Instruction(id=named("mine", "Why?"), turns=("Why?",), category="safety", source="mine")]


def test_objects_that_lack_an_optional_key_have_nothing_there(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"instruction": "Why?"}, {"instruction": "How?", "answer": "So."}])
    assert [row.reference for row in load("table", path, columns={"reference": "answer"})] == [None, "So."]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("field", COLUMNS)
def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path, ending: str, field: str) -> None:
    path = write_rows(tmp_path / f"x{ending}", [{"instruction": "Why?", "answers": "So."}])
    assert refusal("table", path, columns={field: "answer"}) == (
        f"{path}: no column 'answer'\n  expected: the column that columns.{field} names\n  fix: did you mean 'answers'?"
    )


def test_a_missing_default_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.csv", [{"a": "1", "b": "2"}])
    assert refusal("table", path) == (
        f"{path}: no column 'instruction'\n  expected: the column that columns.query names\n  fix: known names: a, b"
    )


def test_thousands_of_columns_do_not_flood_the_message(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"z" * 100_000: 1, **{f"c{number}": 1 for number in range(10_000)}}])
    assert len(refusal("table", path)) < 1_000


def test_a_row_without_the_query_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"instruction": "Why?"}, {"other": "How?"}])
    assert refusal("table", path) == f"{path}, line 2, column 'instruction': got None{QUERY}"


WRONG: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"instruction": ""}, {}, f"column 'instruction': got ''{QUERY}"),
    ({"instruction": " \n\u2003"}, {}, f"column 'instruction': got ' \\n\\u2003'{QUERY}"),
    ({"instruction": None}, {}, f"column 'instruction': got None{QUERY}"),
    ({"instruction": 7}, {}, f"column 'instruction': got 7{QUERY}"),
    ({"instruction": ["Why?"]}, {}, f"column 'instruction': got ['Why?']{QUERY}{AS_TURNS}"),
    ({"instruction": "x" * (MAX_TURN_CHARACTERS + 1)}, {}, f"column 'instruction': got '{'x' * 78}…{QUERY}"),
    ({"t": "['Why?']"}, {"turns": "t"}, "column 't': got \"['Why?']\"\n  expected: a list of the user's messages, or one message"),
    ({"t": []}, {"turns": "t"}, "column 't': got []\n  expected: a list of the user's messages, or one message"),
    ({"t": ["Why?", " "]}, {"turns": "t"}, f"column 't': got ' '{QUERY.replace('expected:', 'expected: in the list:')}"),
    ({"t": [{"role": "user"}]}, {"turns": "t"}, f"column 't': got {{'role': 'user'}}{QUERY.replace('expected:', 'expected: in the list:')}"),
    ({"i": None}, {"id": "i"}, f"column 'i': got None{IDS}"),
    ({"i": ""}, {"id": "i"}, f"column 'i': got ''{IDS}"),
    ({"i": "x" * 201}, {"id": "i"}, f"column 'i': got '{'x' * 78}…{IDS}"),
    ({"i": True}, {"id": "i"}, f"column 'i': got True{TEXT}"),
    ({"i": 3.0}, {"id": "i"}, f"column 'i': got 3.0{TEXT}"),
    ({"c": "Safety"}, {"category": "c"}, "column 'c': got 'Safety'\n  expected: regular or safety"),
    ({"c": 1}, {"category": "c"}, "column 'c': got '1'\n  expected: regular or safety"),
    ({"t": ["a", None]}, {"task": "t"}, "column 't': got ['a', None]\n  expected: a list of tags, each text or a whole number"),
    ({"t": ["a", ""]}, {"topic": "t"}, "column 't': got ['a', '']\n  expected: a list of tags, each text or a whole number"),
    ({"t": {"a": 1}}, {"topic": "t"}, f"column 't': got {{'a': 1}}{TEXT}"),
    ({"d": 0.5}, {"difficulty": "d"}, f"column 'd': got 0.5{TEXT}"),
    ({"r": ["So."]}, {"reference": "r"}, f"column 'r': got ['So.']{TEXT}"),
    ({"s": False}, {"source": "s"}, f"column 's': got False{TEXT}"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "columns", "message"), WRONG)
def test_a_wrong_value_names_line_and_column(
    tmp_path: Path, change: dict[str, Any], columns: dict[str, str], message: str
) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"instruction": "Why?", **change}])
    assert refusal("table", path, columns=columns) == f"{path}, line 1, {message}"


@pytest.mark.parametrize(("ending", "place"), [(".json", "row 1"), (".parquet", "row 1"), (".csv", "line 4")])
def test_a_place_is_a_row_or_the_first_line_of_one(tmp_path: Path, ending: str, place: str) -> None:
    path = write_rows(tmp_path / f"x{ending}", [{"instruction": "Two\nlines?"}, {"instruction": " "}])
    assert refusal("table", path) == f"{path}, {place}, column 'instruction': got ' '{QUERY}"


def test_an_id_used_twice_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"instruction": "Why?", "i": 1}, {"instruction": "How?", "i": "1"}])
    assert refusal("table", path, columns={"id": "i"}) == (
        "instruction set 'mine': id '1' in rows 1 and 2\n  expected: every id once"
    )


def test_a_table_that_changed_since_it_was_planned_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.csv", [{"instruction": "Why?"}])
    plan = plan_of({"kind": "table", "source": str(path)}, source_hash=file_hash(path))
    assert len(load_instructions(plan)) == 1
    path.write_text("instruction\nHow?\n")
    with pytest.raises(UrialError) as caught:
        load_instructions(plan)
    assert str(caught.value) == (
        f"{path}: changed since it was planned\n  fix: run `dvc repro --force plan`, then `dvc repro`"
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_accepted_answers_are_one_text_or_the_json_of_a_list(tmp_path: Path, ending: str) -> None:
    cells = ["Karmost", '["Karmost", "the city of Karmost", "Karmost", 42]', "[]", "", '["[sic]"]']
    rows = [{"instruction": f"Question {number}?", "gold": cell} for number, cell in enumerate(cells)]
    path = write_rows(tmp_path / f"x{ending}", rows)
    found = load("table", path, columns={"query": "instruction", "accepted": "gold"})
    assert [row.accepted for row in found] == [
        ("Karmost",), ("Karmost", "the city of Karmost", "42"), (), (), ("[sic]",),
    ]  # fmt: skip


@pytest.mark.parametrize("ending", [".jsonl", ".json"])
def test_accepted_answers_are_a_list_or_a_whole_number(tmp_path: Path, ending: str) -> None:
    cells: list[Any] = [["a", "b", "a"], 42, [], None]
    rows = [{"instruction": f"Question {number}?", "gold": cell} for number, cell in enumerate(cells)]
    path = write_rows(tmp_path / f"x{ending}", rows)
    found = load("table", path, columns={"query": "instruction", "accepted": "gold"})
    assert [row.accepted for row in found] == [("a", "b"), ("42",), (), ()]
    assert all("accepted" not in row.model_dump() for row in found[2:])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("['a', 'b']", "one text, or the JSON of a list of texts\n  fix: write the list with json.dumps; of a single answer that begins with [, too"),
        (["a", None], None), (["a", " "], None), ([3.5], None), (True, "text, a whole number, or nothing"),
        ({"text": ["a"]}, "one answer or a list of at most 1,000, each text or a whole number, of at most 1,000 characters\n  fix: name the list in it by a path, as in accepted: answer.aliases"), ([["a"]], None), (["x" * 1_001], None),
        ([str(number) for number in range(1_001)], None),
    ],
)  # fmt: skip
def test_other_accepted_answers_are_refused(tmp_path: Path, cell: Any, expected: str | None) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"instruction": "Question?", "gold": cell}])
    with pytest.raises(UrialError) as caught:
        load("table", path, columns={"query": "instruction", "accepted": "gold"})
    message = str(caught.value)
    assert message.startswith(f"{path}, line 1, column 'gold': got ")
    assert message.endswith(
        "\n  expected: "
        + (
            expected
            or "one answer or a list of at most 1,000, each text or a whole number, of at most 1,000 characters"
        )
    )


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_a_column_can_be_a_path_into_nested_values_as_trivia_qa_and_squad_have_them(
    tmp_path: Path, ending: str
) -> None:
    rows = [
        {"data": {"question": "Who?"}, "answer": {"aliases": ["Oswick", "old Oswick"], "value": "Oswick"}},
        {"data": {"question": "What?"}, "answer": {"aliases": [], "value": "moss"}},
    ]
    path = write_rows(tmp_path / f"x{ending}", rows)
    found = load(
        "table", path, columns={"query": "data.question", "accepted": "answer.aliases", "reference": "answer.value"}
    )
    assert [(row.turns, row.accepted, row.reference) for row in found] == [
        (("Who?",), ("Oswick", "old Oswick"), "Oswick"), (("What?",), (), "moss"),
    ]  # fmt: skip


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{"instruction": "Who?", "answer": {"aliases": ["a"]}}])
    with pytest.raises(UrialError, match=r"nothing at 'answer.alias', the path that columns.accepted names"):
        load("table", path, columns={"query": "instruction", "accepted": "answer.alias"})
