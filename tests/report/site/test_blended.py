"""What the helper of a blend supplied, in the answer browser: its runs are those of the rows, and they are seen without color, too."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.browser import Tabs, violations
from tests.report.conftest import IDS
from tests.report.site.answer_runs import answers_run, write_answers
from tests.report.site.test_answers import column, opened
from urial.core.text import visible
from urial.records.blend import Interventions
from urial.records.blended_tokens import BlendedAnswer, BlendedTokens
from urial.records.token_shift import Label
from urial.report.site.blended import interventions


def blended(tokens: Sequence[str], supplied: Sequence[int] = (), changed: Sequence[int] = ()) -> BlendedAnswer:
    """Tokens of an answer; the rule stepped in at each that was supplied."""
    labels: tuple[Label, ...] = tuple("content_word" for _ in tokens)
    return BlendedAnswer(
        tokens=tuple(tokens),
        words=(None,) * len(tokens),
        labels=labels,
        kinds=None,
        interventions=Interventions(starts=tuple(supplied), supplied=tuple(supplied), changed=tuple(changed)),
    )


def test_neighbors_of_one_side_are_one_run_and_the_end_token_is_in_none() -> None:
    tokens = blended(["Hel", "lo", "!", "\u202e", " 😀", "<eos>"], supplied=[1, 2, 4, 5], changed=[4, 5])
    assert interventions(tokens, "Hello!\u202e 😀") == {
        "tokens": 6, "supplied": 4, "changed": 2, "stepped": 4, "asked": 6,
        # The sign in the place of what has no shape has eight characters, and the face two code units.
        "runs": [[3, 0], [3, 1], [8, 0], [3, 2]],
    }  # fmt: skip


def test_tokens_that_are_no_pieces_of_the_text_are_counted_and_not_marked() -> None:
    found = interventions(blended(["Hel", "lo"], supplied=[1]), "Help")
    assert (found["supplied"], found["runs"]) == (1, None)


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 2)), max_size=12))
def test_the_runs_join_to_the_text_as_it_is_shown(pieces: list[tuple[str, int]]) -> None:
    tokens, whose = [piece for piece, _ in pieces], [side for _, side in pieces]
    supplied = [place for place, side in enumerate(whose) if side]
    changed = [place for place, side in enumerate(whose) if side == 2]
    runs = interventions(blended(tokens, supplied, changed), "".join(tokens))["runs"]
    if runs is not None:
        assert sum(length for length, _ in runs) == len(visible("".join(tokens)).encode("utf-16-le")) // 2


def test_they_are_marked_in_the_answer_and_counted_below_it(tabs: Tabs, tmp_path: Path) -> None:
    run = answers_run()
    tokens = []
    for name, row in zip(IDS, run.systems["icl"].completions, strict=True):
        assert row.answer is not None
        text = row.answer.text
        turn = blended([text[:3], text[3:6], text[6:], "<eos>"], supplied=[1, 2], changed=[1])
        tokens.append(BlendedTokens(instruction_id=name, system="icl", turns=(turn, *(None for _ in row.later_turns))))
    folder = write_answers(replace(run, blended={"icl": tokens}), tmp_path)
    page = opened(tabs, folder)
    answer = column(page, "icl").locator(".cell.answer").first
    assert answer.locator(".body").text_content() == run.systems["icl"].completions[0].answer.text  # type: ignore[union-attr]
    assert [len(answer.locator(f".body mark.{kind}").all()) for kind in ("supplied", "changed")] == [1, 1]
    said = " ".join(answer.locator(".stepped-in").inner_text().split())
    assert said == "· the helper stepped in at 2 of 4 places and supplied 2 of 4 tokens, 1 not the base’s choice"
    style = "node => getComputedStyle(node).borderBottomStyle"
    assert [answer.locator(f".body mark.{kind}").evaluate(style) for kind in ("supplied", "changed")] == [
        "dotted",
        "double",
    ]
    assert column(page, "base").locator("mark.supplied, mark.changed, .stepped-in").count() == 0
    assert violations(page) == []
