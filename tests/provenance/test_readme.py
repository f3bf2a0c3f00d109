"""A README's figures are of the run that its marks name, or edited, and never anything between."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import invoke
from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.provenance.readme import Figures, figures_in, put_figures, shown
from urial.provenance.verify.report import check_readme
from urial.provenance.verify.run import NotCheckedError, Run
from urial.run.lockfile import lock_digest

MARKS = "# A study\n\n<!-- figures:begin (urial report) -->\n<!-- figures:end -->\n\nThe end.\n"
HASH = bytes_hash(b"a lock")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with its figures in its README, where commands run."""
    write_run(small_run(), tmp_path)
    (tmp_path / "README.md").write_text(MARKS, "utf-8")
    (tmp_path / "params.yaml").write_text("run: {}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    result = invoke("report", "--into", "README.md")
    assert (result.exit_code, result.output) == (
        0, f"README.md: the figures of dvc.lock {shown(lock_digest(tmp_path / 'dvc.lock'))}\n"
    )  # fmt: skip
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def another_run(run: Path) -> None:
    """Another report, with its lock."""
    path = run / "data/report/report.json"
    report = json.loads(path.read_bytes())
    report["systems"]["aligned"]["words"]["mean"] = 3.25
    path.write_text(json.dumps(report), "utf-8")
    replace(run / "dvc.lock", "python -m stages.report", "python -m stages.report again")


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=60))
def test_what_is_put_there_is_read_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("readme") / "README.md"
    path.write_text(MARKS, "utf-8")
    for lock in (bytes_hash(b"another"), HASH):
        put_figures(path, text, lock)
    written = path.read_text("utf-8")
    assert figures_in(written) == Figures(text, shown(HASH), True)
    assert (written.startswith("# A study\n\n<!-- "), written.endswith(" -->\n\nThe end.\n")) == (True, True)


def test_a_run_s_own_figures_hold(run: Path) -> None:
    assert check_readme(Run(Path(), in_git=False)).summary.endswith(" lines as `urial report` prints them")


def test_a_readme_that_is_a_link_stays_one(run: Path) -> None:
    (run / "README.md").rename(run / "docs.md")
    (run / "README.md").symlink_to("docs.md")
    assert invoke("report", "--into", "README.md").exit_code == 0
    assert (run / "README.md").is_symlink()
    assert figures_in((run / "docs.md").read_text("utf-8")) is not None


def test_figures_of_an_earlier_run_say_so(run: Path) -> None:
    assert invoke("report").stderr == ""
    another_run(run)
    for option in ((), ("--json",)):
        shown_figures = invoke("report", *option)
        assert (shown_figures.exit_code, shown_figures.stderr) == (
            0,
            "These are the figures of an earlier run: data/report/report.json changed since; `dvc repro` computes them anew.\n",
        )


def test_another_run_s_figures_are_named_and_unbroken(run: Path) -> None:
    before = shown(lock_digest(run / "dvc.lock"))
    another_run(run)
    with pytest.raises(NotCheckedError) as caught:
        check_readme(Run(Path(), in_git=False))
    assert str(caught.value) == (
        f"it shows another run, that of dvc.lock {before}; put this run's there: `urial report --into README.md`"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| aligned | chat template | 4.00", "| aligned | chat template | 5.00"),
        # As if they were of a run that never was.
        ("OWN", shown(HASH)),
        ("| aligned |", "| ours |"),
    ],
)
def test_an_edit_by_hand_is_broken(run: Path, old: str, new: str) -> None:
    own = shown(lock_digest(run / "dvc.lock"))
    another_run(run)
    replace(run / "README.md", old.replace("OWN", own), new)
    with pytest.raises(UrialError) as caught:
        check_readme(Run(Path(), in_git=False))
    assert caught.value.what.startswith(
        "README.md: its figures are not those of data/report/report.json: in the block, line "
    )
    assert caught.value.fix == "put this run's there: `urial report --into README.md`"


def test_figures_without_hashes_are_this_run_s_or_broken(run: Path) -> None:
    figures = figures_in((run / "README.md").read_text("utf-8"))
    assert figures is not None
    plain = MARKS.replace("-->\n<!-- figures:end", f"-->\n{figures.text}<!-- figures:end")
    (run / "README.md").write_text(plain, "utf-8")
    check_readme(Run(Path(), in_git=False))
    another_run(run)
    with pytest.raises(UrialError):
        check_readme(Run(Path(), in_git=False))


def test_lines_may_end_as_on_windows(run: Path) -> None:
    (run / "README.md").write_bytes(MARKS.replace("\n", "\r\n").encode())
    assert invoke("report", "--into", "README.md").exit_code == 0
    written = (run / "README.md").read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n") > 10
    check_readme(Run(Path(), in_git=False))


def test_what_stands_between_two_beginnings_is_left_alone(run: Path) -> None:
    # The end mark of the first pair was removed: all down to the next one would be replaced.
    text = MARKS.replace("<!-- figures:end -->", "What I wrote.") + MARKS
    (run / "README.md").write_text(text, "utf-8")
    assert invoke("report", "--into", "README.md").stderr == (
        "Error: README.md: figures begin 2 times\n  expected: one pair of marks: between others, figures would stay those of an "
        "earlier run\n  fix: remove the marks that are too many\n"
    )
    assert (run / "README.md").read_text("utf-8") == text
    with pytest.raises(UrialError, match="figures begin 2 times"):
        check_readme(Run(Path(), in_git=False))


def test_figures_of_a_report_that_the_lock_does_not_have_are_not_put_under_its_name(run: Path) -> None:
    before = (run / "README.md").read_text("utf-8")
    another_run(run)
    result = invoke("report", "--into", "README.md")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        1, "Error: data/report/report.json: is not the report that dvc.lock recorded"
    )  # fmt: skip
    assert (run / "README.md").read_text("utf-8") == before


def test_a_readme_without_marks_is_said(run: Path) -> None:
    (run / "README.md").write_text("# A study\n", "utf-8")
    result = invoke("report", "--into", "README.md")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: README.md: has no marks to put the figures between\n  expected: a line `<!-- figures:begin (urial report) -->`, and "
        "below it a line `<!-- figures:end -->`\n  fix: add them where the figures are to stand\n",
    )
    assert invoke("report", "--into", "README.md", "--json").exit_code == 2
    # Nothing names a run that has no lock.
    (run / "dvc.lock").unlink()
    (run / "README.md").write_text(MARKS, "utf-8")
    assert invoke("report", "--into", "README.md").stderr.startswith(f"Error: {run}/dvc.lock: cannot be read: ")
    assert (run / "README.md").read_text("utf-8") == MARKS
