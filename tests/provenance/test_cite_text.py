"""The forms of a citation, with texts that would break them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import invoke, no_project
from tests.provenance.citable import make_citable
from tests.report.conftest import HASH, small_run, unjudged_run
from urial.cli.runs import FORMATS
from urial.core.tables import escape_latex
from urial.provenance.cite.bibtex import bibtex
from urial.provenance.cite.citation import FORMATS as WRITERS
from urial.provenance.cite.citation import as_text, latex, markdown
from urial.provenance.cite.records import Citation
from urial.provenance.cite.sources import Caveat
from urial.records.judge import describe
from urial.records.left_out import LeftOut, describe_left_out
from urial.report.build import build_report

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPECIAL = r"\{}_#$%&~^<>|"


def citation(**changes: object) -> Citation:
    """A citation of small_run."""
    report = build_report(small_run())
    fields: dict[str, object] = {
        "identifier": f"urial {COMMIT} (experiment a_b) lock sha256:0 data sha256:1 prompts sha256:2", "title": "A study",
        "authors": ("Doe, Jane", "The 50% developers"), "version": "0.1.0", "licence": "Apache-2.0", "year": 2026, "author": "Ada Tester",
        "url": "https://example.org/study.git", "commit": COMMIT, "experiment": "a_b", "dirty": (), "lock": HASH,
        "data": HASH, "prompts": HASH, "prompt_versions": {"test/zero-shot": HASH}, "judge": report.judge and describe(report.judge),
        "confidence": 0.95, "study": report.study, "systems": report.systems,
        "token_shift": report.token_shift,
        "restore": ("git clone x",), "caveats": (),
    }  # fmt: skip
    return Citation.model_validate({**fields, **changes})


def test_bibtex_has_the_run_the_software_and_the_paper() -> None:
    run, software, paper = bibtex(citation()).split("\n\n")
    assert run == (
        "@misc{urial-0123456789ab,\n"
        "  author       = {Ada Tester},\n"
        "  title        = {{A run of urial (experiment a\\_b)}},\n"
        "  year         = {2026},\n"
        "  url          = {https://example.org/study.git},\n"
        f"  note         = {{urial {COMMIT} (experiment a\\_b) lock sha256:0 data sha256:1 prompts sha256:2}},\n"
        "}"
    )
    assert software == (
        "@misc{urial,\n"
        "  author       = {Doe, Jane and {The 50\\% developers}},\n"
        "  title        = {{A study}},\n"
        "  howpublished = {Software, version 0.1.0, licence Apache-2.0},\n"
        "}"
    )
    assert paper.startswith("@inproceedings{lin2024unlocking,\n  author       = {Lin, Bill Yuchen and ")
    assert "eprint       = {2312.01552}" in paper


def test_bibtex_without_what_is_not_known() -> None:
    changes = {"author": None, "version": None, "licence": None, "year": None, "url": None, "commit": None,
               "experiment": None, "identifier": "urial x"}  # fmt: skip
    run, software, _ = bibtex(citation(**changes)).split("\n\n")
    assert (
        run
        == f"@misc{{urial-{HASH[7:19]},\n  title        = {{{{A run of urial (in no commit)}}}},\n  note         = {{urial x}},\n}}"
    )
    assert "howpublished = {Software}" in software


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Ada Tester", "Ada Tester"),
        ("Max von Muster", "Max von Muster"),
        ("tester", "{tester}"),
        ("Tester, Ada", "{Tester, Ada}"),
        ("Ada and Bo", "{Ada and Bo}"),
        ("A {T}", r"A \textbraceleft{}T\textbraceright{}"),
    ],
)
def test_a_name_is_one_person(name: str, field: str) -> None:
    assert f"  author       = {{{field}}},\n" in bibtex(citation(author=name)).partition("\n\n")[0]


def test_numbers_have_intervals_and_counts_in_both_tables() -> None:
    # The scores of aligned are 5, 4 and 3 of four; see tests/report/conftest.py.
    found = citation()
    for text, separator in ((markdown(found), " | "), (latex(found), " & ")):
        row = next(line for line in text.splitlines() if "chat template" in line)
        cells = row.strip("| \\").split(separator)
        assert cells[:2] == ["aligned", "chat template"]
        assert re.fullmatch(r"4\.00 \\?\[\d\.\d\d, \d\.\d\d\\?\]", cells[2])
        assert cells[-1] == "17/22"
        shift = [line for line in text.splitlines() if line.strip("| ").startswith("base ")][-1]
        assert re.search(r"12 (\||&) 6", shift)
        assert re.search(r"58\.33 \\?\[", shift)


def test_a_run_without_a_judge_has_no_table_of_scores() -> None:
    found = citation(judge=None, systems=build_report(unjudged_run()).systems)
    assert (markdown(found).count("###"), markdown(found).count("### Token distribution shift")) == (1, 1)


def test_a_run_without_token_shift_has_one_table() -> None:
    found = citation(token_shift={})
    assert latex(found).count(r"\begin{table*}") == markdown(found).count("###") == 1


def test_text_has_every_form_and_the_commands() -> None:
    found = citation()
    text = as_text(found)
    assert text.startswith(f"{found.identifier}\n\nBibTeX:\n\n")
    for part in (bibtex(found), markdown(found), latex(found)):
        assert part in text
    assert text.endswith("\n\ngit clone x")
    assert "restore" not in as_text(citation(restore=()))


@given(st.text(max_size=30) | st.text(SPECIAL, max_size=10))
def test_latex_is_text_alone(text: str) -> None:
    found = escape_latex(text)
    # Braces match even for BibTeX, which counts those behind a backslash too.
    depth = 0
    for character in found:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    plain = re.sub(r"\\(text[a-z]+|ldots)\{\}|\\[#$%&_]", "", found)
    assert not set(plain) & set(SPECIAL)
    assert not any(character in found for character in "\n\r\x1b\u202e")


@given(st.text(max_size=30))
def test_hostile_texts_stay_in_their_places(text: str) -> None:
    found = citation(title=text, judge=text, author=text, authors=(text,), url=f"https://example.org/{text}")
    entry = bibtex(found)
    assert entry.count("\n") == bibtex(citation()).count("\n")
    assert entry.count("{") == entry.count("}")
    for form in (entry, markdown(found), latex(found)):
        assert "\x1b" not in form
    assert latex(found).count("\n") == latex(citation()).count("\n")


def test_no_terminal_obeys_caveats_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    found = citation(caveats=(Caveat(kind="dirty", text="a\x1b[31m"),), judge="\x9b31m\u202e")
    monkeypatch.setattr("urial.provenance.cite.citation.cite", lambda *_, **__: found)
    done = invoke("cite", "--format", "json")
    assert done.stderr == "Warning: a␛[31m\n"
    assert done.stdout.isascii()
    assert Citation.model_validate_json(done.stdout) == found


def test_the_command_has_every_form() -> None:
    assert (*WRITERS, "json") == FORMATS


@pytest.mark.parametrize("form", FORMATS)
def test_the_command(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_citable(tmp_path)
    run.edit("value: 1", "value: 2")
    monkeypatch.chdir(run.folder)
    done = invoke("cite", "--format", form)
    assert done.exit_code == 0
    assert "Warning: files have changes that no one else can get: params.yaml; commit, then cite again" in done.stderr
    assert "Warning" not in done.stdout
    if form == "json":
        assert [item.kind for item in Citation.model_validate_json(done.stdout).caveats] == ["dirty", "lock"]
    assert "-dirty" in done.stdout


def test_the_command_on_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("cite")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == no_project(tmp_path)


def test_what_is_left_out_is_said_with_the_scores_and_where_there_are_none() -> None:
    left_out = LeftOut(systems=("aligned",))
    sentence = describe_left_out("pair", left_out)
    assert sentence is not None
    judged = citation(left_out=left_out, token_shift={})
    assert markdown(judged).count(sentence) == latex(judged).count(sentence) == 1
    unjudged = citation(left_out=left_out, token_shift={}, judge=None)
    assert markdown(unjudged) == f"`{unjudged.identifier}`\n\n{sentence}"
    assert "Left out" not in markdown(citation())
