"""What a run is cited as: printed by `urial cite --format json`."""

from pydantic import Field

from urial.provenance.cite.sources import Caveat
from urial.records.base import Hash, Name
from urial.records.left_out import LeftOut
from urial.records.preference import PreferenceJudge
from urial.records.report import ComparedFigures, SystemFigures
from urial.records.shift_figures import ShiftFigures
from urial.records.token_shift import ShiftMeasurement
from urial.run.folders import RunState


class Citation(RunState):
    """What to cite a run as: printed by `urial cite --format json`."""

    identifier: str = Field(description="one line that names this state and no other")
    title: str = Field(description="of the software, from CITATION.cff")
    author: str | None = Field(description="who made the commit, as git names them; null: there is none")
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
        description="what has no figures, since the study lacks a model or the stages do not load it; left out: nothing",
    )
    systems: dict[Name, SystemFigures] = Field(description="figures by system, as in report.json")
    preference_judge: PreferenceJudge | None = Field(default=None, description="who compared answers; null: nobody did")
    preferences: dict[Name, ComparedFigures] = Field(default={}, description="win rates by system, as in report.json")
    token_shift: dict[Name, ShiftFigures] = Field(description="figures by measurement, as in report.json")
    given: tuple[ShiftMeasurement, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="which of these are of given answers, as in report.json; left out: none",
    )
    restore: tuple[str, ...] = Field(description="shell commands that restore this state in an empty folder")
    caveats: tuple[Caveat, ...] = Field(
        description="why the citation may not hold; none: nothing known speaks against it"
    )
