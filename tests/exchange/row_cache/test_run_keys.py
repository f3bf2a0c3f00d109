"""What one person paid for, another has: exported from a real run, imported elsewhere, and nothing is asked again."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.exchange.row_cache.shared_runs import (
    run_answered,
    run_compared,
    run_prepared,
    run_scored,
    write_judged_run,
    write_scored_run,
)
from tests.faulty_server import serving_faulty
from tests.judge_server import completion, judging, obedient
from tests.scoring_server import ScoringModel
from tests.tiny_models import save_folder, tiny_folder, tiny_model
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, rows_path
from urial.exchange.row_cache.files import load_rows, save_rows
from urial.exchange.row_cache.kinds import Row, read_stored
from urial.exchange.row_cache.maintenance import Choice, prune_cache, verify_cache
from urial.exchange.row_cache.run_keys import run_keys

DATA = Path("data")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    aligned = save_folder(tmp_path_factory.mktemp("aligned"), tiny_model("llama", seed=1), "aligned")
    return {"base": tiny_folder("llama"), "aligned": aligned}


def kinds_in(cache: RowCache) -> dict[str, int]:
    rows = [read_stored(stored) for stored in cache.stored()]
    kinds = [row.kind for row in rows if isinstance(row, Row)]
    assert len(kinds) == len(rows)
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def at_first_invalid(body: dict[str, Any]) -> Any:
    """Nonsense to the first attempt about every answer."""
    text = body["messages"][0]["content"]
    if text.startswith("Say hello") or body.get("seed") != 7:
        return obedient(body)
    return completion("No idea.")


def test_a_shared_run_asks_and_computes_nothing(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    with judging(at_first_invalid) as server:
        write_judged_run(project, pair, server.url, max_reasks=1, seed=7)
        monkeypatch.chdir(project)
        run_prepared()
        monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "mine"))
        run_answered()
        run_compared()
        outputs = {path: path.read_bytes() for path in DATA.rglob("*.jsonl")}
        with RowCache() as cache:
            keys = run_keys(DATA, cache)
            # Two systems, three queries, one with a second turn; two attempts at each of the eight answers, and at each of the
            # two orders of the four pairs.
            expected = {"answer": 8, "capabilities": 1, "reply": 16 + 16}
            assert kinds_in(cache) == expected
            assert save_rows(cache, tmp_path / "rows.jsonl", keys=keys.all) == expected
            assert (keys.notes, keys.missing_answers) == ((), 0)
        asked = len(server.asked)
        for stage in ("generations", "judgments", "preferences"):
            shutil.rmtree(DATA / stage)
        monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "theirs"))
        with RowCache() as cache:
            assert load_rows(cache, [tmp_path / "rows.jsonl"]).new == 41
        said = run_answered() + run_compared()
        assert len(server.asked) == asked
    assert said.count(", 0 to compute") == said.count("to compute") > 0
    assert said.count(", 0 to ask for") == said.count("to ask for") > 0
    assert {path: path.read_bytes() for path in DATA.rglob("*.jsonl")} == outputs


def test_a_shared_batch_is_found_again(pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urial.judge.server.batch_api.POLL_SECONDS", 0.01)
    with judging(obedient) as server:
        write_judged_run(tmp_path / "project", pair, server.url, batch=True)
        monkeypatch.chdir(tmp_path / "project")
        run_prepared()
        run_answered()
    with RowCache() as cache:
        found = kinds_in(cache)
        # A ticket a request, and one a batch.
        assert (found["reply"], found["batch_membership"]) == (8, 8 + len(server.batches))
        exported = save_rows(cache, tmp_path / "rows.jsonl", keys=run_keys(DATA, cache).all)
    assert exported["reply"] == 8
    assert exported["batch_membership"] == 8


def test_what_models_in_this_process_gave_is_found(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_folder(tmp_path / "judge", tiny_model("llama", seed=2, max_position_embeddings=8_192))
    told = {"kind": "transformers", "model": {"folder": str(model)}, "response_format": "score_tokens"}
    write_judged_run(tmp_path / "project", pair, None, rubrics={"regular": "single/1", "safety": "single/1"}, **told)
    monkeypatch.chdir(tmp_path / "project")
    run_prepared()
    run_answered()
    run_scored("base-zero-shot")
    with RowCache() as cache:
        exported = save_rows(cache, tmp_path / "rows.jsonl", keys=run_keys(DATA, cache).all)
        # Of each system, three answers to regular queries on five aspects, and one on safety. All three first answers are one batch.
        assert exported == kinds_in(cache) == {"answer": 8, "measured_batch": 1, "reply": 32}


def test_rows_that_the_run_does_not_refer_to_are_left_out_and_can_go(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with judging() as server:
        write_judged_run(tmp_path / "project", pair, server.url)
        monkeypatch.chdir(tmp_path / "project")
        run_prepared()
        run_answered()
        params = Path("params.yaml")
        params.write_text(params.read_text("utf-8").replace("max_new_tokens: 8", "max_new_tokens: 6"), "utf-8")
        run_prepared()
        run_answered()
        with RowCache() as cache:
            before = kinds_in(cache)
            keys = run_keys(DATA, cache).all
            exported = save_rows(cache, tmp_path / "rows.jsonl", keys=keys)
            assert exported["answer"] == 8 < before["answer"] == 16
            pruned = prune_cache(cache, Choice(not_under=keys), dry_run=False)
            assert sum(size.rows for size in pruned.kinds.values()) == sum(before.values()) - sum(exported.values())
            assert kinds_in(cache) == exported
        asked = len(server.asked)
        said = run_answered()
        assert (len(server.asked), said.count(", 0 to compute")) == (asked, said.count("to compute"))


def test_scores_of_a_base_model_behind_a_server_are_shared(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving_faulty(ScoringModel().reply) as server:
        write_scored_run(DATA, server.url, pair["aligned"], top_k=3)
        run_scored()
        table = (DATA / "token_shift/base-urial.parquet").read_bytes()
        with RowCache() as cache:
            assert kinds_in(cache) == {"scores": 2, "logprob_protocol": 1, "measured_batch": 1}
            keys = run_keys(DATA, cache)
            assert save_rows(cache, tmp_path / "rows.jsonl", keys=keys.all) == {
                "scores": 2,
                "logprob_protocol": 1,
                "measured_batch": 1,
            }
            # The answers of this run were written by hand.
            assert keys.missing_answers == 1
    shutil.rmtree(DATA / "token_shift")
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "theirs"))
    with RowCache() as cache:
        load_rows(cache, [tmp_path / "rows.jsonl"])
        assert verify_cache(cache).broken == ()
    # The server is gone: a request would fail.
    run_scored()
    assert (DATA / "token_shift/base-urial.parquet").read_bytes() == table


def test_texts_that_a_server_scored_are_found_too(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving_faulty(ScoringModel().reply) as server:
        write_scored_run(DATA, server.url, pair["aligned"], top_k=3, align_by="text")
        run_scored()
    with RowCache() as cache:
        keys = run_keys(DATA, cache)
        assert (
            save_rows(cache, tmp_path / "rows.jsonl", keys=keys.all)
            == kinds_in(cache)
            == {"scores": 2, "logprob_protocol": 1, "measured_batch": 1}
        )


def test_what_the_cache_knows_nothing_of_is_said(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with judging() as server:
        write_judged_run(tmp_path / "project", pair, server.url)
        monkeypatch.chdir(tmp_path / "project")
        run_prepared()
        run_answered()
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "empty"))
    with RowCache() as cache:
        keys = run_keys(DATA, cache)
        assert keys.missing_answers == 8
    assert keys.notes == (f"the cache knows nothing of the judge at {server.url}, and so none of its replies",)
    result = invoke("cache", "save", "rows.jsonl", "--run")
    assert (result.exit_code, result.stdout, result.stderr) == (
        0, "rows.jsonl: 0 rows\n", f"8 of the run's answers have no row in the cache\n{keys.notes[0]}\n"
    )  # fmt: skip
    (DATA / "generations/aligned.jsonl").unlink()
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        run_keys(DATA, cache)
    assert str(caught.value) == (
        "data/generations/aligned.jsonl: is not there; which rows an unfinished run will refer to cannot be told\n"
        "  fix: run `dvc pull data/generations/aligned.jsonl`; or compute it: `dvc checkout --allow-missing`, then `dvc repro`"
    )


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        run_keys(tmp_path, cache)
    assert str(caught.value) == (
        f"{tmp_path}: no run here\n  fix: run in a folder that has one, or name its data with --data"
    )
    assert rows_path().is_file()
