"""Preferences of one or several systems, read and checked: one pair of systems a file, one row an instruction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import bytes_hash
from urial.core.store import read_jsonl
from urial.judge.files.unimported import require_imported
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.preference import Preference, PreferenceJudge, describe_preference_judge
from urial.run.joining import Asked, asked_by, asked_of, require_same_texts

THE_SAME = "compare all systems on the same instructions"


@dataclass(frozen=True)
class PreferenceRows:
    """One system's preferences, in an order that is the same whatever order the file has: that of what is asked."""

    path: Path
    system: str
    baseline: str
    rows: tuple[Preference, ...]
    asked: Asked
    # The row's number in the file, from 0, by instruction id.
    places: Mapping[str, int]

    @property
    def judges(self) -> tuple[PreferenceJudge, ...]:
        """Who compared, each once."""
        return tuple(dict.fromkeys(row.judge for row in self.rows if row.judge is not None))

    def key(self, row: Preference) -> str:
        """What tells the instruction from others: the hash of its text, else its id."""
        return (
            text_hash(self.asked.texts[row.instruction_id])
            if row.instruction_id in self.asked.texts
            else row.instruction_id
        )


def text_hash(text: str) -> str:
    """The first 16 digits of the SHA-256 of a text in UTF-8."""
    return bytes_hash(text.encode("utf-8", "surrogatepass")).removeprefix("sha256:")[:16]


def read_preferences(path: Path) -> PreferenceRows:
    """The preferences in one file. Raises UrialError unless they are of one system and one baseline, and one an instruction."""
    require_imported(path, "preferences")
    rows = read_jsonl(path, Preference)
    if not rows:
        raise UrialError("no rows", path=path, expected="preferences, one a line")
    first, lines = rows[0], dict[str, int]()
    for number, row in enumerate(rows, start=1):
        problem = expected = fix = None
        if row.judge is None:
            problem, fix = "not judged: the run has no judge", "compare the answers with a judge"
        elif (row.system, row.baseline) != (first.system, first.baseline):
            problem = f"{row.system} against {row.baseline}, and line 1 {first.system} against {first.baseline}"
            expected = "one system and one baseline a file"
        elif row.instruction_id in lines:
            problem = f"{shorten(row.instruction_id)} again, as in line {lines[row.instruction_id]}"
            expected = "one row an instruction"
        if problem:
            raise UrialError(problem, path=path, line=number, expected=expected, fix=fix)
        lines[row.instruction_id] = number
    places = {name: number - 1 for name, number in lines.items()}
    return _ordered(PreferenceRows(path, first.system, first.baseline, tuple(rows), asked_by(path, rows), places))


def read_files(paths: Sequence[Path]) -> list[PreferenceRows]:
    """One system a file. Raises UrialError unless pairs differ, and ids mean the same in all."""
    systems = [read_preferences(path) for path in paths]
    seen: dict[tuple[str, str], Path] = {}
    for system in systems:
        pair = system.system, system.baseline
        if pair in seen:
            raise UrialError(
                f"{seen[pair]} and {system.path}: both of {pair[0]} against {pair[1]}",
                expected="one file a system",
                fix="to compare two judges of one pair use `urial agreement`; two systems need two names",
            )
        seen[pair] = system.path
    for one, other in combinations(systems, 2):
        require_same_texts(one.asked, other.asked, THE_SAME)
    return systems


def with_texts(
    systems: Sequence[PreferenceRows], path: Path, instructions: Sequence[Instruction]
) -> list[PreferenceRows]:
    """The systems with the texts of the instructions in a file. Raises UrialError where their own are others."""
    given = asked_of(path, instructions)
    for system in systems:
        require_same_texts(given, system.asked, "name the instructions that were compared with --instructions FILE")
    return [
        _ordered(replace(system, asked=Asked(system.path, {**given.texts, **system.asked.texts}, given.later)))
        for system in systems
    ]


def require_one_judge(systems: Sequence[PreferenceRows]) -> None:
    """Raises UrialError where several judges compared."""
    judges = {judge: system.path for system in systems for judge in system.judges}
    if len(judges) > 1:
        raise UrialError(
            "different judges, whose preferences do not compare",
            where="; ".join(
                f"{path}: {shorten(describe_preference_judge(judge), 1_000)}"
                for judge, path in list(judges.items())[:2]
            ),
            expected="one judge",
            fix="let one judge compare all, or let them be shown side by side with --mixed-judges",
        )


def _ordered(system: PreferenceRows) -> PreferenceRows:
    return replace(system, rows=tuple(sorted(system.rows, key=lambda row: (system.key(row), row.instruction_id))))


def answers_of(
    systems: Sequence[PreferenceRows], files: Iterable[tuple[Path, Sequence[Completion]]]
) -> dict[str, dict[str, str]]:
    """The answers of systems in files of answers, by system and instruction.

    Raises UrialError for a file of none, for those of another system, and where they answer something else than was compared.
    """
    texts: dict[str, dict[str, str]] = {}
    named = {system.system: system for system in systems}
    for path, rows in files:
        if not rows:
            raise UrialError("no answers", path=path, expected="a system's answers")
        for name in dict.fromkeys(row.system for row in rows):
            if name not in named:
                raise UrialError(
                    f"answers of {name!r}", path=path, expected=f"of the systems compared: {', '.join(named)}",
                    fix=did_you_mean(name, named),
                )  # fmt: skip
            own = [row for row in rows if row.system == name]
            require_same_texts(named[name].asked, asked_by(path, own), "name the answers that were compared")
            texts[name] = {row.instruction_id: row.split()[1] for row in own if row.answer is not None}
    return texts
