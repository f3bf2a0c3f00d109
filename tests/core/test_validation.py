from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from urial.core.validation import MAX_SHOWN, explain
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.model import ModelManifest
from urial.records.params.file import Study, System
from urial.records.report import Report

STUDY = {"kind": "models", "base": {"hub": "a"}, "aligned": {"hub": "b"}}


class WithStudy(BaseModel):
    """A tagged union among other fields."""

    name: str
    study: Study
    threads: int


def explained(model: type[BaseModel], value: Any, **options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return explain(caught.value, model, **options)


def explained_study(study: Any, **options: Any) -> str:
    return explained(WithStudy, {"name": "n", "threads": 1, "study": study}, **options)


def test_an_unknown_field_gets_the_nearest_known_one() -> None:
    found = explained(System, {"model": "base", "prompt": "x", "decodng": {}})
    assert found == "unknown field 'decodng'; did you mean 'decoding'?"


def test_a_nested_unknown_field_is_compared_with_the_names_known_there() -> None:
    found = explained(System, {"model": "base", "prompt": "x", "decoding": {"repitition_penalty": 1.1}})
    assert found == "unknown field 'decoding.repitition_penalty'; did you mean 'repetition_penalty'?"


def test_an_unknown_field_far_from_all_gets_the_list() -> None:
    found = explained(System, {"model": "base", "prompt": "x", "zzz": 1})
    assert found == "unknown field 'zzz'; known names: ablation, decoding, model, prompt"


def test_a_missing_field_is_named() -> None:
    assert explained(System, {"model": "base"}) == "missing field 'prompt'"


def test_a_wrong_value_is_shown_with_what_was_expected() -> None:
    found = explained(System, {"model": "Base", "prompt": None})
    assert found == "field 'model': input should be 'base' or 'aligned', got 'Base'"


def test_the_value_as_a_whole_can_be_wrong() -> None:
    assert explained(System, None).startswith("field 'the whole value': input should be a valid dictionary")


def test_a_rule_between_fields_is_stated() -> None:
    row = {"instruction_id": "a", "system": "s", "status": "ok", "reason": None, "answer": None, "key": None}
    assert explained(Completion, row).startswith(
        "field 'the whole value': status ok needs answer and key and no reason; only_thinking needs thought, key and reason an"
    )


def test_a_union_is_walked_without_its_tag() -> None:
    found = explained_study({**STUDY, "loading": {"dtpe": "float32"}})
    assert found == "unknown field 'study.loading.dtpe'; did you mean 'dtype'?"


def test_a_wrong_tag_lists_the_right_ones() -> None:
    assert explained_study({"kind": "transfomers"}) == (
        "field 'study': input tag 'transfomers' found using 'kind' does not match any of the expected tags: "
        "'microworld', 'models', got {'kind': 'transfomers'}"
    )


def test_a_misspelt_tag_field_is_named() -> None:
    assert explained_study({"knd": "transformers"}) == (
        "missing field 'study.kind'; did you mean 'kind' where it says 'knd'?"
    )


def test_a_missing_tag_field_is_named() -> None:
    assert explained_study({"seed": 1}) == "missing field 'study.kind'"


def test_a_bad_value_of_an_entry_is_named_by_its_key() -> None:
    source = {"embedded": "microworld", "loading": {}, "files": {"x": "sha256:0"}}
    assert explained(ModelManifest, {"role": "base", "source": source}).startswith(
        "field 'source.files.x': string should match pattern '^sha256:[0-9a-f]{64}$', got 'sha256:0'"
    )


def test_one_wrong_entry_is_one_problem() -> None:
    found = explained(Instruction, {"id": "a", "turns": (7,), "category": "regular", "source": "s"})
    assert found == "field 'turns.0': input should be a valid string, got 7"


def test_an_empty_list_is_too_short() -> None:
    found = explained(Instruction, {"id": "a", "turns": (), "category": "regular", "source": "s"})
    assert found == "field 'turns': tuple should have at least 1 item after validation, not 0, got ()"


def test_many_problems_are_counted_not_listed() -> None:
    missing = len([field for field in Report.model_fields.values() if field.is_required()])
    found = explained(Report, {})
    assert found.count("missing field") == MAX_SHOWN
    assert found.endswith(f"; and {missing - MAX_SHOWN} more")


def test_exactly_the_shown_number_of_problems_needs_no_count() -> None:
    value = dict.fromkeys("abcde", 1) | {"model": "base", "prompt": None}
    assert "more" not in explained(System, value)


def test_a_hostile_value_cannot_flood_the_message() -> None:
    assert len(explained(System, {"model": "x" * 1_000_000, "prompt": None})) < 200


def test_lines_are_asked_for_with_the_location_in_the_file() -> None:
    asked: list[tuple[Any, ...]] = []

    def line_of(loc: tuple[Any, ...]) -> int:
        asked.append(loc)
        return 7

    found = explained_study({**STUDY, "base": {"hub": ""}}, line_of=line_of)
    assert found == "line 7: field 'study.base.hub': string should have at least 1 character, got ''"
    assert asked == [("study", "base", "hub")]
