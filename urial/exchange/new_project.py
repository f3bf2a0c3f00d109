"""A fresh project: what `urial init` writes. Its stages run the installed urial; its params.yaml and prompts are its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.store import write_json, write_text
from urial.records.base import Role
from urial.records.model import FolderModel, GgufModel, LocalReference
from urial.records.params.safety_depth import MICROWORLD_ANSWERS
from urial.run.git import is_installed, top_of
from urial.run.lockfile import LOCK
from urial.run.package import PACKAGE, installed_package
from urial.run.paths import BLENDED_TOKENS, DATA, PREFERENCES, PREFILLED, PREFILLED_VERDICTS
from urial.run.pipeline import PARAMETERS, PIPELINE
from urial.run.project import find_root, shipped
from urial.token_shift.files.measure_file import require_there

# What a study changes is copied; the rest comes with the package.
COPIED = ("instructions", "prompts")
HEADER = f"""\
# The pipeline of the installed urial: plan -> models, instructions -> assemble -> generate -> token_shift, judge, preferences
# -> report. Every stage depends on {PACKAGE}, which says which urial that is, to the byte. `urial init --update` writes
# both anew; what is measured stands in {PARAMETERS}.

"""
SMALL_FILES = {
    ".gitignore": "__pycache__/\n.venv/\n# What a killed stage leaves.\n.*.tmp\n.making-*/\n",
    ".gitattributes": "# Released prompts are known by their bytes.\nprompts/** text eol=lf\n",
    ".dvcignore": "__pycache__\n*.pyc\n.venv\n# DVC leaves former systems in them.\n"
    f"/{DATA}/**/.gitignore\n"
    "# What a killed stage leaves is no output.\n.*.tmp\n.making-*\n",
}
# All that comes into the folder.
MADE = (*COPIED, *SMALL_FILES, PARAMETERS, PIPELINE, PACKAGE, DATA, ".git", ".dvc")
STUDY = "own"
# The systems of a study of one's own: what a first look needs, and no more. Without an aligned model, what needs it is left out.
SYSTEMS = ("aligned", "base-zero-shot", "base-urial")


@dataclass(frozen=True)
class OwnModels:
    """The pair that a new project studies instead of the embedded one; without an aligned model, the base model alone."""

    base: LocalReference
    aligned: LocalReference | None = None


def make_project(folder: Path, models: OwnModels | None = None) -> None:
    """Make a folder a project under git and DVC; files that are there stay.

    Raises UrialError, before anything is written, where it is in a project already, or has a file of these names.
    """
    if folder.exists() and not folder.is_dir():
        raise UrialError("is no folder", path=folder, fix="name another one")
    if (root := find_root(_nearest(folder))) is not None:
        raise UrialError(f"is in the project {root}", path=folder, fix="name another folder, or work in that project")
    for name in (*COPIED, PIPELINE, PARAMETERS, PACKAGE, DATA, LOCK):
        if (folder / name).exists() or (folder / name).is_symlink():
            raise UrialError("already exists", path=folder / name, fix="name another folder, or move it away")
    named: tuple[tuple[Role, LocalReference | None], ...] = (
        (("base", models.base), ("aligned", models.aligned)) if models else ()
    )
    for role, model in named:
        require_there(model, role)
    with _nothing_left(folder):
        try:
            _write(folder, models)
        except OSError as error:
            raise UrialError(
                f"cannot be written: {error.strerror}", path=error.filename, fix="name another folder"
            ) from error
        _under_control(folder)


@contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Take away what the block made, where it fails: half a project could not be made a whole one."""
    made, new = not folder.exists(), [name for name in MADE if not os.path.lexists(folder / name)]
    try:
        yield
    except BaseException:
        for name in new:
            shutil.rmtree(folder / name, ignore_errors=True)
            with suppress(OSError):
                (folder / name).unlink()
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _write(folder: Path, models: OwnModels | None) -> None:
    for name in COPIED:
        shutil.copytree(shipped() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name, text in SMALL_FILES.items():
        if not (folder / name).exists():
            write_text(folder / name, text)
    # The stage report depends on whole folders, also where the loop that fills one has no items.
    for kind in (PREFERENCES, BLENDED_TOKENS, PREFILLED, PREFILLED_VERDICTS):
        write_text(folder / kind.folder / ".gitignore", "")
    shutil.copyfile(shipped() / PARAMETERS, folder / PARAMETERS)
    if models is not None:
        _study(folder / PARAMETERS, models)
    update_package(folder)


def update_package(root: Path) -> None:
    """Write a project's pipeline, and the record of what runs it, for the installed urial."""
    write_json(root / PACKAGE, installed_package())
    write_text(root / PIPELINE, pipeline_text((shipped() / PIPELINE).read_text("utf-8")))


def pipeline_text(text: str) -> str:
    """The pipeline of a checkout for a project without code: its stages are those of the package, and depend on its record."""
    lines = []
    for line in text[text.index("stages:\n") :].splitlines():
        if re.match(r" +- (stages|urial|schemas)/", line):
            continue
        lines.append(line.replace("cmd: python -m stages.", "cmd: python -m urial.run.stage "))
        if line.strip() == "deps:":
            lines.append(f"{line.removesuffix('deps:')}  - {PACKAGE}")
    return HEADER + "\n".join(lines) + "\n"


_MICROWORLD = (*MICROWORLD_ANSWERS.values(),)


def _nearest(folder: Path) -> Path:
    """The folder, or what is there of the folders above it."""
    absolute = folder.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.is_dir())


