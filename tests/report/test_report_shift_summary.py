"""The text of `urial token-shift summarize`."""

from tests.conftest import make_query
from tests.report.test_report_shift_tables import HOSTILE
from tests.token_shift.measured import SHIFTED, UNSHIFTED, ranks, served, table_of, token
from tests.token_shift.test_greedy import candidates
from tests.token_shift.test_measurements_summarized import FIRST, OTHER, SECOND, summary
from urial.report.shift_summary import ShownTables, shift_summary_text

INTERVALS = "In brackets: 95 % bootstrap intervals (200 resamples of answers, seed 0).\n"


def test_one_row_a_measurement_and_what_is_needed_to_read_it() -> None:
    assert shift_summary_text(summary(("one", ranks({"a": [SHIFTED, UNSHIFTED]}))), ShownTables()) == (
        "### Token distribution shift\n\n"
        "| measurement | unshifted % | marginal % | shifted % | KL (nats) | base probability | positions | "
        "measured/instructions |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| one | 50.00 | 0.00 | 50.00 | 0.25 | 0.50 | 2 | 1/1 |\n\n" + INTERVALS
    )


def test_further_tables_are_there_where_asked_for() -> None:
    instructions = [make_query(name, task=("x<b>\n",)) for name in "abc"]
    found = summary(("one", FIRST), ("two", SECOND), ("x", OTHER), instructions=instructions, by="task")
    text = shift_summary_text(found, ShownTables(labels=True, tokens=True))
    titles = [line for line in text.split("\n") if line.startswith("###")]
    assert titles == [
        "### Token distribution shift",
        "### Kinds of tokens, by the rules of the lexicon",
        "### Most often shifted tokens",
        "### Most often shifted words",
        "### Most shifted tokens and words by weighted log-odds",
        "### What the prompt alone explains",
        "### Token distribution shift: task x\\<b>↵",
    ]
    assert "Measured on other answers than one, and so not compared with it: x.\n" in text
    bare = shift_summary_text(found, ShownTables())
    assert [line for line in bare.split("\n") if line.startswith("###")] == [titles[0], *titles[5:]]


def test_what_more_a_position_tells_is_there_where_asked_for() -> None:
    chosen = {**candidates("base", (1, 0.8), (2, 0.1)), **candidates("aligned", (2, 0.8), (1, 0.1))}
    rows = [token(UNSHIFTED), token(SHIFTED, aligned_logprob=-0.25, base_logprob=-2.25, **chosen)]
    text = shift_summary_text(summary(("one", table_of({"a": rows}))), ShownTables(positions=True))
    tables = {lines.split("\n")[0]: lines.split("\n")[4] for lines in text.split("### ") if lines}
    assert list(tables) == [
        "Token distribution shift",
        "Signed difference and rank under both models",
        "First divergence",
        "Tokens at landmarks of the answers",
        "Truncated divergences",
        "Positions above thresholds",
    ]
    assert tables["Signed difference and rank under both models"] == (
        "| one | 1.35 | 100.00 | 2 | 100.00 | 2 | 50.00 | 2 |"
    )
    assert tables["First divergence"] == "| one | 0.00 | 0.00 | 0.00 | 0.00 | 1.00 | 1 | 0 |"
    assert tables["Tokens at landmarks of the answers"] == "| one | start | 0.00 | 0.25 | 1 | 1 |"
    assert tables["Truncated divergences"] == ("| one | top_p_0.7 | 0.69 | 0.12 | 0.00 | – | – | 1 | – | 1 | 1 |")
    assert tables["Positions above thresholds"] == "| one | base rank above | 1 | 50.00 | – | – | 2 |"


def test_hostile_tags_stay_in_their_titles() -> None:
    for text in HOSTILE:
        instructions = [make_query(name, task=(text or "|",)) for name in "abc"]
        shown = shift_summary_text(summary(("one", FIRST), instructions=instructions, by="task"), ShownTables())
        (title,) = (line for line in shown.split("\n") if line.startswith("### Token distribution shift: task "))
        rows = shown.split(title)[1].strip().split("\n")[:3]
        assert [row.count("|") for row in rows] == [7, 7, 7]
        assert not any(sign in shown for sign in ("\x1b", "\u202e", "\r", "\x00", " <script"))


def test_bounds_and_untagged_instructions_are_explained() -> None:
    table = table_of({"a": [served(None), served(1)], "b": [token(1, kl=None)]})
    found = summary(("one", table), instructions=[make_query("a", topic=("x",)), make_query("b")], by="topic")
    text = shift_summary_text(found, ShownTables())
    assert "| at least 0.75 over 2 positions |" in text
    assert "At least: KL is not known there, only that it is no less.\n" in text
    assert text.endswith("Measured instructions without a topic, in none of its tables: 1.\n")
