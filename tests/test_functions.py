"""What `import urial` offers, on tiny models and the files of a small run."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import urial
from tests.cli.commands import invoke
from tests.conftest import run_python
from tests.judge_server import MODEL, judging
from tests.tiny_models import tiny_folder
from urial.records.token_shift import TokenShift

QUERIES = ["Why is the sky blue?", "Name a fruit."]


def test_importing_is_cheap_and_what_is_offered_comes_when_it_is_used() -> None:
    code = (
        "import time, urial, sys; offered = dir(urial); print(time.process_time());"
        "print([name for name in ('torch', 'transformers', 'pandas', 'pydantic') if name in sys.modules], offered == sorted(offered));"
        "print(urial.render_prompt('general/zero-shot', 'Why?'));"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    seconds, *said = run_python(code).stdout.splitlines()
    assert float(seconds) < 0.5
    assert (said[0], said[-1]) == ("[] True", "[]")


def test_every_function_says_what_it_takes_gives_and_raises() -> None:
    for name in urial.__all__:
        if name != "UrialError":
            function = getattr(urial, name)
            assert "UrialError" in (inspect.getdoc(function) or ""), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = urial.nothing


def test_a_prompt_is_rendered_as_the_command_renders_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("general/urial-k1", "general/retrieval-k3"):
        assert urial.render_prompt(name, "Why?") == invoke("prompts", "render", name, "--query", "Why?").stdout
    with pytest.raises(urial.UrialError, match="unknown prompt 'general/urial-k9'"):
        urial.render_prompt("general/urial-k9", "Why?")


def test_a_base_model_answers_and_a_shift_is_measured_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_aligned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    base = tiny_folder("llama")
    answered = urial.answer(QUERIES, base, "zero-shot", max_new_tokens=8)
    assert list(answered["query"]) == QUERIES
    assert list(answered.status) == ["ok", "ok"]
    assert answered.prompt[0] == urial.render_prompt("general/zero-shot", QUERIES[0])
    assert all(0 < tokens <= 8 for tokens in answered.tokens)
    capsys.readouterr()
    again = urial.answer(QUERIES, base, "zero-shot", max_new_tokens=8)
    assert "2 answers from the row cache, 0 to compute" in capsys.readouterr().err
    assert again.equals(answered)

    shift = urial.measure_shift(QUERIES, ["It is blue.", None], base, tiny_aligned)
    assert list(shift.coverage.status) == ["measured", "no_answer"]
    assert list(shift.positions.columns) == list(TokenShift.model_fields)
    assert len(shift.positions) == shift.coverage.positions.sum() > 0
    assert shift.positions.base_rank.min() >= 1

    with judging() as server:
        scores = urial.judge_answers(QUERIES, ["It is blue.", None], server=server.url, model=MODEL)
    assert list(scores[scores["query"] == QUERIES[0]].status) == ["scored"] * 5
    missing = scores[scores["query"] == QUERIES[1]]
    assert list(missing.status) == ["no_completion"]
    assert missing.score.isna().all()


def test_a_query_that_has_no_room_is_a_row_that_says_so() -> None:
    answered = urial.answer(["word " * 5_000], tiny_folder("llama"), "general/zero-shot", max_new_tokens=8)
    assert answered.status[0] == "too_long"
    assert answered.tokens.isna().all()


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ("Why?", "queries: one text"),
        (["Why?", " "], "queries, number 1: ' '"),
        (["Why?", None], "queries, number 1: None"),
    ],
)
def test_what_is_no_query_is_named(queries: list[str], message: str) -> None:
    with pytest.raises(urial.UrialError) as caught:
        urial.answer(queries, tiny_folder("llama"))
    assert caught.value.problem == message


def test_answers_are_one_a_query() -> None:
    with pytest.raises(urial.UrialError, match="1 answer to 2 queries"):
        urial.judge_answers(QUERIES, ["So."], server="http://localhost:1/v1", model="m")


def test_a_judge_is_named_whole_and_a_project_s_judge_needs_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(urial.UrialError, match="a judge on a server has an address and a name"):
        urial.judge_answers(["Why?"], ["So."], model="m")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(urial.UrialError, match="no project: neither"):
        urial.judge_answers(["Why?"], ["So."])


def test_a_run_is_loaded_from_anywhere_in_its_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.provenance.written import write_run
    from tests.report.conftest import small_run

    write_run(small_run(), tmp_path / "run")
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / "run" / name).touch()
    (tmp_path / "run/notes").mkdir()
    monkeypatch.chdir(tmp_path / "run/notes")
    run = urial.load_run()
    assert set(run.answers.system) == set(run.report.systems)
    for system, figures in run.report.systems.items():
        scored = run.scores[(run.scores.system == system) & (run.scores.turn == 1) & (run.scores.aspect == "depth")]
        assert figures.depth is not None
        assert (scored.status == "scored").sum() == figures.depth.scored
        if figures.depth.scored:
            assert scored.score.mean() == pytest.approx(figures.depth.mean)
    assert set(run.positions.base_system) == set(run.report.token_shift)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(urial.UrialError, match="no project: neither"):
        urial.load_run()


@pytest.mark.parametrize(
    ("function", "wrong", "message"),
    [
        ("judge_answers", {"category": "saftey"}, "category: .*'safety'.*, got 'saftey'"),
        ("measure_shift", {"align_by": "word"}, "align_by: .*'text', got 'word'"),
        ("measure_shift", {"prompt": "general/urial-k9"}, "unknown prompt"),
    ],
)
def test_what_an_argument_cannot_be_is_named(function: str, wrong: dict[str, str], message: str) -> None:
    models = {name: str(tiny_folder("llama")) for name in ("base", "aligned")} if function == "measure_shift" else {}
    with pytest.raises(urial.UrialError, match=message):
        getattr(urial, function)(["Why?"], ["So."], **models, **wrong)


def test_a_number_out_of_range_is_named() -> None:
    with pytest.raises(urial.UrialError, match="max_new_tokens: input should be greater than or equal to 1, got 0"):
        urial.answer(["Why?"], tiny_folder("llama"), max_new_tokens=0)


def test_one_judge_is_named() -> None:
    with pytest.raises(urial.UrialError, match="a judge on a server has an address and a name"):
        urial.judge_answers(["Why?"], ["So."], "rules", server="http://localhost:1/v1", model="m")


def test_numbers_that_are_all_missing_have_a_mean_that_is_missing() -> None:
    # The rules know nothing of real questions: every score is missing.
    scores = urial.judge_answers(QUERIES, ["So.", "A pear."], "rules")
    assert set(scores.status) == {"not_applicable"}
    assert scores.groupby("aspect").score.mean().isna().all()
    assert scores.scale.eq(5).all()


# What a type checker would not let through, and a notebook does.
NONE: Any = None
THREE: Any = 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: urial.render_prompt("general/urial-k3", NONE),
            "query: None\n  expected: a text\n  fix: help(urial.render_prompt)",
        ),
        (lambda: urial.render_prompt(THREE, "x"), "prompt: 3\n  expected: a text"),
        (lambda: urial.render_prompt("general/urial-k3", "x", NONE), "history: None\n  expected: a list"),
        (
            lambda: urial.render_prompt("general/urial-k3", "x", [("a", NONE)]),
            "history, number 0: ('a', None)\n  expected: two texts",
        ),
        (lambda: urial.render_prompt("general/urial-k3", "x", [THREE]), "history, number 0: 3\n  expected: two texts"),
        (lambda: urial.answer(NONE), "queries: None\n  expected: a list of texts"),
        (lambda: urial.answer(["x"], model=THREE), "model: 3\n  expected: a text or a path or None"),
        (lambda: urial.judge_answers(["x"], NONE), "answers: None\n  expected: a list of texts"),
        (lambda: urial.win_rates(NONE), "files: None\n  expected: a text or a path"),
        (lambda: urial.load_run(NONE), "run: None\n  expected: a text or a path"),
    ],
)
def test_an_argument_of_another_kind_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(urial.UrialError) as caught:
        call()
    assert str(caught.value).startswith(message)
