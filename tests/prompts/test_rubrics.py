"""Rubrics on file: names, hashes, and what a rubric is told by which no judge can be asked or no reply be read."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rubrics import OURS, write_files
from urial.core.errors import UrialError
from urial.prompts.rubrics.rubrics import list_rubrics, load_rubric, rubric_hash, rubric_path
from urial.records.prompt import PlannedRubric

YAML = """description: d
aspects: [clarity, depth]
template: 'Q: ${instruction} A: ${candidate}'
source: s
licence: MIT
"""
ONE = """description: d
aspects: [clarity, safety]
definitions: {clarity: c, safety: s}
template: 'Q: ${instruction} A: {$candidate} ${aspect}: ${definition}'
source: s
licence: MIT
"""
SCORE = {"type": "integer", "enum": [1, 2, 3, 4, 5]}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
SHAPE = "\n  expected: the record Rubric as in schemas/"


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


PART = closed(rationale={"type": "string"}, score=SCORE)
SCHEMA = {"$schema": DRAFT, **closed(clarity=PART, depth=PART)}


def load(folder: Path, text: str, schema: Any) -> PlannedRubric:
    write_files(folder, "x/1", text, schema)
    return load_rubric("x/1", folder)


def test_rubrics_are_listed_by_name_and_version(tmp_path: Path) -> None:
    assert list_rubrics(tmp_path) == list_rubrics(tmp_path / "none") == []
    for name in ("b/1", "a/2", "a/1.5-x"):
        write_files(tmp_path, name, YAML, SCHEMA)
    (tmp_path / "judge/a/notes.txt").write_text("")
    assert list_rubrics(tmp_path) == ["a/1.5-x", "a/2", "b/1"]
    assert [load_rubric(name, tmp_path).name for name in list_rubrics(tmp_path)] == list_rubrics(tmp_path)


def test_a_rubric_is_loaded_whole(tmp_path: Path) -> None:
    found = load(tmp_path, YAML, SCHEMA)
    assert found.rubric.aspects == ("clarity", "depth")
    assert found.reply_schema == SCHEMA
    assert found.hash == rubric_hash(found.rubric, SCHEMA)
    assert load(tmp_path, ONE, {"$schema": DRAFT, **closed(score=SCORE)}).rubric.definitions == {
        "clarity": "c",
        "safety": "s",
    }
    load(tmp_path, ONE, {"$schema": DRAFT, **closed(reason={"type": "string"}, score=SCORE)})


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("multi/2", "did you mean 'multi/1'?"), ("multi", "did you mean 'multi/1'?"), ("judge/multi/1", "did you mean 'multi/1'?"),
        ("../judge/multi/1", "did you mean 'multi/1'?"), ("", "known names: multi/1, safety/1, single/1"),
        ("/etc/passwd", "known names: multi/1, safety/1, single/1"),
    ],
)  # fmt: skip
def test_an_unknown_rubric_gets_the_nearest(name: str, fix: str, tmp_path: Path) -> None:
    for known in OURS:
        write_files(tmp_path, known, YAML, SCHEMA)
    for find in (load_rubric, rubric_path):
        with pytest.raises(UrialError) as caught:
            find(name, tmp_path)
        assert str(caught.value) == f"unknown rubric {name!r}\n  where: {tmp_path}/judge\n  fix: {fix}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[clarity, depth]", "[clarity, style]", "line 2: field 'aspects.1': input should be 'helpfulness', 'clarity', "
         "'factuality', 'depth', 'engagement', 'safety' or 'overall', got 'style'"),
        ("[clarity, depth]", "[]", "line 2: field 'aspects': tuple should have at least 1 item after validation, not 0, got []"),
        ("[clarity, depth]", "[depth, depth]", "line 2: field 'aspects': the aspect depth stands twice, got ['depth', 'depth']"),
        ("${candidate}", "", "line 3: field 'template': the template has no ${candidate}, got 'Q: ${instruction} A: '"),
        ("${instruction}", "", "line 3: field 'template': the template has no ${instruction}, got 'Q:  A: ${candidate}'"),
        ("A:", "${referee}", "line 3: field 'template': unknown placeholder ${referee}, got 'Q: ${instruction} "
         "${referee} ${candidate}'"),
        ("A:", "${ marker }", "line 3: field 'template': unknown placeholder ${ marker }, got 'Q: ${instruction} "
         "${ marker } ${candidate}'"),
        ("A:", "${aspect}", "line 3: field 'template': ${aspect} asks for one aspect at a time, which needs the field "
         "definitions, got 'Q: ${instruction} ${aspect} ${candidate}'"),
        ("source:", "definitions: {clarity: c}\nsource:", "line 4: field 'definitions': there must be one definition for each "
         "aspect, got {'clarity': 'c'}"),
        ("source:", "definitions: {clarity: c, depth: ''}\nsource:", "line 4: field 'definitions.depth': string should have at "
         "least 1 character, got ''"),
        ("source:", "definitions: {clarity: c, depth: 'a {$candidate}'}\nsource:", "line 4: field 'definitions': a definition "
         "has the placeholder ${candidate}, which is filled in the template alone, got {'clarity': 'c', 'depth': 'a {$candidate}'}"),
        ("source:", "definitions: {clarity: c, depth: d}\nsource:", "line 3: field 'template': the template has no ${aspect}, "
         "got 'Q: ${instruction} A: ${candidate}'"),
        ("licence: MIT", "license: MIT", "missing field 'licence'; line 5: unknown field 'license'; did you mean 'licence'?"),
    ],
)  # fmt: skip
def test_a_bad_rubric_names_line_and_field(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in YAML
    path = write_files(tmp_path, "x/1", YAML.replace(old, new), SCHEMA)
    with pytest.raises(UrialError) as caught:
        load_rubric("x/1", tmp_path)
    assert str(caught.value) == f"{path}: {message}{SHAPE}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", safety: s", "", "line 3: field 'definitions': there must be one definition for each aspect, got {'clarity': 'c'}"),
        ("definitions: {clarity: c, safety: s}\n", "", "line 3: field 'template': ${aspect} asks for one aspect at a time, which "
         "needs the field definitions, got 'Q: ${instruction} A: {$candidate} ${aspect}: ${definition}'"),
        ("${definition}", "", "line 4: field 'template': the template has no ${definition}, got 'Q: ${instruction} A: "
         "{$candidate} ${aspect}: '"),
    ],
)  # fmt: skip
def test_definitions_and_their_places_belong_together(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = write_files(tmp_path, "x/1", ONE.replace(old, new), SCHEMA)
    with pytest.raises(UrialError) as caught:
        load_rubric("x/1", tmp_path)
    assert str(caught.value) == f"{path}: {message}{SHAPE}"


def changed(at: str, value: Any) -> dict[str, Any]:
    """The schema with another value at a path; None: without it."""
    schema: dict[str, Any] = json.loads(json.dumps(SCHEMA))
    node = schema
    *steps, last = at.split("/")
    for step in steps:
        node = node[step]
    node[last] = value
    if value is None:
        del node[last]
    return schema


CLOSED = '\n  expected: "type": "object", "additionalProperties": false, and all properties in "required"'
SCORES = '\n  expected: all of 1 to 5, as integers or as strings, with or without null and "N/A", and nothing else'
TEXTS = "\n  expected: a text, or null where it may be missing"
DEPTH = "properties/depth/properties"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", ": not valid JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ('{"a": 1, "a": 2}', ": not valid JSON: key 'a' twice in one object"),
        ("[" * 100_000, ": not valid JSON: nested too deeply"),
        ([SCHEMA], f': no JSON Schema of the draft 2020-12\n  expected: an object with "$schema": "{DRAFT}"'),
        (changed("$schema", "http://json-schema.org/draft-07/schema#"),
         f': no JSON Schema of the draft 2020-12\n  expected: an object with "$schema": "{DRAFT}"'),
        (changed("type", "objekt"), ": no valid JSON Schema: type: 'objekt' is not valid under any of the given schemas"),
        (changed(f"{DEPTH}/rationale/pattern", "("), ": no valid JSON Schema: properties.depth.properties.rationale.pattern: "
         "'(' is not a 'regex'"),
        (changed(f"{DEPTH}/score", {"$ref": "http://localhost/x.json"}), ': has "$ref"\n  fix: write out what it refers to'),
        (changed("type", "array"), f": the whole value: not an object of required properties alone{CLOSED}"),
        (changed("additionalProperties", None), f": the whole value: not an object of required properties alone{CLOSED}"),
        (changed("required", ["clarity"]), f": the whole value: not an object of required properties alone{CLOSED}"),
        (changed("properties/depth/additionalProperties", True), f": properties.depth: not an object of required properties alone{CLOSED}"),
        (changed("properties/depth", True), f": properties.depth: not an object of required properties alone{CLOSED}"),
        ({"$schema": DRAFT, **closed(clarity=PART)}, ": the properties are 'clarity'\n  expected: the rubric's aspects, 'clarity', 'depth'"),
        ({"$schema": DRAFT, **closed(clarity=PART, depth=closed(score=SCORE))}, ": properties.depth.properties are 'score'\n"
         "  expected: 'score' with 'rationale' or 'reason'"),
        ({"$schema": DRAFT, **closed(clarity=PART, depth=closed(score=SCORE, why=SCORE))}, ": properties.depth.properties are "
         "'score', 'why'\n  expected: 'score' with 'rationale' or 'reason'"),
        (changed(f"{DEPTH}/score", {"type": "integer"}), f": properties.depth.properties.score takes 0{SCORES}"),
        (changed(f"{DEPTH}/score", {"type": "number", "minimum": 1, "maximum": 5}), f": properties.depth.properties.score takes 4.5{SCORES}"),
        (changed(f"{DEPTH}/score/enum", [1, 2, 3, 4]), f": properties.depth.properties.score does not take every score{SCORES}"),
        (changed(f"{DEPTH}/score", {"enum": [1, 2, 3, 4, 5, "good"]}), f': properties.depth.properties.score takes "good"{SCORES}'),
        (changed(f"{DEPTH}/rationale", {"type": ["string", "array"]}), f": properties.depth.properties.rationale takes []{TEXTS}"),
    ],
)  # fmt: skip
def test_a_schema_by_which_no_reply_can_be_read(schema: Any, message: str, tmp_path: Path) -> None:
    path = write_files(tmp_path, "x/1", YAML, schema)
    with pytest.raises(UrialError) as caught:
        load_rubric("x/1", tmp_path)
    assert str(caught.value) == f"{path.with_name('1.schema.json')}{message}"


def test_a_rubric_of_one_aspect_at_a_time_has_a_reply_of_one_score(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        load(tmp_path, ONE, {"$schema": DRAFT, **closed(clarity=PART, safety=PART)})
    assert str(caught.value) == (
        f"{tmp_path}/judge/x/1.schema.json: properties are 'clarity', 'safety'\n"
        "  expected: 'score' with 'rationale' or 'reason', or 'score' alone"
    )


def test_a_missing_schema_is_named(tmp_path: Path) -> None:
    path = write_files(tmp_path, "x/1", YAML, SCHEMA).with_name("1.schema.json")
    path.unlink()
    with pytest.raises(UrialError) as caught:
        load_rubric("x/1", tmp_path)
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory\n  fix: check the path"
