"""Tables of what people said: one person a row or several, this project's columns, AlpacaEval's and FastChat's."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.alpaca_eval import human_rows
from tests.exchange.importers.score_files import upstream
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.judge.files.people import read_people
from urial.judge.files.people_forms import has_list
from urial.records.people import PersonPreference, PersonScore


def table(folder: Path, text: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UrialError) as caught:
        read_people(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_one_person_a_row_and_several_people_a_row_say_the_same(tmp_path: Path) -> None:
    long = table(
        tmp_path,
        "instruction_id,aspect,person,score,rationale\nq,depth,ann,4,deep\nq,depth,ben,N/A,\nr,overall,ann,9.5,\n",
    )
    wide = table(
        tmp_path,
        "instruction_id,aspect,score:ann,score:ben,rationale:ann\nq,depth,4,N/A,deep\nr,overall,9.5,,\n",
        "wide.csv",
    )
    found = read_people(long)
    assert found == read_people(wide)
    assert found == [
        PersonScore(instruction_id="q", person="ann", aspect="depth", score=4.0, rationale="deep"),
        PersonScore(instruction_id="q", person="ben", aspect="depth", score=None),
        PersonScore(instruction_id="r", person="ann", aspect="overall", score=9.5),
    ]


def test_preferences_in_words_and_numbers(tmp_path: Path) -> None:
    text = (
        "instruction_id,turn,system,baseline,preference:ann,preference:ben,preference:cay,characters,has_list\n"
        "q,2,s,b,win,0.25,tie,12,1\n"
    )
    first, *others = read_people(table(tmp_path, text))
    assert first == PersonPreference(
        instruction_id="q", turn=2, system="s", baseline="b", person="ann", preference=1.0, characters=12, has_list=True
    )
    assert [(row.person, getattr(row, "preference", None)) for row in others] == [("ben", 0.25), ("cay", 0.5)]


def test_what_was_imported_is_read_again(tmp_path: Path) -> None:
    for text in (
        "instruction_id,aspect,score:a,score:b\nq,depth,4,5\nr,depth,2.5,N/A\n",
        "instruction_id,system,baseline,preference:a,characters,baseline_has_list\nq,s,b,win,3,0\nr,s,b,0.5,,1\n",
    ):
        rows = read_people(table(tmp_path, text))
        write_jsonl(tmp_path / "rows.jsonl", rows)
        assert read_people(tmp_path / "rows.jsonl") == rows


def test_alpaca_eval_s_own_columns(tmp_path: Path) -> None:
    row: dict[str, Any] = {"instruction": "Why?", "output_1": "So.", "output_2": "- so\n- and so", "datasplit": "eval"}
    rows = [{**row, "annotator_index": index, "preference": value} for index, value in enumerate([1, 2, 1.5, 0, 1.25])]
    found = read_people(table(tmp_path, json.dumps(rows), "annotations.json"))
    assert [getattr(one, "preference", None) for one in found] == [0.0, 1.0, 0.5, 0.5, 0.25]
    assert [one.person for one in found] == ["0", "1", "2", "3", "4"]
    one = found[0]
    assert isinstance(one, PersonPreference)
    assert (one.query, one.characters, one.baseline_characters, one.has_list, one.baseline_has_list) == (
        "Why?", 13, 3, True, False,
    )  # fmt: skip
    assert one.pair is not None
    assert one.instruction_id.startswith("alpaca-eval-")


def test_published_names_of_systems_are_made_names_of_records(tmp_path: Path) -> None:
    text = "instruction,output_1,output_2,generator,preference\nWhy?,a,b,LLaMA 33B,2\n"
    (one,) = read_people(table(tmp_path, text))
    assert (one.system, getattr(one, "baseline", "")) == ("LLaMA-33B", None)


def test_fastchat_s_own_columns(tmp_path: Path) -> None:
    row = {"question_id": 81, "model_a": "m", "model_b": "n", "turn": 2, "tstamp": 1.5, "judge": "expert_1"}
    winners = ["model_a", "model_b", "tie (bothbad)"]
    rows = [{**row, "judge": f"expert_{number}", "winner": winner} for number, winner in enumerate(winners)]
    found = read_people(table(tmp_path, json.dumps(rows), "human_judgments.json"))
    assert [getattr(one, "preference", None) for one in found] == [1.0, 0.0, 0.5]
    assert (found[0].instruction_id, found[0].turn, found[0].system, found[2].person) == (
        "mt-bench-81", 2, "m", "expert_2",
    )  # fmt: skip


def test_the_published_people_are_read() -> None:
    found = read_people(upstream("alpaca_eval") / "human_100.csv")
    assert len(found) == 100
    assert len({row.person for row in found}) == len({row["human"] for row in human_rows()}) == 15
    assert [getattr(row, "preference", None) for row in found] == [
        float(row["human_preference"]) - 1 for row in human_rows()
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instruction_id,system,baseline,preference\nq,s,b,better\n",
         "people.csv, line 2, column 'preference': got 'better'\n"
         "  expected: win, tie, loss or a number from 0 to 1, for the system"),
        ("instruction_id,system,baseline,preference\nq,s,b,2\n",
         "people.csv, line 2, column 'preference': got '2'\n"
         "  expected: win, tie, loss or a number from 0 to 1, for the system"),
        ("instruction_id,generator_1,generator_2,preference\nq,a,b,3\n",
         "people.csv, line 2, column 'preference': got '3'\n  expected: 1 for the first answer, 2 for the second, between "
         "them where it is weighted, 1.5 or 0 for a draw"),
        ("question_id,model_a,model_b,winner\n81,m,n,error\n",
         "people.csv, line 2, column 'winner': got 'error'\n  expected: model_a, model_b or tie"),
        ("instruction_id,system,baseline,preference,turn\nq,s,b,win,zero\n",
         "people.csv, line 2, column 'turn': got 'zero'\n  expected: a whole number"),
        ("instruction_id,system,baseline,preference,has_list\nq,s,b,win,maybe\n",
         "people.csv, line 2, column 'has_list': got 'maybe'\n  expected: 0 or 1"),
        ("instruction_id,aspect,score:a\nq,overall,11\n",
         "people.csv, line 2, column 'score:a': got '11'\n  expected: a number from 1 to 5, or N/A; overall from 1 to 10"),
        ("instruction_id,system,baseline,person,preference\nq,s,b,ann,win\nq,s,b,ann,loss\n",
         "people.csv, line 3: 'ann' rates overall of 'q' again, as in people.csv, line 2\n  expected: one rating a person\n"
         "  fix: name who rated in a column person, or remove one of the two"),
        ("who,what\nann,4\n", "people.csv: no column 'instruction_id'\n  expected: of scores instruction_id, aspect, score; of "
         "preferences instruction_id, preference and, where there are several pairs, system and baseline\n"
         "  fix: known names: what, who"),
        ("aspect,score\ndepth,4\n", "people.csv: no column 'instruction_id'\n  expected: instruction_id, aspect, score\n"
         "  fix: known names: aspect, score"),
        ("instruction_id,aspect,score\n,depth,4\n",
         "people.csv, line 2, column 'instruction_id': got None\n  expected: the instruction's id, or in another column its text"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(table(tmp_path, text)) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b", True), ("Well:\n 1. a", True), ("a) yes", True), ("• a", True), ("* a", True), ("plain - not", False),
        ("3.5 metres", False), ("**bold**", False), ("", False),
    ],
)  # fmt: skip
def test_lists_are_lines(text: str, expected: bool) -> None:
    assert has_list(text) == expected
