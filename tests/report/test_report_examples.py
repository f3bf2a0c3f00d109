"""Which instructions are shown, and how much of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.conftest import make_instruction, small_run
from urial.report.examples import MAX_TOKENS, choose, examples, probability, quoted
from urial.report.inputs import ReportInputs


@given(st.lists(st.sampled_from("rs"), max_size=60), st.integers(0, 70))
def test_choice_has_the_wanted_size_and_both_categories(kinds: list[str], count: int) -> None:
    instructions = [make_instruction(f"{kind}{index}") for index, kind in enumerate(kinds)]
    chosen = choose(instructions, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(kinds))
    assert chosen == choose(instructions, count)
    if len(chosen) >= 2:
        assert {kinds[index] for index in chosen} == set(kinds)


def test_choice_is_spread() -> None:
    instructions = [make_instruction(f"r{index}") for index in range(100)]
    assert choose(instructions, 4) == [12, 37, 62, 87]


def test_a_rare_category_is_still_shown() -> None:
    instructions = [make_instruction(f"{'s' if index == 90 else 'r'}{index}") for index in range(100)]
    assert 90 in choose(instructions, 4)


def test_views_follow_the_rows(run: ReportInputs) -> None:
    shown = {view.instruction.id: view for view in examples(run)}
    assert list(shown) == ["r1", "r3", "r4", "s2"]
    first, second = shown["r1"].shifts[0].tokens
    assert (first.category, second.category) == ("unshifted", "shifted")
    assert second.title == (
        "“tok”: shifted\nbase rank 4, base probability 0.300, KL 1.000 nats\n"
        "base model's top tokens: “ a” 0.500, “↵” 0.250"
    )


def test_a_long_token_is_cut() -> None:
    assert len(quoted("x" * 1000)) < 110


def test_long_answers_stop_at_some_token(run: ReportInputs) -> None:
    context = run.contexts["base"]
    import pyarrow as pa

    rows = [{**context.table.slice(0, 1).to_pylist()[0], "position": index} for index in range(MAX_TOKENS + 5)]
    long = type(context)(pa.Table.from_pylist(rows, schema=context.table.schema), context.coverage)
    changed = type(run)(run.plan, run.models, run.instructions, run.systems, {"base": long})
    shift = examples(changed)[0].shifts[0]
    assert (len(shift.tokens), shift.left_out) == (MAX_TOKENS, 5)


def test_a_token_without_text_is_seen() -> None:
    token = examples(small_run(piece=""))[0].shifts[0].tokens[0]
    assert token.text == "⟨token 7⟩"


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.500"), (0.00012, "1e-04"), (0.0, "below 1e-300")])
def test_probability_is_never_a_rounded_zero(value: float, text: str) -> None:
    assert probability(value) == text
