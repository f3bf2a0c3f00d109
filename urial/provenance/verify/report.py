"""The report, computed and written again from the rows, and the README's figures."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.core.text import counted
from urial.provenance.readme import figures_in, shown
from urial.provenance.verify.folder import form_difference
from urial.provenance.verify.run import Checked, NotCheckedError, Run, noted
from urial.records.base import Record
from urial.report.inputs import read_inputs
from urial.report.tables import report_text
from urial.report.write import write_report
from urial.run.differences import compared, content_difference, dotted, json_differences
from urial.run.lockfile import LOCK, lock_digest
from urial.run.paths import DATA, METRICS, REPORT, REPORT_FOLDER, RunFile
from urial.run.reader import CHECKOUT, CHECKOUT_BY_GIT

RECORDS: dict[str, RunFile[Record]] = {Path(kind.path()).name: kind for kind in (REPORT, METRICS)}


def check_numbers(run: Run, scratch: Path) -> Checked:
    """Every number of report.json and metrics.json is the one that the rows give; the report is written to ``scratch``."""
    inputs = read_inputs(run)
    if not inputs.instructions:
        raise NotCheckedError("the run has no instructions")
    write_report(inputs, scratch)
    problems: list[UrialError] = []
    count = 0
    for name, kind in RECORDS.items():
        path, written = kind.path(), (scratch / name).read_bytes()
        expected = kind.model.model_validate_json(written).model_dump(mode="json")
        count += _numbers(expected)
        with noted(problems):
            differences = [
                f"{dotted(field)}: {compared(right, wrong, 'the rows give')}"
                for field, right, wrong in json_differences(expected, run.record(kind).model_dump(mode="json"))
            ]
            # Other readers can find other numbers in a file of the same record, such as the first of two under one key.
            present = (run.root / path).read_bytes()
            if not differences and present != written:
                differences = [form_difference(name, written, present)]
            fix = f"edited by hand: git checkout {path}; to compute it again: dvc repro"
            problems += [UrialError(text, path=path, where=f"the rows under {DATA}/", fix=fix) for text in differences]
    return Checked(f"{counted(count, 'number')} computed again from the rows", problems)


def _numbers(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_numbers, value.values()))
    if isinstance(value, list):
        return sum(map(_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_written(run: Run, scratch: Path) -> Checked:
    """The tables, charts and page are byte for byte those that the rows give, which check_numbers has written."""
    if not (scratch / "site/index.html").is_file():
        raise NotCheckedError("the rows give no report, see above")
    folder, by_git = run.root / REPORT_FOLDER, run.kept_by_git
    names, present = (
        {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()} for top in (scratch, folder)
    )
    names -= RECORDS.keys()
    problems = []
    for name in sorted(names):
        path, expected = f"{REPORT_FOLDER}/{name}", (scratch / name).read_bytes()
        if run.is_missing(path):
            continue
        if name not in present:
            problems.append(UrialError("missing", path=path, fix="run `dvc repro --force report`"))
        elif (found := (folder / name).read_bytes()) != expected:
            detail = content_difference(name, expected, found, "written again")
            in_git = any(path.startswith(f"{kept}/") for kept in by_git)
            fix = (CHECKOUT_BY_GIT if in_git else CHECKOUT).format(path)
            problems.append(UrialError(detail, path=path, where=f"{REPORT.path()} and the rows", fix=fix))
    problems += [
        UrialError("is no file of this report", path=f"{REPORT_FOLDER}/{name}", fix="remove it, or run `dvc repro`")
        for name in sorted(present - names - {*RECORDS, ".gitignore"})
    ]
    return Checked(f"{len(names)} tables, charts and pages written again", problems)


def check_readme(run: Run) -> Checked:
    """The README's figures are what `urial report` prints, or, as its marks say, those of another run."""
    path = run.root / "README.md"
    if not path.is_file():
        raise NotCheckedError("the run has no README.md")
    try:
        figures = figures_in(path.read_text("utf-8", errors="replace"))
    except UrialError as error:
        raise error.but(path="README.md") from error
    if figures is None:
        raise NotCheckedError("README.md has no figures block")
    printed, fix = report_text(run.record(REPORT)), "put this run's there: `urial report --into README.md`"
    if figures.text == printed:
        return Checked(f"{counted(printed.count(chr(10)), 'line')} as `urial report` prints them")
    lock = run.root / LOCK
    own = shown(lock_digest(lock)) if lock.is_file() else None
    if figures.sound and figures.lock != own:
        raise NotCheckedError(f"it shows another run, that of dvc.lock {figures.lock}; {fix}")
    detail = content_difference("README.md", printed.encode(), figures.text.encode(), "urial report prints")
    raise UrialError(f"README.md: its figures are not those of {REPORT.path()}: in the block, {detail}", fix=fix)
