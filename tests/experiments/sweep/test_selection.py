"""Which checkpoints and studies a sweep has, and what it leaves out of each."""

import json
from typing import Any

import pytest

from urial.core.errors import UrialError
from urial.experiments.sweep import selection
from urial.experiments.sweep.selection import checkpoint_variants, only_systems, study_variants
from urial.records.checkpoint import Checkpoint, checkpoint_named
from urial.records.params.file import ParamsFile

POINTS = ("step-10", "step-20", "step-30-tokens5K", "step-40", "step-50", "final")
OTHERS = ("aligned", "base-vanilla-icl", "base-retrieval-icl", "base-urial-k3-b", "base-urial-k0", "base-urial-k1", "base-urial-k8")  # fmt: skip


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints that the study has, which are found elsewhere."""
    found = tuple(map(checkpoint_named, POINTS))
    monkeypatch.setattr(selection, "checkpoints_of", lambda _: found)
    monkeypatch.setattr(selection, "settings_of", lambda _, point: {"studies.embedded.checkpoint": point.name})


def chosen(params: ParamsFile, **options: Any) -> list[str]:
    return [variant.name.removeprefix("embedded-") for variant in checkpoint_variants(params, **options)]


def changed(params: ParamsFile, **sections: Any) -> ParamsFile:
    value = json.loads(params.model_dump_json(exclude_unset=True))
    for section, fields in sections.items():
        value[section] |= fields
    return ParamsFile.model_validate_json(json.dumps(value))


def test_all_checkpoints_with_what_their_names_tell(committed_params: ParamsFile) -> None:
    variants = checkpoint_variants(committed_params)
    assert [variant.name for variant in variants] == [f"embedded-{name}" for name in POINTS]
    assert [variant.label for variant in variants] == [
        "step 10", "step 20", "step 30, 5,000 tokens", "step 40", "step 50", "",
    ]  # fmt: skip
    assert variants[0].settings == {
        "studies.embedded.checkpoint": "step-10",
        **{f"~systems.{name}": None for name in OTHERS},
        "~blends.nudged": None,
        **{f"~token_shift.given.{name}": None for name in ("base-answers", "compliance", "refusal")},
        "safety_depth.systems": [],
        "token_shift.base_systems": [],
        "preferences.systems": [],
        "preferences.baseline": None,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"every": 2}, ["step-20", "step-40", "final"]),
        ({"every": 100}, ["final"]),
        ({"first": 20, "last": 40}, ["step-20", "step-30-tokens5K", "step-40"]),
        ({"last": 20}, ["step-10", "step-20"]),
        ({"first": 15, "every": 3}, ["step-20", "step-50"]),
    ],
    ids=["every", "last", "range", "to", "both"],
)
def test_some_of_them(committed_params: ParamsFile, options: Any, expected: list[str]) -> None:
    assert chosen(committed_params, **options) == expected


def test_a_range_without_any_says_what_there_is(committed_params: ParamsFile) -> None:
    with pytest.raises(UrialError) as caught:
        checkpoint_variants(committed_params, first=51)
    assert str(caught.value) == (
        "studies.embedded: none of its 6 checkpoints is in this range\n  expected: steps from 10 to 50"
    )


def test_a_study_without_checkpoints_says_what_to_add(
    committed_params: ParamsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "checkpoints_of", lambda _: ())
    with pytest.raises(UrialError, match="names no checkpoints of its base model"):
        checkpoint_variants(committed_params)


def test_names_of_experiments_are_words_of_a_shell(
    committed_params: ParamsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (Checkpoint(name="refs/pr 1.0@x", stage=2, step=1000, tokens=4),)
    monkeypatch.setattr(selection, "checkpoints_of", lambda _: found)
    (variant,) = checkpoint_variants(committed_params)
    assert (variant.name, variant.label) == ("embedded-refs-pr-1-0-x", "stage 2, step 1,000, 4 tokens")


def test_the_token_shift_stays_where_its_two_systems_do(committed_params: ParamsFile) -> None:
    settings = only_systems(committed_params, ["aligned", "base-urial"])
    assert settings["token_shift.base_systems"] == ["base-urial"]
    assert settings["preferences.systems"] == ["base-urial"]
    assert "preferences.baseline" not in settings


def test_comparisons_with_another_study_s_answers_stay(committed_params: ParamsFile) -> None:
    params = changed(
        committed_params, published_outputs={"theirs": {"source": "x.jsonl"}}, preferences={"baseline": "theirs"}
    )
    settings = only_systems(params, ["base-urial"])
    assert settings["preferences.systems"] == ["base-urial"]
    assert "preferences.baseline" not in settings


def test_nothing_is_left_out_where_all_is_kept(committed_params: ParamsFile) -> None:
    assert only_systems(committed_params, list(committed_params.systems)) == {"safety_depth.systems": []}


def test_without_a_token_shift_all_base_systems_are_swept(committed_params: ParamsFile) -> None:
    params = changed(committed_params, token_shift={"base_systems": []})
    (settings, *_) = (variant.settings for variant in checkpoint_variants(params))
    assert [key for key in settings if key.startswith("~")] == [
        "~systems.aligned",
        "~blends.nudged",
        *(f"~token_shift.given.{name}" for name in params.token_shift.given),
    ]


def test_unknown_names_are_refused(committed_params: ParamsFile) -> None:
    with pytest.raises(UrialError, match="base-urail"):
        only_systems(committed_params, ["base-urail"])
    with pytest.raises(UrialError, match="smolm"):
        study_variants(committed_params, ["smolm"])


def test_studies_have_all_systems_or_those_that_are_named(committed_params: ParamsFile) -> None:
    first, second = study_variants(committed_params, ["embedded", "smollm2-135m"])
    assert (first.name, first.settings) == ("study-embedded", {"run.study": "embedded"})
    assert (second.name, second.settings) == ("study-smollm2-135m", {"run.study": "smollm2-135m"})
    (only,) = study_variants(committed_params, ["embedded"], ["base-urial"])
    assert only.settings["preferences.systems"] == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"first": 30, "last": 20}, "--from 30 is after --to 20"),
        ({"systems": ("nope",)}, "--system: no 'nope' in systems"),
        # Each experiment would be the same one.
        ({"systems": ("aligned",)}, "aligned: none is of the base model, which the checkpoints are of"),
    ],
)
def test_what_no_checkpoint_can_be_chosen_by_is_refused_before_they_are_listed(
    committed_params: ParamsFile, monkeypatch: pytest.MonkeyPatch, options: Any, expected: str
) -> None:
    monkeypatch.setattr(selection, "checkpoints_of", lambda _: pytest.fail("listed, which takes a while"))
    with pytest.raises(UrialError) as caught:
        checkpoint_variants(committed_params, **options)
    assert caught.value.what == expected


def test_a_study_of_any_name_makes_an_experiment_that_git_can_name(committed_params: ParamsFile) -> None:
    studies = {**committed_params.studies, "my study..lock": committed_params.studies["embedded"]}
    params = committed_params.model_copy(update={"studies": studies})
    assert [(row.name, row.settings) for row in study_variants(params, ["my study..lock"])] == [
        ("study-my-study-lock", {"run.study": "my study..lock"})
    ]
