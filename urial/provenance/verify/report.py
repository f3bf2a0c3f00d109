"""The report, computed and written again from the rows, and the README's figures."""

import re
from collections.abc import Iterator
from pathlib import Path

from urial.core.errors import UrialError
from urial.provenance.verify.canonical_bytes import form_difference
from urial.provenance.verify.files import kept_by_git
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.records.base import Record
from urial.report.inputs import read_inputs
from urial.report.site import write_report
from urial.report.tables import report_text
from urial.run.differences import compared, content_difference, dotted, json_differences
from urial.run.git import experiment_of, head_of, in_repository
from urial.run.paths import DATA, METRICS, REPORT, REPORT_FOLDER, RunFile
from urial.run.remedies import CHECKOUT, CHECKOUT_BY_GIT

FIGURES = re.compile(r"<!-- figures:begin \(urial report\) -->\n(.*?)<!-- figures:end -->", re.DOTALL)
RECORDS: dict[str, RunFile[Record]] = {Path(kind.path()).name: kind for kind in (REPORT, METRICS)}


class Rewritten:
    """The report's files as the rows give them, written once into a folder of its own."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.folder = folder
        self._failed = False

    def path(self, name: str) -> Path:
        """One of the files. Raises UrialError when the rows make no report."""
        if self._failed:
            raise NotCheckedError("the rows give no report, see above")
        if not (self.folder / "site/index.html").is_file():
            self._failed = True
            # What is broken has been named where it was read first; then there is nothing to compute a report of.
            inputs = read_inputs(self.run)
            if not inputs.instructions:
                raise NotCheckedError("the run has no instructions")
            write_report(inputs, self.folder)
            self._failed = False
        return self.folder / name

    def files(self) -> list[str]:
        """All but the records."""
        self.path("")
        names = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(name for name in names if name not in RECORDS)


def check_numbers(run: Run, rewritten: Rewritten) -> Checked:
    """Every number of report.json and metrics.json is the one that the rows give."""
    problems, count = [], 0
    for name, kind in RECORDS.items():
        path, written = kind.path(), rewritten.path(name).read_bytes()
        expected = kind.model.model_validate_json(written).model_dump(mode="json")
        count += _numbers(expected)
        try:
            recorded = run.record(kind).model_dump(mode="json")
        except UrialError as error:
            problems.append(error)
            continue
        differences = [
            f"{dotted(field)}: {compared(right, wrong, 'the rows give')}"
            for field, right, wrong in json_differences(expected, recorded)
        ]
        # Other readers can find other numbers in a file of the same record, such as the first of two under one key.
        present = (run.root / path).read_bytes()
        if not differences and present != written:
            differences = [form_difference(name, written, present)]
        problems += [
            UrialError(
                difference,
                path=path,
                where=f"the rows under {DATA}/",
                fix=f"edited by hand: git checkout {path}; to compute it again: dvc repro",
            )
            for difference in differences
        ]
    return Checked(f"{count:,} numbers computed again from the rows", problems)


def _numbers(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_numbers, value.values()))
    if isinstance(value, list):
        return sum(map(_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_written(run: Run, rewritten: Rewritten) -> Checked:
    """The tables, charts and page are byte for byte those that the rows give."""
    names = rewritten.files()
    folder = run.root / REPORT_FOLDER
    problems = list(_written_problems(run, rewritten, names))
    present = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    known = {*names, *RECORDS, ".gitignore"}
    problems += [
        UrialError("is no file of this report", path=f"{REPORT_FOLDER}/{name}", fix="remove it, or run `dvc repro`")
        for name in sorted(set(present) - known)
    ]
    return Checked(f"{len(names)} tables, charts and pages written again", problems)


def _written_problems(run: Run, rewritten: Rewritten, names: list[str]) -> Iterator[UrialError]:
    by_git = kept_by_git(run)
    for name in names:
        path, expected = f"{REPORT_FOLDER}/{name}", rewritten.path(name).read_bytes()
        if run.is_missing(path):
            continue
        in_git = any(path.startswith(f"{kept}/") for kept in by_git)
        fix = (CHECKOUT_BY_GIT if in_git else CHECKOUT).format(path)
        if not (run.root / path).is_file():
            yield UrialError("missing", path=path, fix="run `dvc repro --force report`")
        elif (present := (run.root / path).read_bytes()) != expected:
            detail = content_difference(name, expected, present, "written again")
            yield UrialError(detail, path=path, where=f"{REPORT.path()} and the rows", fix=fix)


def check_readme(run: Run) -> Checked:
    """The README's figures are what `urial report` prints."""
    path = run.root / "README.md"
    if not path.is_file():
        raise NotCheckedError("the run has no README.md")
    figures = FIGURES.search(path.read_text("utf-8", errors="replace"))
    if figures is None:
        raise NotCheckedError("README.md has no figures block")
    printed = report_text(run.record(REPORT))
    if figures[1] != printed:
        if experiment := _experiment(run):
            raise NotCheckedError(f"its figures are of the run that the experiment {experiment} was started from")
        detail = content_difference("README.md", printed.encode(), figures[1].encode(), "urial report prints")
        raise UrialError(
            f"README.md: its figures are not those of {REPORT.path()}: in the block, {detail}",
            fix="put the output of `urial report` between the two marks",
        )
    return Checked(f"{printed.count(chr(10)):,} lines as `urial report` prints them")


def _experiment(run: Run) -> str | None:
    """The DVC experiment that the run's commit is, if it is one."""
    commit = head_of(run.root) if run.in_git and in_repository(run.root) else None
    experiment = experiment_of(commit, run.root) if commit else None
    return experiment.name if experiment else None
