"""Where machine code of the compiled loops is kept."""

import os
from pathlib import Path

import pytest
from numba import config

from tests.conftest import run_python
from urial.token_shift.measure import kernels
from urial.token_shift.measure.elementary import ContentLocator


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


@pytest.mark.thorough
def test_loops_just_compiled_and_loops_kept_give_the_same_bits(tmp_path: Path) -> None:
    code = """
import hashlib, numpy
from tests.conftest import run_python
from urial.token_shift.measure import kernels
random = numpy.random.default_rng(0)
base = random.normal(0, 3, (1_792, 100)).astype(numpy.float32)
aligned = (base + random.normal(0, 0.3, base.shape)).astype(numpy.float32)
ones = numpy.ones(100)
given = numpy.stack([base.max(0), aligned.max(0), 0 * ones, 1.01 * ones, numpy.log2(1.01 * ones), base[5], aligned[5]])
sums, _ = kernels.compare(base, aligned, given.astype(numpy.float32))
written = kernels.add_block(base, numpy.empty((56, 100), numpy.float32))
print([hashlib.sha256(item.tobytes()).hexdigest() for item in (sums, written)])
"""
    first, second = (run_python(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert (first.stderr, second.stderr) == ("", "")
    assert first.stdout == second.stdout
