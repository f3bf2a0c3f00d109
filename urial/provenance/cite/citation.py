"""What a paper says about a run: which state it is, its numbers, and how to get it back; as BibTeX, Markdown or LaTeX."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.store import read_json
from urial.core.tables import Table, escape_latex
from urial.core.text import one_line
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.cite.sources import Caveat, sources_of
from urial.records.base import Hash, Name
from urial.records.judge import describe
from urial.records.left_out import LeftOut, describe_left_out
from urial.records.preference import PreferenceJudge
from urial.records.report import ComparedFigures, Report, SystemFigures
from urial.records.shift_figures import ShiftFigures
from urial.report.tables import preference_table
from urial.run.folders import RunState, run_folder
from urial.run.git import git
from urial.run.paths import REPORT
from urial.statistics.tables import ScoreRow, score_table, shift_table

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
    judge: str | None = Field(description="the judge, in words; null: the answers are not judged")
    confidence: float = Field(description="coverage of every interval")
    study: Name = Field(description="the study, as in report.json")
    left_out: LeftOut = Field(
        default=LeftOut(),
        exclude_if=lambda value: value == LeftOut(),
        description="what has no figures, since the study has no aligned model; left out: nothing",
    )
    systems: dict[Name, SystemFigures] = Field(description="figures by system, as in report.json")
    preference_judge: PreferenceJudge | None = Field(default=None, description="who compared answers; null: nobody did")
    preferences: dict[Name, ComparedFigures] = Field(default={}, description="win rates by system, as in report.json")
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
    with run_folder(revision, root=root, needs=None if revision is None else (REPORT.path(),)) as run:
        path, commit = run.path / REPORT.path(), run.state.commit
        if not path.is_file():
            raise UrialError("no report to cite", path=path, fix="run `dvc repro`, or name a revision that has one")
        try:
            report = read_json(path, Report)
        except UrialError as error:
            raise error.but(fix="if another version of urial wrote it, cite with that one") from error
        software = parse_yaml_record(run.path / CITATION, _Software)
        url, restore, caveats = sources_of(run, root, online)
        versions = {system.prompt: system.prompt_hash for system in report.systems.values() if system.prompt_hash}
        prompts, date = content_hash(versions), ("show", "--no-patch", "--format=%cd", "--date=format:%Y")
        return Citation(
            **dict(run.state),
            identifier=_identifier(run.state, report.instructions_hash, prompts),
            title=software.title,
            authors=tuple(map(str, software.authors)),
            version=software.version,
            licence=software.licence,
            year=int(git(root, *date, commit)) if commit else None,
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
            restore=tuple(restore),
            caveats=tuple(caveats),
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


def bibtex(citation: Citation) -> str:
    """An entry that BibTeX and biblatex both take: @misc, since old styles know no @software."""
    # Braces keep an entity's name, and capitals, as they are.
    authors = [escape_latex(name) if "," in name else f"{{{escape_latex(name)}}}" for name in citation.authors]
    software = {"version": citation.version, "licence": citation.licence}
    described = ", ".join(["Software", *(f"{word} {value}" for word, value in software.items() if value)])
    # A field's braces must match, and a URL needs none.
    url = one_line(citation.url or "").replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
    fields = {
        "author": " and ".join(authors),
        "title": f"{{{escape_latex(citation.title)}}}",
        "year": None if citation.year is None else str(citation.year),
        "howpublished": escape_latex(described),
        "url": url,
        "note": escape_latex(citation.identifier),
    }
    lines = [f"  {name:<12} = {{{value}}}," for name, value in fields.items() if value]
    key = f"urial-{citation.commit[:12] if citation.commit else citation.data[7:19]}"
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def markdown(citation: Citation) -> str:
    """The numbers as tables, under the identifier."""
    tables = "\n".join(table.markdown() for table in tables_of(citation))
    return f"`{one_line(citation.identifier)}`\n\n{tables}".rstrip("\n")


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
    caption = f"{citation.identifier}. With {percent} % bootstrap intervals over answers."
    rows = (([context], figures) for context, figures in citation.token_shift.items())
    return [*tables, shift_table(["base context"], rows, ["positions", "answers"], caption)]


FORMATS = {"text": as_text, "bibtex": bibtex, "markdown": markdown, "latex": latex}
