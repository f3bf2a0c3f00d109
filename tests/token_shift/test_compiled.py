"""Where machine code of the compiled loops is kept."""

import os
from pathlib import Path

import pytest
from numba import config

from urial.token_shift import kernels
from urial.token_shift.compiled import ContentLocator


def double(number: int) -> int:
    return 2 * number


def sources(folder: Path, blocks: str = "GROUP = 32\n") -> str:
    folder.mkdir()
    (folder / "blocks.py").write_text(blocks, "utf-8")
    (folder / "elementary.py").write_text("pass\n", "utf-8")
    (folder / "kernels.py").write_text("pass\n", "utf-8")
    return str(folder / "kernels.py")


def kept(file: str) -> Path:
    return Path(ContentLocator.from_function(double, file).get_cache_path())


def test_copies_of_the_source_share_their_code_and_other_constants_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "kept"))
    first, copy = kept(sources(tmp_path / "first")), kept(sources(tmp_path / "copy"))
    other = kept(sources(tmp_path / "other", "GROUP = 64\n"))
    assert first == copy
    assert first.parent == other.parent == tmp_path / "kept"
    assert first != other


def test_a_folder_that_cannot_be_written_to_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_text("a file, no folder", "utf-8")
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "kept"))
    assert ContentLocator.from_function(double, sources(tmp_path / "first")) is None


def test_the_loops_are_kept_so_and_what_numba_does_elsewhere_stays_as_it_was() -> None:
    assert Path(kernels.top_tokens.stats.cache_path) == kept(kernels.__file__)
    assert os.environ.get("NUMBA_CACHE_LOCATOR_CLASSES", "") == config.CACHE_LOCATOR_CLASSES
