"""What kinds of files `urial agreement` was given, and which agreement is theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.store import first_fields
from urial.core.strict_json import first_twice
from urial.judge.files.agreement import score_agreement
from urial.judge.files.agreement_records import PreferenceAgreement
from urial.judge.files.people import read_people
from urial.judge.files.preference_agreement import preference_agreement
from urial.judge.files.records import Agreement
from urial.judge.files.unimported import require_imported
from urial.records.people import PersonPreference, PersonScore
from urial.statistics.bootstrap import Bootstrap

# Fields of what people said; what a judge said in full is FastChat's.
PEOPLES = {"person", "winner", "preference", "score"}


@dataclass
class Raters:
    """Files by what is in them."""

    judgments: list[Path] = field(default_factory=list)
    preferences: list[Path] = field(default_factory=list)
    scores: dict[Path, list[PersonScore]] = field(default_factory=dict)
    people: dict[Path, list[PersonPreference]] = field(default_factory=dict)


def agreement_of(paths: Sequence[Path], top: int, bootstrap: Bootstrap) -> Agreement | PreferenceAgreement:
    """The agreement of the raters of these files, judges before people. Raises UrialError where they rated nothing alike."""
    if (twice := first_twice(path.absolute() for path in paths)) is not None:
        raise UrialError("named twice", path=twice, fix="name each file once")
    raters = sorted_files(paths)
    of_scores, of_preferences = [*raters.judgments, *raters.scores], [*raters.preferences, *raters.people]
    if of_scores and of_preferences:
        raise UrialError(
            f"{of_scores[0]} has scores, and {of_preferences[0]} preferences",
            expected="raters of the same kind",
            fix="compare scores with scores, and preferences with preferences",
        )
    if len(paths) == 1 and (raters.judgments or raters.preferences):
        raise UrialError(
            "one judge's file alone",
            path=paths[0],
            expected="another judge's, people's, or a second judging to compare with",
        )
    if of_scores:
        return score_agreement(raters.judgments, raters.scores, top, bootstrap)
    return preference_agreement(raters.preferences, raters.people, top, bootstrap)


def sorted_files(paths: Sequence[Path]) -> Raters:
    """The files by what is in them: a record of this project tells itself by its fields, and all else is people's.

    Raises UrialError for another tool's file of what a judge said.
    """
    raters = Raters()
    for path in paths:
        fields = first_fields(path) if path.suffix.lower() == ".jsonl" else set()
        if "comparisons" in fields:
            raters.preferences.append(path)
        elif path.suffix.lower() == ".jsonl" and ("judgment" in fields or not PEOPLES & fields):
            require_imported(path, "judgments")
            raters.judgments.append(path)
        else:
            rows = read_people(path)
            scores = [row for row in rows if isinstance(row, PersonScore)]
            if scores:
                raters.scores[path] = scores
            else:
                raters.people[path] = [row for row in rows if isinstance(row, PersonPreference)]
    return raters


def has_preferences(path: Path) -> bool:
    """Whether a file has preferences of this project."""
    return "comparisons" in first_fields(path)
