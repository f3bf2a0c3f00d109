"""`urial import people`."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.exchange.importers.test_import_scores import lines, questions
from urial.core.errors import UrialError
from urial.core.store import read_jsonl
from urial.exchange.importers.people import import_people
from urial.instructions.identity import text_id
from urial.records.people import PersonPreference, PersonScore

VOTE = {"question_id": 81, "model_a": "m", "model_b": "n", "winner": "model_a", "judge": "expert_1", "turn": 2}


def test_questions_give_ids_and_texts(tmp_path: Path) -> None:
    path = lines(tmp_path / "votes.jsonl", VOTE, {**VOTE, "judge": "expert_2", "winner": "tie"})
    assert [row.instruction_id for row in import_people(path, None)] == ["mt-bench-81"] * 2
    found = import_people(path, questions(tmp_path / "question.jsonl", 81))
    assert [(row.instruction_id, row.query) for row in found] == [
        (text_id("mt-bench", ("Why 81?", "And now?")), "Why 81?")
    ] * 2
    with pytest.raises(UrialError, match=r"2 ratings of no question in .*question.jsonl, first 'mt-bench-81'"):
        import_people(path, questions(tmp_path / "question.jsonl", 82))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("instruction_id,aspect,score:ann,score:ben\nq,depth,4,N/A\nr,depth,,2.5\n", "utf-8")
    done = invoke("import", "people", "people.csv", "--out", "people.jsonl")
    assert done.stdout == "people.jsonl: 3 ratings by 2 people of 2 instructions\n"
    assert [(row.person, row.score) for row in read_jsonl(Path("people.jsonl"), PersonScore)] == [
        ("ann", 4), ("ben", None), ("ben", 2.5),
    ]  # fmt: skip
    Path("votes.json").write_text(json.dumps([VOTE]), "utf-8")
    assert invoke("import", "people", "votes.json", "--out", "votes.jsonl").exit_code == 0
    assert read_jsonl(Path("votes.jsonl"), PersonPreference)[0].person == "expert_1"
    assert invoke("import", "people", "votes.json", "--out", "votes.jsonl").stderr.startswith(
        "Error: votes.jsonl: already"
    )
