"""What a paper says of a run: which state it is, its numbers, and how to get it back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import read_json
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.cite.state import Caveat, caveats, restore_commands, state_of
from urial.records.base import Hash, Name, Record
from urial.records.judge import describe
from urial.records.judgment import ASPECTS, Aspect
from urial.records.report import AspectFigures, Estimate, PositionMean, Report, ShiftFigures, SystemFigures
from urial.run import git as facts
from urial.run.folders import RunFolder, run_folder
from urial.run.lockfile import LOCK, lock_digest

REPORT = "data/report/report.json"
CITATION = "CITATION.cff"
# Digits of the digests in an identifier. The commit, which fixes them all, is whole.
DIGITS = 16


class CitedSystem(Record):
    """One system's scores."""

    prompt: str = Field(description="prompt version COLLECTION/NAME, or 'chat template'")
    prompt_hash: Hash | None = Field(description="content hash of the prompt version")
    aspects: dict[Aspect, AspectFigures] = Field(description="mean scores with intervals and counts")
    average: Estimate = Field(description="mean of the six aspects' means")


class CitedShift(Record):
    """Token distribution shift under one base context."""

    unshifted: Estimate = Field(description="share of positions with base rank 1")
    marginal: Estimate = Field(description="share of positions with base rank 2 or 3")
    shifted: Estimate = Field(description="share of positions with base rank above 3")
    kl: PositionMean = Field(description="mean KL(aligned || base) a position, in nats, where it is exact")
    positions: int = Field(ge=0, description="tokens measured")
    measured: int = Field(ge=0, description="answers measured")


class Citation(Record):
    """What to cite a run as: printed by `urial cite --format json`."""

    identifier: str = Field(description="one line that names this state and no other")
    title: str = Field(description="of the software, from CITATION.cff")
    authors: tuple[str, ...] = Field(description="of the software, 'Family, Given' for people")
    version: str | None = Field(description="of the software")
    licence: str | None = Field(description="of the software")
    year: int | None = Field(description="of the commit; null: there is none")
    url: str | None = Field(description="of the git remote, without credentials; null: there is none")
    commit: str | None = Field(description="full hash; null: the run is not under git")
    experiment: str | None = Field(description="name of the DVC experiment that the commit is, if it is one")
    dirty: tuple[str, ...] = Field(description="files with changes that the commit does not have")
    lock: Hash | None = Field(description="hash of dvc.lock's bytes; null: there is none")
    data: Hash = Field(description="content hash of the instructions, as in report.json")
    prompts: Hash = Field(description="content hash of `prompt_versions`")
    prompt_versions: dict[str, Hash] = Field(description="hash by name of the prompt versions that systems used")
    judge: str | None = Field(description="the judge, in words; null: there are no judgments")
    confidence: float = Field(description="coverage of every interval")
    systems: dict[Name, CitedSystem] = Field(description="scores by system")
    token_shift: dict[Name, CitedShift] = Field(description="token shift by base context")
    restore: tuple[str, ...] = Field(description="shell commands that restore this state in an empty folder")
    caveats: tuple[Caveat, ...] = Field(description="why the citation may not hold; none: all that can be told is well")


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

    Remotes behind a network are asked only when ``online``. Raises UrialError where there is no such run or no report.
    """
    with run_folder(revision, root=root, needs=None if revision is None else (REPORT,)) as folder:
        return cite_folder(folder, root, online)


def cite_folder(folder: RunFolder, root: Path, online: bool) -> Citation:
    """The citation of a run in a folder; ``root`` is the repository that its commit is in."""
    report = _report(folder.path / REPORT)
    software = parse_yaml_record(folder.path / CITATION, _Software)
    state = state_of(folder, root, online)
    prompts = {item.prompt: item.prompt_hash for item in report.systems.values() if item.prompt_hash}
    lock = folder.path / LOCK
    digests = {
        "lock": lock_digest(lock) if lock.is_file() else None,
        "data": report.instructions_hash,
        "prompts": content_hash(prompts),
    }
    fields: dict[str, Any] = {
        **digests,
        **software.model_dump(exclude={"authors"}),
        "systems": {name: cited_system(found) for name, found in report.systems.items()},
        "token_shift": {name: cited_shift(found) for name, found in report.token_shift.items()},
    }
    return Citation(
        identifier=identifier(folder, digests),
        authors=tuple(map(str, software.authors)),
        year=_year(folder.commit, root) if folder.commit else None,
        url=state.source.url if state.source else None,
        commit=folder.commit,
        experiment=folder.experiment,
        dirty=folder.dirty,
        prompt_versions=prompts,
        judge=describe(report.judge) if report.judge else None,
        confidence=report.confidence,
        restore=restore_commands(state),
        caveats=caveats(state),
        **fields,
    )


def identifier(folder: RunFolder, digests: Mapping[str, Hash | None]) -> str:
    """``urial COMMIT (experiment NAME) lock sha256:… data sha256:… prompts sha256:…``.

    The commit is whole, with ``-dirty`` where files differ from it; digests are cut to ``DIGITS`` digits. A commit fixes
    the lock, and the lock all data; the digests can be checked without git.
    """
    state = f"{folder.commit or 'uncommitted'}{'-dirty' if folder.dirty else ''}"
    name = f" (experiment {folder.experiment})" if folder.experiment else ""
    parts = [f"{kind} {found[: len('sha256:') + DIGITS]}" for kind, found in digests.items() if found]
    return " ".join([f"urial {state}{name}", *parts])


def _report(path: Path) -> Report:
    if not path.is_file():
        raise UrialError(f"{path}: no report to cite", fix="run `dvc repro`, or name a revision that has one")
    try:
        return read_json(path, Report)
    except UrialError as error:
        raise UrialError(
            error.what, expected=error.expected, fix="if another version of urial wrote it, cite with that one"
        ) from error


def _year(commit: str, root: Path) -> int:
    return int(facts.git(root, "show", "--no-patch", "--format=%cd", "--date=format:%Y", commit))


def cited_system(found: SystemFigures) -> CitedSystem:
    """What is cited of a system's figures."""
    return CitedSystem(
        prompt=found.prompt,
        prompt_hash=found.prompt_hash,
        aspects={aspect: getattr(found, aspect) for aspect in ASPECTS},
        average=found.average,
    )


def cited_shift(found: ShiftFigures) -> CitedShift:
    """What is cited of the figures of a base context."""
    return CitedShift(**{name: getattr(found, name) for name in CitedShift.model_fields})
