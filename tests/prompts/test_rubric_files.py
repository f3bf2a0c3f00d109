"""What a rubric's hash is of, and that no way through files changes a rubric."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.conftest import ROOT
from tests.prompts.test_writing import texts
from tests.rubrics import OURS, imported, ours
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import read_json, write_json
from urial.prompts.authoring.writing import write_rubric
from urial.prompts.rubrics.rubrics import load_rubric, rubric_hash, schema_path
from urial.records.prompt import PlannedRubric, Rubric

# Fixed for ever: reports cite it.
GOLDEN = (
    '{"reply_schema":{"required":["b","a"],"type":"object"},"rubric":{"aspects":["depth"],"description":"d","licence":"MIT",'
    '"source":"é","template":"${instruction} ${candidate}"}}'
)


def test_the_hash_of_a_rubric_never_changes() -> None:
    value = json.loads(GOLDEN)
    rubric = Rubric.model_validate_json(json.dumps(value["rubric"]))
    assert rubric_hash(rubric, value["reply_schema"]) == f"sha256:{hashlib.sha256(GOLDEN.encode()).hexdigest()}"


@pytest.mark.parametrize("name", OURS)
def test_the_hash_is_of_all_that_a_rubric_says(name: str) -> None:
    planned = ours(name)
    fields = planned.rubric.model_dump()
    others: list[dict[str, Any]] = [
        {**fields, "template": f"{fields['template']}x"},
        {**fields, "source": "s"},
        {**fields, "description": "d"},
        {**fields, "licence": "l"},
    ]
    if fields["definitions"]:
        others.append({**fields, "definitions": {**fields["definitions"], "depth": "x"}})
    found = [rubric_hash(Rubric(**other), planned.reply_schema) for other in others]
    schema: Any = copy.deepcopy(planned.reply_schema)
    schema["required"] = [*reversed(schema["required"]), "x"]
    found.append(rubric_hash(planned.rubric, schema))
    assert len({planned.hash, *found}) == len(found) + 1


@pytest.mark.parametrize("planned", [*map(ours, OURS), imported()], ids=lambda item: str(item.name))
def test_a_plan_keeps_the_order_in_which_a_judge_writes(planned: PlannedRubric, tmp_path: Path) -> None:
    """Files have sorted keys; a constrained judge writes properties in the schema's order."""
    write_json(tmp_path / "plan.json", planned)
    again = read_json(tmp_path / "plan.json", PlannedRubric)
    assert again == planned
    assert rubric_hash(again.rubric, again.reply_schema) == planned.hash
    properties: Any = again.reply_schema["properties"]
    if planned.rubric.definitions is None:
        assert [*properties] == [*planned.rubric.aspects]
        for part in properties.values():
            assert [*part["properties"]] == part["required"]
            assert part["required"][1] == "score"
    else:
        assert [*properties] == ["score"]


rubric_texts = texts.map(lambda text: text.replace("$", "")).filter(bool)


@given(text=rubric_texts, definition=rubric_texts)
def test_any_rubric_comes_back_from_its_files(
    text: str, definition: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    planned = ours("single/1")
    template = f"{text}${{candidate}}{text}${{instruction}}${{aspect}}${{definition}}{text}"
    fields = {"template": template, "definitions": dict.fromkeys(planned.rubric.aspects, definition), "source": text}
    rubric = Rubric(**{**planned.rubric.model_dump(), **fields})
    folder = tmp_path_factory.mktemp("prompts")
    write_rubric(folder / "judge/x/1.yaml", rubric, planned.reply_schema)
    found = load_rubric("x/1", folder)
    assert (found.rubric, found.reply_schema) == (rubric, planned.reply_schema)
    assert found.hash == content_hash(
        {"rubric": rubric.model_dump(mode="json", exclude_none=True), "reply_schema": planned.reply_schema}
    )


@pytest.mark.parametrize("taken", ["1.yaml", "1.schema.json"])
def test_neither_file_of_a_rubric_is_ever_replaced(taken: str, tmp_path: Path) -> None:
    planned = ours("safety/1")
    (tmp_path / taken).write_text("mine")
    with pytest.raises(UrialError) as caught:
        write_rubric(tmp_path / "1.yaml", planned.rubric, planned.reply_schema)
    assert str(caught.value) == (
        f"{tmp_path}/{taken}: already exists\n  fix: choose another name; a prompt version is never replaced"
    )
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_a_schema_that_no_reply_can_be_read_by_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        write_rubric(tmp_path / "1.yaml", ours("safety/1").rubric, ours("single/1").reply_schema)
    assert str(caught.value) == (
        f"{tmp_path}/1.schema.json: the properties are 'score'\n  expected: the rubric's aspects, 'safety'"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_schema_lies_beside_the_rubric() -> None:
    assert schema_path(ROOT / "prompts/judge/multi/1.5.yaml") == ROOT / "prompts/judge/multi/1.5.schema.json"
