"""One byte or one score changed anywhere in a finished run: verify names the link that it breaks."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clones import Clone
from tests.provenance.finished import copied
from urial.provenance.verify.verification import Link, verify_links

pytestmark = pytest.mark.slow

# A file of each kind, and the first link that one changed byte of it breaks.
FILES = {
    "dvc.lock": ("dvc.lock", "stages", "files of"),
    "prompts/microworld/urial-k3.yaml": ("released prompts",),
    "prompts/judge/multi/1.schema.json": ("released prompts",),
    "prompts/pools/microworld.jsonl": ("released prompts",),
    "prompts/released.json": ("released prompts",),
    "schemas/bare/judgment.json": ("files of judge",),
    "stages/report.py": ("files of report",),
    "urial/statistics/bootstrap.py": ("files of report",),
    "data/plan/systems/base-urial.json": ("files of plan",),
    "data/plan/report.json": ("files of plan",),
    "data/models/base/manifest.json": ("files of models",),
    "data/models/base/model.safetensors": ("files of models",),
    "data/models/aligned/tokenizer.json": ("files of models",),
    "data/instructions.jsonl": ("files of instructions",),
    "data/prompts/base-urial.jsonl": ("files of assemble",),
    "data/generations/aligned.jsonl": ("files of generate",),
    "data/token_shift/base-urial.parquet": ("files of token_shift",),
    "data/token_shift/base-zero-shot.coverage.jsonl": ("files of token_shift",),
    "data/judgments/base-zero-shot.jsonl": ("files of judge",),
    "data/environment/plan.json": ("files of plan",),
    "data/report/report.json": ("files of report",),
    "data/report/metrics.json": ("files of report",),
    "data/report/tables/scores.md": ("files of report",),
    "data/report/charts/scores.json": ("files of report",),
    "data/report/site/index.html": ("files of report",),
}

# Others of the same kind and link.
LIKE_OTHERS = {
    "stages/report.py", "data/models/aligned/tokenizer.json", "data/token_shift/base-zero-shot.coverage.jsonl",
    "data/environment/plan.json", "data/report/metrics.json", "data/report/tables/scores.md",
    "data/report/charts/scores.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(finished_run: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose files are changed and put back."""
    return copied(finished_run, tmp_path_factory.mktemp("mutated")).folder


def first_broken(folder: Path) -> Link | None:
    return next((link for link in verify_links(folder) if link.status == "broken"), None)


def flipped(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def assert_named(folder: Path, name: str, data: bytes, first: tuple[str, ...]) -> None:
    """With this content, the file is what the first broken link names."""
    path = folder / name
    before = path.read_bytes()
    try:
        path.write_bytes(data)
        link = first_broken(folder)
    finally:
        path.write_bytes(before)
    assert link, f"{name}: not noticed"
    assert link.name.startswith(first), link
    wanted = name.removeprefix("prompts/").split(".")[0] if link.name == "released prompts" else name
    assert name == "dvc.lock" or any(wanted in problem.what for problem in link.problems), link


def test_the_run_itself_holds_in_every_link(run: Path) -> None:
    links = list(verify_links(run))
    assert [(link.name, link.problems) for link in links if link.status == "broken"] == []
    assert [(link.name, link.summary) for link in links if link.status == "not checked"] == []
    assert len(links) == 38


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough if name in LIKE_OTHERS else ()) for name in FILES]
)
def test_a_flipped_byte_is_named(run: Path, name: str) -> None:
    draw = random.Random(name)
    data = (run / name).read_bytes()
    assert_named(run, name, flipped(data, draw.randrange(len(data)), 1 << draw.randrange(8)), FILES[name])


OUTPUTS = [name for name in FILES if name.startswith("data/")]
FEW = settings().max_examples // 10


@settings(max_examples=FEW, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.sampled_from(OUTPUTS), share=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
def test_any_byte_of_any_output_counts(run: Path, name: str, share: float, bits: int) -> None:
    data = (run / name).read_bytes()
    assert_named(run, name, flipped(data, int(share * len(data)), bits), FILES[name])


@settings(max_examples=FEW, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(share=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
def test_any_byte_of_the_lock_counts(run: Path, share: float, bits: int) -> None:
    data = (run / "dvc.lock").read_bytes()
    assert_named(run, "dvc.lock", flipped(data, int(share * len(data)), bits), FILES["dvc.lock"])


@contextmanager
def put_back(path: Path) -> Iterator[Path]:
    data = path.read_bytes()
    yield path
    if path.is_dir():
        path.rmdir()
    path.write_bytes(data)


def removed(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (removed, emptied, truncated, a_folder)
DAMAGED = (
    "dvc.lock", "dvc.yaml", "params.yaml", "data/plan/report.json", "data/generations/aligned.jsonl",
    "data/token_shift/base-urial.parquet", "data/report/report.json",
)  # fmt: skip
# One damage a file, each in turn; --thorough does each to every file.
CASES = [
    pytest.param(name, change, marks=() if number % len(DAMAGES) == turn else pytest.mark.thorough)
    for number, name in enumerate(DAMAGED)
    for turn, change in enumerate(DAMAGES)
]


@pytest.mark.parametrize(("name", "change"), CASES)
def test_a_file_that_is_not_what_it_was_is_a_broken_link_and_no_crash(
    run: Path, name: str, change: Callable[[Path], None]
) -> None:
    with put_back(run / name) as path:
        change(path)
        links = [link for link in verify_links(run) if link.status == "broken"]
    first = {"dvc.lock": "dvc.lock", "dvc.yaml": "stages", "params.yaml": "stages"}
    assert links[0].name == first.get(name, links[0].name)
    assert any(name.rpartition("/")[2] in problem.what for problem in links[0].problems)
    assert not any("Error:" in problem.what for link in links for problem in link.problems)
