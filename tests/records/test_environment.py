"""What a stage ran on: complete, the same bytes each time, and nothing about whose machine it was."""

import getpass
import json
import os
import platform
import re
import socket
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import record_environment
from tests.conftest import ROOT, run_python
from urial.core.store import read_json
from urial.records.environment import PACKAGES, VARIABLES, Environment, cpu_model, environment
from urial.run.paths import validate_file

WRITE = "from stages import record_environment; record_environment('plan')"


def recorded(folder: Path, code: str = WRITE, **variables: str) -> Environment:
    """What a fresh process writes in a folder."""
    done = run_python(code, cwd=folder, **variables)
    assert done.returncode == 0, done.stderr
    return read_json(folder / "data/environment/plan.json", Environment)


def test_the_same_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        recorded(tmp_path / name)
    one, two = (tmp_path / name / "data/environment/plan.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert validate_file(one) == ("environment", 1)


def test_what_is_recorded_is_what_python_says(tmp_path: Path) -> None:
    found = recorded(tmp_path)
    assert (found.python, found.implementation) == (platform.python_version(), platform.python_implementation())
    assert (found.operating_system, found.machine) == (platform.system(), platform.machine())
    assert found.logical_cpus == os.cpu_count()
    assert found.packages.keys() == {"urial", *PACKAGES}
    assert found.packages["pydantic"] == __import__("pydantic").VERSION
    assert found.variables.keys() == set(VARIABLES)


def test_every_library_that_can_change_a_result_is_recorded() -> None:
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    required = {re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]}  # type: ignore[index]
    assert required - set(PACKAGES) == {
        "aiolimiter", "click", "configobj", "filelock", "httpx2", "jsonschema", "markupsafe", "platformdirs", "psutil", "rocrate", "ruamel.yaml", "tqdm",
        "typing-extensions",
    }  # fmt: skip


def test_nothing_tells_whose_machine_it_was(tmp_path: Path) -> None:
    recorded(tmp_path)
    text = (tmp_path / "data/environment/plan.json").read_text("utf-8")
    private = {socket.gethostname(), getpass.getuser(), str(Path.home()), str(ROOT), str(tmp_path)}
    # A name such as "a" is in any text.
    assert [word for word in private if len(word) > 3 and word in text] == []
    assert "/" not in text


def test_a_key_s_record_lies_in_the_stage_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record_environment("generate", "metrics")
    record_environment("models")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert files == ["data/environment/generate/metrics.json", "data/environment/models.json"]
    assert [validate_file(Path(name)) for name in files] == [("environment", 1)] * 2


def test_torch_is_not_loaded_for_the_record(tmp_path: Path) -> None:
    code = f"{WRITE}; import sys; assert 'torch' not in sys.modules"
    assert recorded(tmp_path, code).torch is None


def test_torch_s_settings_are_recorded_where_it_is_loaded(tmp_path: Path) -> None:
    found = recorded(tmp_path, f"import torch; torch.set_num_threads(3); {WRITE}").torch
    assert found is not None
    assert (found.threads, found.deterministic_algorithms, found.float32_matmul_precision) == (3, False, "highest")


def test_settings_of_the_training_are_recorded_although_they_are_put_back(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
import torch
from urial.microworld.training.training import train_pair
from urial.records.plans import TrainedModels
torch.set_num_threads(1)
plan = TrainedModels(kind="microworld", seed=0, documents=5, chats=1)
train_pair(plan, 2, Path("pair"), print)
assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (1, False)
{WRITE}
"""
    found = recorded(tmp_path, code).torch
    assert found is not None
    assert (found.threads, found.deterministic_algorithms) == (2, True)


def test_settings_that_torch_refuses_to_tell_are_null(tmp_path: Path) -> None:
    code = """
import torch
from urial.records.environment import cuda_settings
assert cuda_settings().matmul_tf32 is False
torch.set_float32_matmul_precision("high")
torch.backends.cuda.matmul.fp32_precision = "ieee"
assert cuda_settings().matmul_tf32 is None
"""
    done = run_python(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=[]), max_size=300))
def test_any_value_of_a_variable_can_be_written(value: str) -> None:
    raw = value.encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "OMP_NUM_THREADS", raw.decode("utf-8", "surrogateescape"))
        patch.delenv("PYTHONHASHSEED", raising=False)
        found = environment().variables
    assert found["PYTHONHASHSEED"] is None
    written = found["OMP_NUM_THREADS"]
    assert written is not None
    assert len(written) <= 100
    assert json.loads(json.dumps(written, ensure_ascii=False).encode("utf-8")) == written
    if raw.isascii():
        assert written == value[:100]


def test_the_hash_seed_is_recorded(tmp_path: Path) -> None:
    assert recorded(tmp_path, PYTHONHASHSEED="7").variables["PYTHONHASHSEED"] == "7"


@pytest.mark.skipif(platform.system() != "Linux", reason="elsewhere there is no /proc/cpuinfo")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"processor\t: 0\nmodel name\t: AMD EPYC 9: x \nmodel name\t: other\n", "AMD EPYC 9: x"),
        (b"model name\t: caf\xe9\n", "caf\ufffd"),
        (b"model name\t:\nHardware\t: BCM2835\n", platform.processor() or None),
        (b"", platform.processor() or None),
        (b"\xff\xfe\x00", platform.processor() or None),
        (None, platform.processor() or None),
    ],
)
def test_the_cpu_s_name(tmp_path: Path, text: bytes | None, name: str | None) -> None:
    if text is not None:
        (tmp_path / "cpuinfo").write_bytes(text)
    assert cpu_model(tmp_path / "cpuinfo") == name
