"""The embedded pair is trained once, and taken from the cache, checked, as often as it is needed."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import run_python
from urial.core.errors import UrialError
from urial.core.row_cache import rows_path
from urial.local_models.loading.loading import file_hashes
from urial.models.prepare import prepare_models
from urial.models.trained import TrainedPair, pair_folder, pairs_folder, read_pair
from urial.records.model import EmbeddedWeights, Loading, read_manifest
from urial.records.plans import ModelsPlan, TrainedStudy

SMALL = TrainedStudy(kind="microworld", seed=0, documents=20, chats=2)


def prepare(out: Path, checkpoint: str | None = None) -> dict[str, EmbeddedWeights]:
    """The models of both manifests that the stage writes."""
    models = SMALL.model_copy(update={"checkpoint": checkpoint})
    prepare_models(ModelsPlan(models=models, threads=1), out)
    found = {role: read_manifest(out / role).source for role in ("base", "aligned")}
    return {role: source for role, source in found.items() if isinstance(source, EmbeddedWeights)}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cache with the small pair, and what the stage made of it; copied, not written to."""
    folder = tmp_path_factory.mktemp("trained-once")
    code = f"""
from pathlib import Path
from tests.models.test_trained import prepare
prepare(Path({str(folder / "out")!r}))
"""
    done = run_python(code, URIAL_CACHE_DIR=str(folder / "rows"))
    assert "base and aligned model trained" in done.stdout + done.stderr, done
    return folder / "rows", folder / "out"


@pytest.fixture
def kept(once: tuple[Path, Path], cache_folder: Path) -> TrainedPair:
    """The small pair in this test's own cache."""
    shutil.copytree(once[0], cache_folder, dirs_exist_ok=True)
    pair = read_pair(pair_folder(SMALL, 1))
    assert pair is not None
    return pair


def test_the_base_model_is_the_last_checkpoint_and_tells_what_it_has_seen(
    once: tuple[Path, Path], kept: TrainedPair
) -> None:
    last = kept.checkpoints[-1]
    out = once[1]
    assert read_manifest(out / "base").source == EmbeddedWeights(
        embedded="microworld", loading=Loading(), files=file_hashes(out / "base"), step=last.step, tokens=last.tokens
    )
    assert read_manifest(out / "aligned").source == EmbeddedWeights(
        embedded="microworld", loading=Loading(), files=file_hashes(out / "aligned")
    )
    assert sorted(path.name for path in out.iterdir()) == ["aligned", "base"]
    assert not any(path.is_dir() for path in (out / "base").iterdir())


def test_what_is_there_is_taken_without_training(
    once: tuple[Path, Path], kept: TrainedPair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path / "again")
    said = capsys.readouterr()
    assert "corpus" not in said.out + said.err
    for path in (path for path in once[1].rglob("*") if path.is_file()):
        assert (tmp_path / "again" / path.relative_to(once[1])).read_bytes() == path.read_bytes()


def test_a_checkpoint_is_the_base_model_and_the_aligned_one_stays(kept: TrainedPair, tmp_path: Path) -> None:
    first = kept.checkpoints[0]
    found = prepare(tmp_path, f"step-{first.step}")
    assert (found["base"].step, found["base"].tokens, found["base"].files) == (first.step, first.tokens, first.files)
    assert found["base"].files["model.safetensors"] != kept.checkpoints[-1].files["model.safetensors"]
    assert found["aligned"].files == kept.aligned
    assert (found["aligned"].step, found["aligned"].tokens) == (None, None)


@pytest.mark.usefixtures("kept")
def test_a_checkpoint_that_there_is_not_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        prepare(tmp_path, "step-9")
    assert str(caught.value) == (
        "the embedded base model has no checkpoint 'step-9'\n  where: params.yaml\n  fix: did you mean 'step-3'?"
    )


def test_a_checkpoint_that_there_will_not_be_is_named_before_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UrialError, match="no checkpoint 'step-9'"):
        prepare(tmp_path, "step-9")
    assert "trained" not in "".join(capsys.readouterr())
    assert not pairs_folder().exists()


def test_a_damaged_checkpoint_is_refused_and_the_others_are_there(kept: TrainedPair, tmp_path: Path) -> None:
    damaged = pair_folder(SMALL, 1) / "base" / f"step-{kept.checkpoints[0].step}" / "model.safetensors"
    damaged.write_bytes(b"?" + damaged.read_bytes()[1:])
    with pytest.raises(UrialError) as caught:
        prepare(tmp_path / "damaged", f"step-{kept.checkpoints[0].step}")
    assert str(caught.value) == (
        f"{damaged}: is not what the training wrote: this trained model is damaged"
        "\n  fix: run `urial cache prune --damaged`; then `dvc repro` trains the pair again"
    )
    prepare(tmp_path / "last")
    damaged.unlink()
    with pytest.raises(UrialError, match="is missing"):
        prepare(tmp_path / "damaged", f"step-{kept.checkpoints[0].step}")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"checkpoints": [], "aligned": {}}'])
@pytest.mark.usefixtures("kept")
def test_a_damaged_record_is_refused(text: str, tmp_path: Path) -> None:
    (pair_folder(SMALL, 1) / "trained.json").write_text(text, "utf-8")
    with pytest.raises(UrialError) as caught:
        prepare(tmp_path)
    assert caught.value.fix == "run `urial cache prune --damaged`; then `dvc repro` trains the pair again"


@pytest.mark.usefixtures("kept")
def test_the_key_is_the_recipe_and_the_threads() -> None:
    pair = pair_folder(SMALL, 1)
    assert pair_folder(SMALL.model_copy(update={"checkpoint": "step-1"}), 1) == pair
    others = {
        pair_folder(SMALL, 2), *(pair_folder(SMALL.model_copy(update=change), 1) for change in CHANGES)
    }  # fmt: skip
    assert len(others - {pair}) == 4
    # Where the study and the run leave it open, the pair has a number of its own.
    assert pair_folder(SMALL, None) == pair_folder(SMALL, 2)
    assert pair.parent == rows_path().parent / "trained"


CHANGES = ({"seed": 1}, {"documents": 21}, {"chats": None})


def test_two_that_train_at_once_make_one_pair(cache_folder: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
import sys
from tests.models.test_trained import prepare
print(prepare(Path({!r}))["base"].files["model.safetensors"])
"""
    with ThreadPoolExecutor(2) as pool:
        both = pool.map(
            lambda name: run_python(code.format(str(tmp_path / name)), URIAL_CACHE_DIR=str(cache_folder)), "ab"
        )
        lines = [done.stdout.splitlines()[-1] for done in both]
    assert lines[0] == lines[1]
    assert lines[0].startswith("sha256:")
    assert [path.name for path in pairs_folder().iterdir()] == [pair_folder(SMALL, 1).name]
