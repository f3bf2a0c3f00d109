"""Known answers and the branching factor on the run of record, of whose world everything is known."""

import pyarrow.compute as pc
import pytest

from tests.clones import Clone
from urial.microworld.text_reader.reading import statements
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.run.paths import COMPLETIONS, INSTRUCTIONS_PLAN
from urial.run.reader import RunReader
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.known_answers import known_agreements, outcome_of, outcomes_of
from urial.token_shift.figures.branching import branching_curve

BOOTSTRAP = Bootstrap(200, 0.95, 0)


@pytest.fixture(scope="module")
def run(record_clone: Clone) -> RunReader:
    return RunReader(record_clone.folder / "data")


@pytest.fixture(scope="module")
def instructions(run: RunReader) -> list[Instruction]:
    return held_out_instructions(build_world(run.record(INSTRUCTIONS_PLAN).microworld_seed or 0))


def tells(instruction: Instruction, completion: Completion) -> bool:
    """Whether the answer states the fact that was asked for, as the reader of the world's sentences understands it."""
    world = build_world(0)
    (asked, *_) = statements(world, str(instruction.reference).split("\n\n", maxsplit=1)[0])
    text = completion.answer.text if completion.answer else ""
    found = statements(world, text, asked.subject)
    return any(each.true and (each.subject, each.relation) == (asked.subject, asked.relation) for each in found)


def test_what_is_found_in_an_answer_is_what_a_reader_who_knows_the_truth_finds(
    run: RunReader, instructions: list[Instruction]
) -> None:
    compared = [
        (outcome_of(instruction, completion) in ("exact", "contained"), tells(instruction, completion))
        for system in run.plan.systems
        for instruction, completion in zip(instructions, run.ordered_rows(COMPLETIONS, system), strict=True)
        if instruction.accepted
    ]
    assert len(compared) == 11 * 76
    # One answer has the value beside a wrong one, in no sentence of the world.
    assert [found for found, told in compared if found != told] == [True]


def test_the_base_model_knows_as_much_as_the_aligned_one(run: RunReader, instructions: list[Instruction]) -> None:
    outcomes = {name: outcomes_of(instructions, run.ordered_rows(COMPLETIONS, name)) for name in run.plan.systems}
    found = known_agreements(
        outcomes, {name: "aligned" if name == "aligned" else "base" for name in outcomes}, BOOTSTRAP
    )
    assert len(found) == 10
    for agreement in found:
        assert (agreement.only_first, agreement.neither, agreement.no_completion) == (0, 0, 0)
        assert agreement.both + agreement.only_second == 76
        assert agreement.difference.p_holm is not None
        assert agreement.difference.p_holm > 0.05
    by_name = {agreement.first: agreement.both for agreement in found}
    # A prompt that is longer than what the toy learned from loses a few.
    assert by_name.pop("base-urial-k8") == 71
    assert all(both >= 75 for both in by_name.values())


def test_the_first_token_branches_less_with_a_prompt_and_after_alignment(run: RunReader) -> None:
    whole = {name: run.table(name) for name in run.plan.base_systems}
    tables = {name: table.filter(pc.equal(table["position"], 0)) for name, table in whole.items()}
    zero_shot, urial = (
        branching_curve(tables[name], "base", BOOTSTRAP)[0].branching for name in ("base-zero-shot", "base-urial")
    )
    aligned = branching_curve(tables["base-zero-shot"], "aligned", BOOTSTRAP)[0].branching
    assert zero_shot.low is not None
    assert zero_shot.low > 10
    for after in (urial, aligned):
        assert after.high is not None
        assert 1 < after.high < 2
