"""The environment record: what a stage ran on, written beside its output.

It holds no time, host, user or path, so that the same machine gives the same bytes. No stage depends on it.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from urial import __version__
from urial.records.base import Record

# Those whose version can change a number, a row or a file.
PACKAGES = (
    "accelerate", "altair", "bitsandbytes", "bm25s", "datasets", "dvc", "faiss-cpu", "gguf", "huggingface-hub", "jinja2",
    "llguidance", "llvmlite", "numba", "numpy", "openai", "pandas", "peft", "pyarrow", "pydantic", "regex", "safetensors", "scipy",
    "sentence-transformers", "tokenizers", "torch", "transformers", "vl-convert-python",
)  # fmt: skip
# Those that decide on threads and on how numbers are rounded.
VARIABLES = (
    "ATEN_CPU_CAPABILITY", "CUBLAS_WORKSPACE_CONFIG", "MKL_CBWR", "MKL_NUM_THREADS", "NUMBA_CPU_FEATURES",
    "NUMBA_CPU_NAME", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip
_LONGEST_VALUE = 100


class CudaSettings(Record):
    """The GPUs and what decides on how they round."""

    gpus: tuple[str, ...] = Field(description="model of every GPU that the process could see")
    cuda: str | None = Field(description="version of CUDA that torch was built for; null: another platform")
    cudnn: int | None = Field(description="version of cuDNN as torch numbers it; null: none")
    cudnn_deterministic: bool = Field(description="torch.backends.cudnn.deterministic")
    cudnn_benchmark: bool = Field(description="torch.backends.cudnn.benchmark: kernels are chosen by their speed")
    cudnn_tf32: bool | None = Field(description="torch.backends.cudnn.allow_tf32; null: torch does not say")
    matmul_tf32: bool | None = Field(description="torch.backends.cuda.matmul.allow_tf32; null: torch does not say")


class TorchSettings(Record):
    """What decides on how torch computes, as it was while a model was trained or run."""

    threads: int = Field(ge=1, description="torch.get_num_threads()")
    cpu_capability: str = Field(description="instruction set of the CPU kernels, such as AVX2")
    deterministic_algorithms: bool = Field(description="torch.are_deterministic_algorithms_enabled()")
    float32_matmul_precision: str = Field(description="torch.get_float32_matmul_precision(); highest: no TF32")
    cuda: CudaSettings | None = Field(description="null: no CUDA device")


class EngineVersion(Record):
    """The inference server that a stage started."""

    name: str = Field(description="such as vLLM")
    version: str = Field(description="as the server says")


class Environment(Record):
    """What a stage ran on. Rows that the row cache had already may have been computed elsewhere."""

    python: str = Field(description="version of Python")
    implementation: str = Field(description="which Python, such as CPython")
    operating_system: str = Field(description="such as Linux")
    machine: str = Field(description="kind of machine, such as x86_64")
    libc: str | None = Field(
        description="C library and its version, which has the mathematical functions; null: unknown"
    )
    cpu: str | None = Field(description="model of the CPU; null: the system does not say")
    logical_cpus: int | None = Field(description="logical CPUs of the machine; null: the system does not say")
    variables: dict[str, str | None] = Field(description="those that decide on threads and rounding; null: not set")
    torch: TorchSettings | None = Field(description="null: the stage loaded no torch, and so no model")
    packages: dict[str, str | None] = Field(
        description="versions of the packages that can change a number; null: not installed"
    )
    engine: EngineVersion | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the inference server that the stage started; absent: it started none",
    )


_observed: list[TorchSettings] = []
_engines: list[EngineVersion] = []


def observe_torch() -> None:
    """Remember torch's settings as they are now, for the record that is written when the work is done.

    To be called where a model is trained or loaded: some settings are put back afterwards.
    """
    _observed[:] = [_torch_settings()]


def observe_engine(name: str, version: str) -> None:
    """Remember the inference server that was started, for the record."""
    _engines[:] = [EngineVersion(name=name, version=version)]


def environment() -> Environment:
    """The environment of this process."""
    packages: dict[str, str | None] = {"urial": __version__, **dict.fromkeys(PACKAGES)}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            packages[name] = importlib.metadata.version(name)
    # A stage must not fail at its very end because of what stands in some variable.
    present = [name for name in VARIABLES if name in os.environ]
    values = {name: os.environ[name][:_LONGEST_VALUE].encode("utf-8", "replace").decode() for name in present}
    # What was observed; else what holds now, unless nothing loaded torch: loading it takes seconds.
    observed = _observed or ([_torch_settings()] if sys.modules.get("torch") else [])
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        operating_system=platform.system(),
        machine=platform.machine(),
        libc=" ".join(platform.libc_ver()).strip() or None,
        cpu=cpu_model(),
        logical_cpus=os.cpu_count(),
        variables={**dict.fromkeys(VARIABLES), **values},
        torch=observed[0] if observed else None,
        packages=packages,
        engine=_engines[0] if _engines else None,
    )


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The CPU's name as its maker writes it; None where the system does not tell."""
    if sys.platform == "darwin":
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or None
    lines: list[str] = []
    with suppress(OSError):
        lines = cpuinfo.read_text("utf-8", errors="replace").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or None


def cuda_settings() -> CudaSettings:
    """The GPUs that torch sees, and its settings for them."""
    import torch

    cudnn = torch.backends.cudnn
    cudnn_tf32: bool | None = None
    matmul_tf32: bool | None = None
    # torch refuses these old questions once a newer setting was used.
    with suppress(RuntimeError):
        cudnn_tf32 = bool(cudnn.allow_tf32)
    with suppress(RuntimeError):
        matmul_tf32 = bool(torch.backends.cuda.matmul.allow_tf32)
    return CudaSettings(
        gpus=tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())),
        cuda=torch.version.cuda,
        cudnn=cudnn.version(),  # type: ignore[no-untyped-call]
        cudnn_deterministic=cudnn.deterministic,
        cudnn_benchmark=cudnn.benchmark,
        cudnn_tf32=cudnn_tf32,
        matmul_tf32=matmul_tf32,
    )


def _torch_settings() -> TorchSettings:
    import torch

    return TorchSettings(
        threads=torch.get_num_threads(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        deterministic_algorithms=torch.are_deterministic_algorithms_enabled(),
        float32_matmul_precision=torch.get_float32_matmul_precision(),
        cuda=cuda_settings() if torch.cuda.is_available() else None,
    )
