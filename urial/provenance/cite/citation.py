"""What a paper says about a run: which state it is, its numbers, and how to get it back; as BibTeX, Markdown or LaTeX."""

from dataclasses import replace
from importlib.metadata import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import read_json
from urial.core.tables import Table
from urial.core.text import one_line
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.cite.bibtex import bibtex
from urial.provenance.cite.records import Citation
from urial.provenance.cite.sources import sources_of
from urial.records.base import Hash
from urial.records.judge import describe
from urial.records.left_out import describe_left_out
from urial.records.report import Report
from urial.records.token_shift import describe_given
from urial.report.tables import preference_table
from urial.run.folders import RunState, run_folder
from urial.run.git import git
from urial.run.paths import REPORT
from urial.run.reader import require_here
from urial.statistics.tables import ScoreRow, score_table, shift_table

CITATION = "CITATION.cff"
# Digits of the digests in an identifier. The commit, which fixes them all, is whole.
DIGITS = 16


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
    with run_folder(revision, root=root, needs=None if revision is None else (REPORT.path(),)) as run:
        path, commit = run.path / REPORT.path(), run.state.commit
        require_here(path, run.path)
        if not path.is_file():
            raise UrialError("no report to cite", path=path, fix="run `dvc repro`, or name a revision that has one")
        try:
            report = read_json(path, Report)
        except UrialError as error:
            raise error.but(fix="if another version of urial wrote it, cite with that one") from error
        software = _software(run.path / CITATION)
        url, restore, caveats = sources_of(run, root, online)
        versions = {system.prompt: system.prompt_hash for system in report.systems.values() if system.prompt_hash}
        prompts = content_hash(versions)
        return Citation(
            **dict(run.state),
            identifier=_identifier(run.state, report.instructions_hash, prompts),
            title=software.title,
            authors=tuple(map(str, software.authors)),
            version=software.version,
            licence=software.licence,
            author=_of_commit(root, commit, "%an"),
            year=int(_of_commit(root, commit, "%cd") or 0) or None,
            url=url,
            data=report.instructions_hash,
            prompts=prompts,
            prompt_versions=versions,
            judge=describe(report.judge) if report.judge else None,
            confidence=report.confidence,
            study=report.study,
            left_out=report.left_out,
            systems=report.systems,
            preference_judge=report.preference_judge,
            preferences=report.preferences,
            token_shift=report.token_shift,
            given=report.given,
            restore=tuple(restore),
            caveats=tuple(caveats),
        )


def _of_commit(root: Path, commit: str | None, form: str) -> str | None:
    """What git says of a commit; None where there is none, or nothing."""
    if commit is None:
        return None
    return git(root, "show", "--no-patch", f"--format={form}", "--date=format:%Y", commit).strip() or None


def _software(path: Path) -> _Software:
    """What the repository says of itself; where it does not, what the installed package does."""
    if path.is_file():
        return parse_yaml_record(path, _Software)
    package = metadata("urial")
    return _Software.model_validate(
        {
            "title": f"urial: {package['Summary']}",
            "authors": [{"name": "The urial developers"}],
            "version": package["Version"],
            "license": package["License-Expression"],
        }
    )


def _identifier(run: RunState, data: Hash, prompts: Hash) -> str:
    """``urial COMMIT (experiment NAME) lock sha256:… data sha256:… prompts sha256:…``.

    The commit is whole, with ``-dirty`` where files differ from it; digests are cut to ``DIGITS`` digits. A commit fixes
    the lock, and the lock all data; the digests can be checked without git.
    """
    commit = f"{run.commit or 'uncommitted'}{'-dirty' if run.dirty else ''}"
    experiment = f" (experiment {run.experiment})" if run.experiment else ""
    digests = {"lock": run.lock, "data": data, "prompts": prompts}
    parts = [f"{kind} {digest[: len('sha256:') + DIGITS]}" for kind, digest in digests.items() if digest]
    return " ".join([f"urial {commit}{experiment}", *parts])


def as_text(citation: Citation) -> str:
    """Everything: the identifier, each form, and the commands."""
    forms = {"BibTeX": bibtex, "Markdown": markdown, "LaTeX": latex}
    parts = [one_line(citation.identifier), *(f"{name}:\n\n{write(citation)}" for name, write in forms.items())]
    if citation.restore:
        commands = "\n".join(citation.restore)
        parts.append(f"To restore this state, in an empty folder where urial and DVC are installed:\n\n{commands}")
    return "\n\n".join(parts)


def markdown(citation: Citation) -> str:
    """The numbers as tables, under the identifier."""
    tables = [table.markdown() for table in tables_of(citation)]
    left_out = describe_left_out(citation.study, citation.left_out)
    # The table of scores says it, where there is one.
    if citation.judge is None and left_out:
        tables.append(left_out)
    return "\n".join([f"`{one_line(citation.identifier)}`\n", *tables]).rstrip("\n")


def latex(citation: Citation) -> str:
    """The numbers as tables across both columns; no package is needed."""
    return "\n\n".join(table.latex() for table in tables_of(citation))


def tables_of(citation: Citation) -> list[Table]:
    """Scores where answers are judged, win rates where they are compared, and token shift where it was measured."""
    left_out = describe_left_out(citation.study, citation.left_out)
    percent = f"{100 * citation.confidence:g}"
    scores = score_table(
        ["system", "prompt"],
        [
            ScoreRow([name, figures.prompt], figures.aspects, figures.average)
            for name, figures in citation.systems.items()
        ],
        caption=f"{citation.identifier}. Means with {percent} % bootstrap intervals; judge: {citation.judge or 'none'}; "
        f"scored/total counts aspects, and only scored ones are in a mean.{f' {left_out}' if left_out else ''}",
    )
    tables = [] if citation.judge is None else [scores]
    if compared := preference_table(citation.preferences, citation.preference_judge):
        tables.append(replace(compared, caption=f"{citation.identifier}. {compared.caption}"))
    if not citation.token_shift:
        return tables
    whose = describe_given(citation.given)
    caption = f"{citation.identifier}. With {percent} % bootstrap intervals over answers.{f' {whose}' if whose else ''}"
    rows = (([context], figures) for context, figures in citation.token_shift.items())
    return [*tables, shift_table(["base context"], rows, ["positions", "answers"], caption)]


FORMATS = {"text": as_text, "bibtex": bibtex, "markdown": markdown, "latex": latex}
