"""Edits that were hidden by recording them in dvc.lock are caught where the edited thing can be derived again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clones import Clone
from tests.provenance.finished import copied, edit_row, repair_lock
from urial.provenance.verify.verification import verify_links

pytestmark = pytest.mark.slow
AGAIN = "edited by hand or swapped: dvc checkout --force {0}; to compute it again: dvc repro"


@pytest.fixture
def run(finished_run: Clone, tmp_path: Path) -> Path:
    return copied(finished_run, tmp_path).folder


def problems(folder: Path) -> dict[str, list[str]]:
    """What is broken, by link."""
    found = (link for link in verify_links(folder) if link.status == "broken")
    return {link.name: [str(problem) for problem in link.problems] for link in found}


def lower_score(row: dict[str, Any]) -> None:
    row["scores"][0]["score"] = 1


def test_a_score_alone(run: Path) -> None:
    edit_row(run / "data/judgments/aligned.jsonl", 3, lower_score)
    found = problems(run)
    assert list(found) == ["files of judge", "judgments of aligned", "numbers", "tables, charts and page"]
    fix = AGAIN.format("data/judgments/aligned.jsonl")
    assert found["files of judge"] == [
        "data/judgments/aligned.jsonl: not as stage judge@aligned wrote it: line 3, scores.0.score: recorded 5, found 1\n"
        f"  where: dvc.lock, stage judge@aligned, outs\n  fix: {fix}"
    ]
    assert found["judgments of aligned"] == [
        "data/judgments/aligned.jsonl: line 3: scores.0.score: judged again 5, found 1\n"
        f"  where: data/generations/aligned.jsonl and data/plan/judge.json\n  fix: {fix}"
    ]
    assert found["numbers"][0].startswith("data/report/report.json: systems.aligned.")


def test_a_score_and_the_lock(run: Path) -> None:
    edit_row(run / "data/judgments/aligned.jsonl", 3, lower_score)
    repair_lock(run)
    assert list(problems(run)) == ["judgments of aligned", "numbers", "tables, charts and page"]


def test_a_number_of_the_report_and_the_lock(run: Path) -> None:
    path = run / "data/report/report.json"
    report = json.loads(path.read_bytes())
    right = report["systems"]["base-urial"]["helpfulness"]["mean"]
    report["systems"]["base-urial"]["helpfulness"]["mean"] = 4.5
    path.write_text(json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    repair_lock(run)
    found = problems(run)
    # The README's figures are of the run that its marks name, whose lock this is no more.
    assert list(found) == ["numbers"]
    assert found["numbers"] == [
        f"data/report/report.json: systems.base-urial.helpfulness.mean: the rows give {right}, found 4.5\n"
        "  where: the rows under data/\n"
        "  fix: edited by hand: git checkout data/report/report.json; to compute it again: dvc repro"
    ]


def edit_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    return change


def edit_line(name: str, field: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        def edit(row: dict[str, Any]) -> None:
            *path, last = field.split(".")
            for part in path:
                row = row[part]
            row[last] = value

        edit_row(folder / name, 2, edit)

    return change


def other_weights(folder: Path) -> None:
    path = folder / "data/models/base/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def edit_shift(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        import pyarrow as pa

        from urial.core.parquet import read_parquet, write_parquet
        from urial.records.token_shift import shift_schema

        path = folder / "data/token_shift/base-urial.parquet"
        rows = read_parquet(path, shift_schema()).to_pylist()
        rows[7].update(values)
        write_parquet(path, [pa.Table.from_pylist(rows, shift_schema())], shift_schema())

    return change


CASES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "instruction": (
        edit_line("data/instructions.jsonl", "difficulty", "hard"), "instructions", "data/instructions.jsonl: line 2: difficulty: by the plan null, found 'hard'",
    ),
    "weights": (other_weights, "models", "data/models/base: model.safetensors: manifest 'sha256:"),
    "plan": (
        edit_text("data/plan/systems/base-urial.json", '"max_new_tokens": 256', '"max_new_tokens": 255'), "plan",
        "data/plan/systems/base-urial.json: decoding.max_new_tokens: params.yaml says 256, found 255",
    ),
    "parameter": (edit_text("params.yaml", "top_k: 5", "top_k: 4"), "stages", "params.yaml: token_shift.top_k: recorded 5, found 4"),
    "prompt version": (
        edit_text("prompts/microworld/urial-k3.yaml", "Thank you", "Thank  you"), "released prompts", "microworld/urial-k3: changed after its release",
    ),
    "prompt": (
        edit_line("data/prompts/base-urial.jsonl", "n_tokens", 9), "prompts of base-urial", "data/prompts/base-urial.jsonl: line 2: n_tokens: assembled again ",
    ),
    "answer": (
        edit_line("data/generations/base-urial.jsonl", "answer.text", "Hello!"), "answers of base-urial", "data/generations/base-urial.jsonl: line 2, answer.text: 'Hello!', its tokens say ",
    ),
    "key": (
        edit_line("data/generations/base-urial.jsonl", "key", f"sha256:{'0' * 64}"), "answers of base-urial",
        f"data/generations/base-urial.jsonl: line 2, key: sha256:{'0' * 64}, by its model, prompt and decoding sha256:",
    ),
    "judgment key": (
        edit_line("data/judgments/base-urial.jsonl", "key", f"sha256:{'0' * 64}"), "judgments of base-urial", "data/judgments/base-urial.jsonl: line 2: key: judged again 'sha256:",
    ),
    "token": (edit_shift(token_id=11), "token shift of base-urial", "data/token_shift/base-urial.parquet, row 7: "),
    "label": (edit_shift(label="markup"), "token shift of base-urial", "data/token_shift/base-urial.parquet, row 7: label: read again "),
    "category": (
        edit_shift(category="marginal"), "token shift of base-urial", "data/token_shift/base-urial.parquet, row 7: category: marginal, and base_rank is ",
    ),
    "rank": (
        edit_shift(base_rank=9, category="shifted"), "token shift of base-urial", "data/token_shift/base-urial.parquet, row 7: base_rank: 9, and ",
    ),
    "table": (
        edit_text("data/report/tables/scores.md", "base-urial", "base_urial"), "tables, charts and page", "data/report/tables/scores.md: line ",
    ),
    "page": (edit_text("data/report/site/index.html", "helpfulness", "Helpfulness"), "tables, charts and page", "data/report/site/index.html: line "),
    "two numbers": (
        edit_text("data/report/report.json", '"seed": 0', '"seed": 1, "seed": 0'), "numbers", "data/report/report.json: key 'seed' twice in one object\n",
    ),
    "two metrics": (
        edit_text("data/report/metrics.json", '"helpfulness": ', '"helpfulness": 5.0, "helpfulness": '), "numbers",
        "data/report/metrics.json: key 'helpfulness' twice in one object\n",
    ),
    "two scores": (
        # The record that is read is the same; what the site says of the file, its MD5, is not.
        edit_text("data/judgments/base-urial.jsonl", '"score":', '"score":5,"score":'), "tables, charts and page",
        "data/report/site/data/origins.js: line 1: ",
    ),
    "README": (edit_text("README.md", "| base-urial |", "| base-urial\u200b |"), "README", "README.md: its figures are not those"),
}  # fmt: skip


# Others of the same kind and link.
LIKE_OTHERS = {"judgment key", "label", "category", "page", "two metrics", "prompt version"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.thorough if case in LIKE_OTHERS else ()) for case in CASES]
)
def test_an_edit_that_the_lock_was_made_to_agree_with(run: Path, case: str) -> None:
    change, name, message = CASES[case]
    change(run)
    if case != "parameter":
        repair_lock(run)
    # The links after the first broken one are not derived: that takes longest.
    link = next(link for link in verify_links(run) if link.status == "broken")
    assert link.name == name, link
    assert str(link.problems[0]).startswith(message)