def _study(path: Path, models: OwnModels) -> None:
    """Let params.yaml study these models, with few systems and without a judge, in the form that DVC writes."""
    from dvc.utils.serialize import modify_yaml

    study: dict[str, Any] = {"kind": "models", "base": _reference(models.base)}
    if models.aligned is not None:
        study["aligned"] = _reference(models.aligned)
    if not any(isinstance(model, GgufModel) for model in (models.base, models.aligned)):
        study["loading"] = {"dtype": "auto"}
    study |= {"max_new_tokens": 512, "instructions": "everyday"}
    with modify_yaml(str(path)) as params:
        params["run"] |= {"study": STUDY, "judge": None}
        for name in [name for name in params["systems"] if name not in SYSTEMS]:
            del params["systems"][name]
        params["preferences"]["systems"] = []
        # Of the micro-world's own answers; what is unsafe in others' instructions, and how it is answered, is theirs to say.
        params["safety_depth"]["systems"] = []
        for name in [name for name, given in params["token_shift"]["given"].items() if given["answers"] in _MICROWORLD]:
            del params["token_shift"]["given"][name]
        # Two models for each answer: for those who ask for it.
        params["blends"] = {}
        params["studies"].insert(0, STUDY, study)
    # The line went with the last system.
    write_text(path, re.sub(r"(?<!\n)\n(?=decoding:)", "\n\n", path.read_text("utf-8")))


def _reference(model: LocalReference) -> dict[str, Any]:
    """A model as params.yaml names it; a path from wherever the command ran is made absolute."""
    if isinstance(model, FolderModel):
        model = model.model_copy(update={"folder": str(model.path.parent.absolute() / model.path.name)})
    elif isinstance(model, GgufModel):
        model = model.model_copy(update={"gguf": str(model.path.absolute())})
    return model.model_dump(exclude_none=True)


def _under_control(folder: Path) -> None:
    """`git init` where the folder is in no repository, and `dvc init` where DVC does not have it yet."""
    options = []
    if is_installed():
        if (top := top_of(folder)) is None:
            _run("git", "init", "--quiet", cwd=folder)
        elif top != folder.resolve():
            options = ["--subdir"]
    elif top_of(folder) is None:
        options = ["--no-scm"]
    if not (folder / ".dvc").exists():
        _run(sys.executable, "-m", "dvc", "init", "--quiet", *options, cwd=folder)


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise UrialError(
            f"{' '.join(command[-3:])} failed: {said}",
            path=cwd,
            fix="correct what it names, and run `urial init` again",
        )
