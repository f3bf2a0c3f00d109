"""What a paper says about a run: which state it is, its numbers, and how to get it back."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import read_json
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.cite.sources import Caveat, caveats, restore_commands, sources_of
from urial.records.base import Hash, Name
from urial.records.judgment import describe
from urial.records.report import Report, ShiftFigures, SystemFigures
from urial.run.folders import RunFolder, RunState, run_folder
from urial.run.git import git
from urial.run.paths import REPORT

CITATION = "CITATION.cff"
# Digits of the digests in an identifier. The commit, which fixes them all, is whole.
DIGITS = 16


class Citation(RunState):
    """What to cite a run as: printed by `urial cite --format json`."""

    identifier: str = Field(description="one line that names this state and no other")
    title: str = Field(description="of the software, from CITATION.cff")
    authors: tuple[str, ...] = Field(description="of the software, 'Family, Given' for people")
    version: str | None = Field(description="of the software")
    licence: str | None = Field(description="of the software")
    year: int | None = Field(description="of the commit; null: there is none")
    url: str | None = Field(description="of the git remote, without credentials; null: there is none")
    data: Hash = Field(description="content hash of the instructions, as in report.json")
    prompts: Hash = Field(description="content hash of `prompt_versions`")
    prompt_versions: dict[str, Hash] = Field(description="hash by name of the prompt versions that systems used")
    judge: str | None = Field(description="the judge, in words; null: there are no judgments")
    confidence: float = Field(description="coverage of every interval")
    systems: dict[Name, SystemFigures] = Field(description="figures by system, as in report.json")
    token_shift: dict[Name, ShiftFigures] = Field(description="figures by base context, as in report.json")
    restore: tuple[str, ...] = Field(description="shell commands that restore this state in an empty folder")
    caveats: tuple[Caveat, ...] = Field(
        description="why the citation may not hold; none: nothing known speaks against it"
    )


class _Author(BaseModel):
    """A person or an entity of the Citation File Format 1.2.0."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str | None = None
    given_names: str | None = Field(default=None, alias="given-names")
    name_particle: str | None = Field(default=None, alias="name-particle")
    family_names: str | None = Field(default=None, alias="family-names")

    def __str__(self) -> str:
        family = " ".join(filter(None, (self.name_particle, self.family_names)))
        return self.name or ", ".join(filter(None, (family, self.given_names))) or "anonymous"


class _Software(BaseModel):
    """The fields of a CITATION.cff that a citation needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str
    authors: tuple[_Author, ...]
    version: str | None = None
    licence: str | None = Field(default=None, alias="license")


def cite(revision: str | None = None, *, root: Path = Path(), online: bool = False) -> Citation:
    """The citation of the work tree (None), or of a revision or experiment.

    Remotes on other machines are asked only when ``online``. Raises UrialError where there is no such run or no report.
    """
    with run_folder(revision, root=root, needs=None if revision is None else (REPORT.path(),)) as folder:
        return cite_folder(folder, root, online)


def cite_folder(folder: RunFolder, root: Path, online: bool) -> Citation:
    """The citation of a run in a folder; ``root`` is the repository that its commit is in."""
    report = _report(folder.path / REPORT.path())
    software = parse_yaml_record(folder.path / CITATION, _Software)
    sources = sources_of(folder, root, online)
    versions = {system.prompt: system.prompt_hash for system in report.systems.values() if system.prompt_hash}
    data, prompts = report.instructions_hash, content_hash(versions)
    return Citation(
        **dict(folder.state),
        identifier=identifier(folder.state, data, prompts),
        title=software.title,
        authors=tuple(map(str, software.authors)),
        version=software.version,
        licence=software.licence,
        year=_year(folder.state.commit, root) if folder.state.commit else None,
        url=sources.git_remote.url if sources.git_remote else None,
        data=data,
        prompts=prompts,
        prompt_versions=versions,
        judge=describe(report.judge) if report.judge else None,
        confidence=report.confidence,
        systems=report.systems,
        token_shift=report.token_shift,
        restore=restore_commands(sources),
        caveats=caveats(sources),
    )


def identifier(run: RunState, data: Hash, prompts: Hash) -> str:
    """``urial COMMIT (experiment NAME) lock sha256:… data sha256:… prompts sha256:…``.

    The commit is whole, with ``-dirty`` where files differ from it; digests are cut to ``DIGITS`` digits. A commit fixes
    the lock, and the lock all data; the digests can be checked without git.
    """
    commit = f"{run.commit or 'uncommitted'}{'-dirty' if run.dirty else ''}"
    experiment = f" (experiment {run.experiment})" if run.experiment else ""
    digests = {"lock": run.lock, "data": data, "prompts": prompts}
    parts = [f"{kind} {digest[: len('sha256:') + DIGITS]}" for kind, digest in digests.items() if digest]
    return " ".join([f"urial {commit}{experiment}", *parts])


def _report(path: Path) -> Report:
    if not path.is_file():
        raise UrialError("no report to cite", path=path, fix="run `dvc repro`, or name a revision that has one")
    try:
        return read_json(path, Report)
    except UrialError as error:
        raise error.but(fix="if another version of urial wrote it, cite with that one") from error


def _year(commit: str, root: Path) -> int:
    return int(git(root, "show", "--no-patch", "--format=%cd", "--date=format:%Y", commit))
