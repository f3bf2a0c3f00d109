"""A chat template is a program: it is run only where the model's files are the run's."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.provenance.test_verify_later_turns import PLANS, make_run
from tests.provenance.written import write_lock
from tests.tiny_models import write_manifest
from urial.provenance.verify.answers import check_completions_of, check_prompts_of
from urial.provenance.verify.run import Checked, NotCheckedError, Run

KIND = "here, chat"
PLAN = PLANS[KIND]
FAILING = "{{ raise_exception('the template was run') }}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of the model that answered a run in tmp_path, to be changed."""
    make_run(tmp_path, KIND)
    folder = tmp_path / "data/models" / PLAN.model
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    folder.unlink()
    return copy.rename(folder)


CHECKS = pytest.mark.parametrize("check", [check_prompts_of, check_completions_of], ids=["prompts", "answers"])


@CHECKS
def test_the_run_s_own_template_is_run(model: Path, tmp_path: Path, check: Callable[[Run, str], Checked]) -> None:
    assert check(Run(tmp_path), PLAN.system).problems == []


@CHECKS
@pytest.mark.parametrize("known", ["by nothing", "by the manifest", "by the lock"])
def test_another_template_is_not(model: Path, tmp_path: Path, check: Callable[[Run, str], Checked], known: str) -> None:
    (template,) = model.glob("*.jinja")
    if known == "by the lock":
        # What the manifest says of it is not so.
        manifest = model / "manifest.json"
        manifest.write_text(
            manifest.read_text("utf-8").replace('"chat_template.jinja": "sha256:', '"a.json": "sha256:')
        )
        template.write_text(FAILING, "utf-8")
        write_lock(tmp_path, [PLAN.system], [])
    else:
        template.write_text(FAILING, "utf-8")
    if known == "by the manifest":
        write_manifest(model, PLAN.model)
    with pytest.raises(NotCheckedError) as error:
        check(Run(tmp_path), PLAN.system)
    assert str(error.value) == f"the files of the {PLAN.model} model are not those of its manifest and dvc.lock"
