"""Judgments of completions; a missing score stays missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Case
from urial.judge.scores.run import judge_completions, make_judge, verdict_key
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.judge import RulesIdentity
from urial.records.judgment import Judgment, Verdict
from urial.records.plans import JudgePlan, RulesPlan

HASH = "sha256:" + "0" * 64
JUDGE = RulesJudge(0)
INSTRUCTIONS = held_out_instructions(build_world(0))[58:62]


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
    def identity(self) -> RulesIdentity:
        return JUDGE.identity

    def identity_for(self, instruction: Instruction) -> RulesIdentity:
        return JUDGE.identity_for(instruction)

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        self.asked += len(cases)
        return JUDGE.verdicts(cases)


def test_without_a_judge_every_row_says_so_and_knows_its_words() -> None:
    rows = judge_completions(None, INSTRUCTIONS, [*references()[:3], make_completion(INSTRUCTIONS[3])])
    assert {(row.status, row.reason, row.judge, row.key) for row in rows} == {
        ("not_judged", "the run has no judge", None, None)
    }
    words = [len((item.reference or "I cannot help you.").split()) for item in INSTRUCTIONS[:3]]
    assert [row.words for row in rows] == [*words, None]
    with RowCache() as cache:
        assert make_judge(JudgePlan(name=None, judge=None), cache) is None


@pytest.mark.parametrize("change", [{"judge": JUDGE.identity}, {"status": "no_completion"}])
def test_what_is_not_judged_has_no_judge(change: dict[str, object]) -> None:
    row = judge_completions(None, INSTRUCTIONS, references())[0]
    with pytest.raises(ValidationError, match="status not_judged has no judge"):
        Judgment.model_validate({**dict(row), **change})


def test_every_completion_gets_a_judgment_in_its_order() -> None:
    rows = judge_completions(JUDGE, INSTRUCTIONS, references())
    assert [row.instruction_id for row in rows] == [item.id for item in INSTRUCTIONS]
    assert [row.status for row in rows] == ["scored"] * 4
    for row, instruction, completion in zip(rows, INSTRUCTIONS, references(), strict=True):
        assert completion.answer is not None
        assert row.scores == JUDGE.judge(Case(instruction, completion.answer.text, cut_off=False)).scores
        assert (row.judge, row.reason) == (JUDGE.identity, None)


def test_missing_completion_is_a_row_with_its_reason_and_no_score() -> None:
    (row,) = judge_completions(JUDGE, INSTRUCTIONS[:1], [make_completion(INSTRUCTIONS[0])])
    assert (row.status, row.reason, row.scores, row.key) == ("no_completion", "no room", (), None)


def test_instruction_of_unknown_truth_is_not_applicable_with_the_reason() -> None:
    unknown = INSTRUCTIONS[0].model_copy(update={"source": "just-eval"})
    (row,) = judge_completions(JUDGE, [unknown], [make_completion(unknown, "Yes.")])
    assert (row.status, row.reason) == ("not_applicable", "no truth is known about this instruction")
    assert {item.score for item in row.scores} == {None}


def test_same_answer_to_the_same_question_is_judged_once() -> None:
    twin = INSTRUCTIONS[0].model_copy(update={"id": "twin", "topic": ("other",)})
    judge = CountingJudge()
    rows = judge_completions(
        judge, [INSTRUCTIONS[0], twin], [make_completion(INSTRUCTIONS[0], "A."), make_completion(twin, "A.")]
    )
    assert judge.asked == 1
    assert rows[0].scores == rows[1].scores
    assert rows[0].instruction_id != rows[1].instruction_id


def key(instruction: Instruction = INSTRUCTIONS[0], text: str = "A.", **changes: Any) -> str:
    return verdict_key(JUDGE.identity, Case(instruction, text, **{"cut_off": False, **changes}))


@pytest.mark.parametrize(
    "change", [{"turns": ("Other?",)}, {"category": "safety"}, {"reference": "Other."}, {"source": "other"}]
)
def test_key_changes_with_what_the_judge_is_shown_of_the_instruction(change: dict[str, Any]) -> None:
    assert key(INSTRUCTIONS[0].model_copy(update=change)) != key()


def test_key_changes_with_answer_ending_and_judge_and_with_nothing_else() -> None:
    assert len({key(), key(text="A. "), key(cut_off=True), key(shown_of=9)}) == 4
    assert (
        verdict_key(RulesIdentity(kind="rules", version=2, world=None), Case(INSTRUCTIONS[0], "A.", cut_off=False))
        != key()
    )
    renamed = INSTRUCTIONS[0].model_copy(update={"id": "x", "task": (), "topic": (), "difficulty": "hard"})
    assert key(renamed) == key()


def test_plan_names_the_world_that_the_rules_know(tmp_path: Path) -> None:
    with RowCache(tmp_path) as cache:
        for seed in (0, None):
            plan = JudgePlan(name="rules", judge=RulesPlan(kind="rules", microworld_seed=seed))
            judge = make_judge(plan, cache)
            assert judge is not None
            assert judge.identity == RulesJudge(seed).identity


def test_nothing_to_judge_gives_nothing() -> None:
    assert judge_completions(JUDGE, [], []) == []


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(UrialError) as caught:
        judge_completions(JUDGE, INSTRUCTIONS, references()[::-1])
    assert str(caught.value) == (
        "completions: rows added or out of order"
        "\n  expected: one row an instruction, in their order\n  fix: run `dvc repro`"
    )
