"""What `urial figures` writes: whole, of one run, the same bytes again, and clear where there is nothing to write."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.commands import invoke
from tests.report.charts.whole_run import whole_run
from tests.report.conftest import unjudged_run
from tests.report.test_report_base_alone import base_alone
from urial.core.errors import UrialError
from urial.core.store import read_json
from urial.exchange.figures.files import FORMATS, REFERENCE_NAMES, TABLES, Chosen, Written, write_figures
from urial.records.report import Report
from urial.report.charts.every import NAMES
from urial.report.site.index import identifier
from urial.report.write import write_report

# The run has no several turns and no known answers, and is judged.
NOT_THERE = {"answers", "turns", "later_turns", "known_answers", "known_agreement"}
# Nobody's answers are begun in it.
BEGUN = ("safety_rates", "safety_kl", "safety_rank")
SVG = "{http://www.w3.org/2000/svg}"


def run_of(data: Path) -> str:
    return identifier(read_json(data / "report/report.json", Report))


def test_every_figure_and_table_is_written_in_every_format(paper: tuple[Path, Written]) -> None:
    folder, written = paper
    figures = {path.name for path in folder.iterdir() if path.is_file()}
    assert figures == {
        f"{name}.{kind}" for name in (*NAMES, *REFERENCE_NAMES) if name not in BEGUN for kind in (*FORMATS, "txt")
    }
    tables = {path.name for path in (folder / "tables").iterdir()}
    assert tables == {f"{name}.{kind}" for name in set(TABLES) - NOT_THERE for kind in ("tex", "md", "csv")}
    assert (written.figures, written.tables, written.left_out) == (
        27,
        10,
        dict.fromkeys(BEGUN, "no answers to unsafe requests are begun in this run"),
    )


def test_each_file_says_of_which_run_it_is(paper: tuple[Path, Written], data: Path) -> None:
    folder, _ = paper
    run = run_of(data)
    in_pdf = run.encode("utf-16-be").hex().upper().encode()
    for path in folder.rglob("*.*"):
        found = path.read_bytes()
        assert (in_pdf if path.suffix == ".pdf" else run.encode()) in found, path
        assert not re.search(rb"/CreationDate|/ModDate|/(tmp|home|root)/|20[0-9]{2}-[01][0-9]-", found), path


def test_the_same_bytes_again(paper: tuple[Path, Written], data: Path, tmp_path: Path) -> None:
    folder, _ = paper
    names = ("scores", "radar", "curve_kl", "scores_published")
    write_figures(data, tmp_path, Chosen(names=names, reference=True))
    for path in tmp_path.rglob("*.*"):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes(), path


def test_a_caption_lies_beside_each_figure_and_within_it(paper: tuple[Path, Written]) -> None:
    folder, _ = paper
    caption, mark = (folder / "scores.txt").read_text("utf-8").strip().split("\n\n")
    assert caption.startswith("Mean score by aspect and system (1 to 5).")
    svg = ElementTree.fromstring((folder / "scores.svg").read_bytes())  # noqa: S314 (made by this test)
    assert (svg.findtext(f"{SVG}title"), svg.findtext(f"{SVG}metadata")) == (caption, mark)
    assert caption.encode() in (folder / "scores.png").read_bytes()


def test_only_what_is_named_is_written(data: Path, tmp_path: Path) -> None:
    done = invoke(
        "figures", tmp_path / "paper", "--data", data, "--format", "pdf", "--name", "words", "--name", "scores"
    )
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'paper'}: 2 figures, 1 table\n")
    found = {str(path.relative_to(tmp_path / "paper")) for path in (tmp_path / "paper").rglob("*.*")}
    assert found == {
        "words.pdf", "words.txt", "scores.pdf", "scores.txt", "tables/scores.tex", "tables/scores.md", "tables/scores.csv",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "score"], "no figure and no table is called 'score'\n  fix: did you mean 'scores'?"),
        (["--name", "scores_published"], "fix: show the paper's rows with --reference"),
        (["--name", "answers"], "answers: this run has nothing to put there"),
        (["--format", "svg,eps"], "'eps' is none of svg, pdf, png."),
        (["--format", ""], "'' is none of svg, pdf, png."),
    ],
)
def test_what_is_not_to_be_had_is_named(options: list[str], message: str, data: Path, tmp_path: Path) -> None:
    done = invoke("figures", tmp_path / "paper", "--data", data, *options)
    assert done.exit_code != 0
    assert message in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = invoke("figures", tmp_path, "--data", data)
    assert done.exit_code == 1
    assert "not empty" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_without_judge_and_aligned_model_says_what_it_leaves_out(tmp_path: Path) -> None:
    write_report(base_alone(unjudged_run()), tmp_path / "data/report")
    done = invoke("figures", tmp_path / "paper", "--data", tmp_path / "data", "--format", "svg", "--reference")
    assert done.exit_code == 0, done.output
    assert "left out: scores: the answers of this run are not judged\n" in done.output
    assert "left out: categories: token shift was not measured in this run\n" in done.output
    assert "left out: preferences: this run compares no systems with a baseline\n" in done.output
    assert done.output.endswith("1 figure, 1 table\n")
    names = {path.name for path in (tmp_path / "paper").rglob("*.*")}
    assert names == {"words.svg", "words.txt", "answers.tex", "answers.md", "answers.csv"}
    only = invoke("figures", tmp_path / "one", "--data", tmp_path / "data", "--name", "radar")
    assert (only.exit_code, "radar: the answers of this run are not judged" in only.output) == (1, True)


def broken(data: Path, tmp_path: Path, change: Callable[[Path], object]) -> str:
    """What is said of the run after a change."""
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    change(folder / "report")
    with pytest.raises(UrialError) as error:
        write_figures(folder, tmp_path / "paper", Chosen(("svg",)))
    return str(error.value)


def test_a_run_that_is_not_here_says_so(data: Path, tmp_path: Path) -> None:
    text = broken(data, tmp_path, lambda report: (report / "report.json").unlink())
    assert text.endswith("report.json: no report yet\n  fix: run `dvc repro`, or `dvc pull` where a remote has one")


def test_a_half_pulled_run_names_the_file(data: Path, tmp_path: Path) -> None:
    text = broken(data, tmp_path, lambda report: shutil.rmtree(report / "charts"))
    assert "charts/scores.json: missing\n  fix: run `dvc pull`, or `dvc repro` where an earlier urial" in text


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"usermeta": null}', '{"usermeta": {"urial": {"name": "words"}}}', "\x00"]
)
def test_what_is_no_figure_is_refused(text: str, data: Path, tmp_path: Path) -> None:
    said = broken(data, tmp_path, lambda report: (report / "charts/words.json").write_text(text))
    assert "words.json: is no figure of a report: " in said
    assert "fix: run `dvc checkout --force data/report/charts`" in said


def test_figures_of_another_report_are_not_taken_for_this_ones(data: Path, tmp_path: Path) -> None:
    def of_another(report: Path) -> None:
        path = report / "charts/words.json"
        path.write_text(path.read_text("utf-8").replace(run_of(data), "sha256:000000000000"))

    assert "is words of report sha256:000000000000" in broken(data, tmp_path, of_another)


def test_a_figure_that_would_load_something_is_refused(data: Path, tmp_path: Path) -> None:
    def asking(report: Path) -> None:
        path = report / "charts/scores.json"
        made = json.loads(path.read_text("utf-8"))
        made["data"] = {"url": "http://127.0.0.1:9/rows.json"}
        path.write_text(json.dumps(made))

    assert "vl-convert cannot draw the specification" in broken(data, tmp_path, asking)


def test_nothing_needs_more_than_the_report(tmp_path: Path) -> None:
    # The rows of the run, its plan and the models are not read.
    write_report(whole_run(), tmp_path / "data/report")
    shutil.rmtree(tmp_path / "data/report/site")
    shutil.rmtree(tmp_path / "data/report/tables")
    assert write_figures(tmp_path / "data", tmp_path / "paper", Chosen(("svg",), ("words",))).figures == 1
