"""Verdicts and their cache; a missing score stays missing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from urial.errors import UrialError
from urial.judges.rules import RulesJudge
from urial.judging import judge_completions, make_judge, verdict_key
from urial.microworld.queries import held_out_instructions
from urial.microworld.world import build_world
from urial.plans import JudgePlan
from urial.records import Answer, Completion, Instruction, Verdict
from urial.rowcache import RowCache

HASH = "sha256:" + "0" * 64
JUDGE = RulesJudge(0)
INSTRUCTIONS = held_out_instructions(build_world(0))[58:62]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path) as opened:
        yield opened


def make_answer(text: str, finish: Any = "end_token") -> Answer:
    return Answer(text=text, token_ids=(1, 2), finish=finish)


def make_completion(instruction: Instruction, text: str | None = None) -> Completion:
    return Completion(
        instruction_id=instruction.id, system="aligned", status="too_long" if text is None else "ok",
        reason="no room" if text is None else None, answer=None if text is None else make_answer(text),
        key=None if text is None else HASH,
    )  # fmt: skip


def references() -> list[Completion]:
    return [make_completion(item, item.reference or "I cannot help you.") for item in INSTRUCTIONS]


class CountingJudge:
    """The rules, and how often they were asked."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def identity(self) -> str:
        return JUDGE.identity

    def judge(self, instruction: Instruction, answer: Answer) -> Verdict:
        self.asked += 1
        return JUDGE.judge(instruction, answer)


def test_every_completion_gets_a_judgment_in_its_order(cache: RowCache) -> None:
    rows = judge_completions(JUDGE, INSTRUCTIONS, references(), cache)
    assert [row.instruction_id for row in rows] == [item.id for item in INSTRUCTIONS]
    assert [row.status for row in rows] == ["scored"] * 4
    for row, instruction, completion in zip(rows, INSTRUCTIONS, references(), strict=True):
        assert completion.answer is not None
        assert row.scores == JUDGE.judge(instruction, completion.answer).scores
        assert (row.judge, row.reason) == (JUDGE.identity, None)


def test_missing_completion_is_a_row_with_its_reason_and_no_score(cache: RowCache) -> None:
    (row,) = judge_completions(JUDGE, INSTRUCTIONS[:1], [make_completion(INSTRUCTIONS[0])], cache)
    assert (row.status, row.reason, row.scores, row.key) == ("no_completion", "no room", (), None)


def test_instruction_of_unknown_truth_is_not_applicable_with_the_reason(cache: RowCache) -> None:
    unknown = INSTRUCTIONS[0].model_copy(update={"source": "just-eval"})
    (row,) = judge_completions(JUDGE, [unknown], [make_completion(unknown, "Yes.")], cache)
    assert (row.status, row.reason) == ("not_applicable", "no truth is known about this instruction")
    assert {item.score for item in row.scores} == {None}


def test_judged_answers_are_not_judged_again(cache: RowCache, capsys: pytest.CaptureFixture[str]) -> None:
    judge = CountingJudge()
    first = judge_completions(judge, INSTRUCTIONS, references(), cache)
    assert judge_completions(judge, INSTRUCTIONS, references(), cache) == first
    assert judge.asked == 4
    assert capsys.readouterr().out.splitlines() == [
        "aligned: 0 verdicts from the row cache, 4 to compute",
        "aligned: 4 verdicts from the row cache, 0 to compute",
    ]


def test_same_answer_to_the_same_question_is_judged_once(cache: RowCache) -> None:
    twin = INSTRUCTIONS[0].model_copy(update={"id": "twin", "topic": ("other",)})
    judge = CountingJudge()
    rows = judge_completions(
        judge, [INSTRUCTIONS[0], twin], [make_completion(INSTRUCTIONS[0], "A."), make_completion(twin, "A.")], cache
    )
    assert judge.asked == 1
    assert rows[0].scores == rows[1].scores
    assert rows[0].instruction_id != rows[1].instruction_id


@pytest.mark.parametrize(
    "change", [{"turns": ("Other?",)}, {"category": "safety"}, {"reference": "Other."}, {"source": "other"}]
)
def test_key_changes_with_what_the_judge_is_shown_of_the_instruction(change: dict[str, Any]) -> None:
    changed = INSTRUCTIONS[0].model_copy(update=change)
    assert verdict_key(JUDGE, changed, make_answer("A.")) != verdict_key(JUDGE, INSTRUCTIONS[0], make_answer("A."))


def test_key_changes_with_answer_ending_and_judge_and_with_nothing_else() -> None:
    instruction = INSTRUCTIONS[0]
    key = verdict_key(JUDGE, instruction, make_answer("A."))
    assert verdict_key(JUDGE, instruction, make_answer("A. ")) != key
    assert verdict_key(JUDGE, instruction, make_answer("A.", "length")) != key
    assert verdict_key(RulesJudge(1), instruction, make_answer("A.")) != key
    assert verdict_key(JUDGE, instruction, Answer(text="A.", token_ids=(9,), finish="end_token")) == key
    renamed = instruction.model_copy(update={"id": "x", "task": (), "topic": (), "difficulty": "hard"})
    assert verdict_key(JUDGE, renamed, make_answer("A.")) == key


def test_plan_names_the_world_that_the_rules_know() -> None:
    for seed in (0, None):
        plan = JudgePlan(kind="rules", microworld_seed=seed)
        assert make_judge(plan).identity == RulesJudge(seed).identity


def test_nothing_to_judge_gives_nothing(cache: RowCache) -> None:
    assert judge_completions(JUDGE, [], [], cache) == []


CHILD = """
import sys
from pathlib import Path
from tests.test_judging import JUDGE, many_rows
from urial.judging import judge_completions
from urial.rowcache import RowCache
with RowCache(Path(sys.argv[1])) as cache:
    judge_completions(JUDGE, *many_rows(), cache)
"""


def many_rows() -> tuple[list[Instruction], list[Completion]]:
    """2,000 instructions, each with an answer of its own."""
    instructions = [INSTRUCTIONS[0].model_copy(update={"id": f"i{number}"}) for number in range(2_000)]
    return instructions, [make_completion(item, f"{item.reference} {item.id}.") for item in instructions]


def test_killed_judge_resumes_and_ends_as_if_undisturbed(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    rows = folder / "rows.sqlite-wal"
    with subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], env=environment, cwd=ROOT) as child:
        deadline = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < deadline:
            if rows.is_file() and rows.stat().st_size > 100_000:
                break
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    counting = CountingJudge()
    with RowCache(folder) as killed, RowCache(tmp_path / "undisturbed") as fresh:
        resumed = judge_completions(counting, *many_rows(), killed)
        assert resumed == judge_completions(JUDGE, *many_rows(), fresh)
    assert 0 < counting.asked < 2_000


def test_rows_out_of_order_are_refused(cache: RowCache) -> None:
    with pytest.raises(UrialError) as caught:
        judge_completions(JUDGE, INSTRUCTIONS, references()[::-1], cache)
    assert str(caught.value) == (
        "completions: rows added or out of order"
        "\n  expected: one row an instruction, in their order\n  fix: run `dvc repro`"
    )
