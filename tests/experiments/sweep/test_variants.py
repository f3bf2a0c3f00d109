"""params.yaml of a variant: its settings, and nothing else."""

import difflib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.core.yaml_files import parse_yaml_record
from urial.experiments.sweep.variants import Variant, variant_params, with_settings
from urial.records.params.file import ParamsFile
from urial.run.pipeline import YamlObject


def changed(settings: dict[str, object]) -> list[str]:
    """The lines that the committed file gains and loses."""
    before = (ROOT / "params.yaml").read_text("utf-8").splitlines()
    after = variant_params(Variant("v", "", settings), ROOT).text.decode().splitlines()
    return [
        line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:2] not in ("--", "++", "@@")
    ]


def refusal(settings: dict[str, object]) -> str:
    with pytest.raises(UrialError) as caught:
        variant_params(Variant("v", "", settings), ROOT)
    return str(caught.value)


def test_a_setting_changes_its_own_line() -> None:
    assert changed({"systems.base-urial.prompt": "urial-k0"}) == ["-    prompt: urial-k3", "+    prompt: urial-k0"]


def test_what_is_not_there_is_added_and_what_is_taken_out_is_gone() -> None:
    found = variant_params(
        Variant(
            "v", "", {"studies.embedded.documents": 5, "~systems.base-urial-k8": None, "token_shift.base_systems": []}
        ),
        ROOT,
    ).params
    assert found.studies["embedded"].model_dump()["documents"] == 5
    assert "base-urial-k8" not in found.systems
    assert found.token_shift.base_systems == ()


def test_names_that_hydra_s_grammar_would_take_apart_are_set_as_they_are() -> None:
    reference = {"hub": "org/name@x", "revision": "refs/pr/1"}
    found = variant_params(Variant("v", "", {"studies.smollm2-135m.base": reference}), ROOT).params
    assert found.studies["smollm2-135m"].model_dump(mode="json", exclude_unset=True)["base"] == reference


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"~systems.base-urail": None}, "~systems.base-urail: there is no 'base-urail'\n  where: params.yaml\n  fix: did you mean"),
        ({"run.limit.x": 1}, "run.limit.x: limit is None, and has no fields\n  where: params.yaml"),
        ({"run.limit": 0}, "line 9: field 'run.limit': input should be greater than or equal to 1, got 0\n  where: params.yaml of v"),
        ({"run.limt": 1}, "unknown field 'run.limt'; did you mean 'limit'?"),
    ],
    ids=["removed", "below", "value", "field"],
)  # fmt: skip
def test_what_cannot_be_set_says_why(settings: dict[str, object], expected: str) -> None:
    assert expected in refusal(settings)


def test_a_value_that_the_file_would_not_give_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("z: 1\n", "utf-8")
    with pytest.raises(UrialError, match=r"a: '.*' cannot be written in YAML as it is\n  where: params.yaml"):
        with_settings(tmp_path / "params.yaml", {"a": "x\x85y"})


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c.d", "c.e", "f.g.h"]),
        st.none() | st.integers() | st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \n\t"), max_size=20),
    )
)  # fmt: skip
def test_every_setting_is_read_back(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("params")
    (folder / "params.yaml").write_text("z: 1\n", "utf-8")
    path = folder / "out.yaml"
    path.write_bytes(with_settings(folder / "params.yaml", values))
    tree = parse_yaml_record(path, YamlObject).root
    for key, value in values.items():
        found: Any = tree
        for part in key.split("."):
            found = found[part]
        assert json.dumps(found) == json.dumps(value)
    assert tree["z"] == 1


def test_the_digest_goes_by_the_file(committed_params: ParamsFile) -> None:
    one, other = (variant_params(Variant("v", "", {"run.limit": limit}), ROOT) for limit in (1, 2))
    assert one.digest != other.digest == variant_params(Variant("w", "x", {"run.limit": 2}), ROOT).digest
    assert committed_params.run.limit is None


def test_a_params_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("- 1\n", "utf-8")
    with pytest.raises(UrialError, match=r"params\.yaml"):
        variant_params(Variant("v", "", {}), tmp_path)
