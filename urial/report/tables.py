"""The report's tables of scores, and those that `urial report` prints."""

from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.records.judge import describe
from urial.records.judgment import EVERY_ASPECT
from urial.records.left_out import describe_left_out
from urial.records.preference import CRITERIA, Criterion, PreferenceJudge, describe_preference_judge
from urial.records.report import ComparedFigures, Report, TurnFigures
from urial.records.token_shift import describe_given
from urial.report.blend_tables import intervention_table, recovered_table
from urial.report.branching_tables import branching_table
from urial.report.inputs import ReportInputs
from urial.report.known_tables import known_agreement_table, reported_known_answers
from urial.report.safety_tables import rate_table
from urial.report.shift_tables import CONTEXT, OWN_ANSWERS, TAG_KINDS, context_table
from urial.statistics import tables
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import aspect_figures, by_tag
from urial.statistics.turns import turn_figures


def report_text(report: Report) -> str:
    """The main tables as Markdown, each with its heading: what `urial report` prints and the README shows."""
    shown = [
        score_table(report) if report.judge else answer_table(report),
        reported_known_answers(report),
        known_agreement_table(report.known_agreement),
        pooled_table(report),
        later_turns_table(report),
        preference_table(report.preferences, report.preference_judge, ("overall",)),
        shift_table(report) if report.token_shift else None,
        context_table(report.context_comparisons),
        branching_table(report.token_shift) if report.token_shift else None,
        intervention_table(report.blends),
        rate_table(report.safety_depth),
        recovered_table(report.blends),
    ]
    return "\n".join(table.markdown() for table in shown if table)


def score_table(report: Report) -> Table:
    """Mean score by system and aspect, with intervals and counts (paper, table 1)."""
    rows = []
    thought = _thought(report)
    for name, system in report.systems.items():
        figures = system.aspects.values()
        more: list[Cell] = [
            sum(aspect.not_applicable for aspect in figures),
            sum(aspect.invalid + aspect.refused + aspect.filtered + aspect.failed for aspect in figures),
            system.instructions - system.ok,
            system.cut_off,
            *[system.only_thinking] * thought,
            system.flagged,
        ]
        rows.append(tables.ScoreRow([name, system.prompt], system.aspects, system.average, system.words, more))
    return tables.score_table(
        ["system", "prompt"],
        rows,
        more=[
            "not applicable",
            "no verdict",
            "no completion",
            "cut off",
            *["only thinking"] * thought,
            "flagged",
        ],
        caption=f"Judge: {describe(report.judge) if report.judge else 'none'}. Scored, not applicable and no verdict (invalid, refused, filtered or failed) "
        "count aspects; only scored ones are in a mean." + _left_out(report),
    )


def answer_table(report: Report) -> Table:
    """What is known of each system's answers without a judge."""
    rows: list[Sequence[Cell]] = [
        [
            name, system.prompt, tables.interval(system.words), f"{system.ok}/{system.instructions}", system.too_long,
            system.cut_off, *[system.only_thinking] * _thought(report), system.flagged,
        ]
        for name, system in report.systems.items()
    ]  # fmt: skip
    return Table(
        "Answers",
        [
            "system",
            "prompt",
            "words",
            "answers/instructions",
            "prompt too long",
            "cut off",
            *["only thinking"] * _thought(report),
            "flagged",
        ],
        rows,
        "Not judged: the run has no judge. Words are the mean over the answers to regular instructions."
        + _left_out(report),
    )


def _thought(report: Report) -> bool:
    """Whether any text ended before its thinking did, so that there is a column for such."""
    return any(system.only_thinking for system in report.systems.values())


def _left_out(report: Report) -> str:
    """What there are no figures of, and why, as a further sentence of a caption."""
    left_out = describe_left_out(report.study, report.left_out)
    return f" {left_out}" if left_out else ""


def later_turns_table(report: Report) -> Table | None:
    """What became of second and later messages; None where no instruction has any."""
    thought = any(system.later_turns and system.later_turns.only_thinking for system in report.systems.values())
    columns = [
        "system", "asked", "answered", "prompt too long", "no earlier answer", "cut off", *["only thinking"] * thought, "flagged",
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [
            name, turns.asked, turns.ok, turns.too_long, turns.no_history, turns.cut_off,
            *[turns.only_thinking] * thought, turns.flagged,
        ]
        for name, turns in ((name, system.later_turns) for name, system in report.systems.items())
        if turns
    ]  # fmt: skip
    title = "Second and later messages" + ("" if turn_table(report) else ", which no other figure counts")
    return Table(title, columns, rows) if rows else None


def turn_table(report: Report) -> Table | None:
    """Mean score by system and turn, and over all turns; None where no instruction has several, or nobody judged."""
    rows = (([name, system.prompt], system.turns) for name, system in report.systems.items() if system.turns)
    return tables.turn_table(["system", "prompt"], rows)


def pooled_table(report: Report) -> Table | None:
    """The same in one row a system; tables/turns has the means of turns and all intervals."""
    rows = (([name, system.prompt], system.turns) for name, system in report.systems.items() if system.turns)
    return tables.pooled_table(["system", "prompt"], rows)


def turn_tag_table(inputs: ReportInputs) -> Table | None:
    """The same by task and topic, as MT-Bench's categories are; an instruction counts under each of its tags."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    rows: list[tuple[Sequence[Cell], TurnFigures]] = []
    for kind in TAG_KINDS:
        for tag, ids in by_tag(inputs.instructions, kind).items():
            tagged = [index for index, row in enumerate(inputs.instructions) if row.id in ids]
            categories = [inputs.instructions[index].category for index in tagged]
            for name, system in inputs.systems.items():
                figures = turn_figures([system.judgments[index] for index in tagged], categories, bootstrap)
                rows += [([kind, tag, name], figures)] if figures else []
    return tables.turn_table(["kind", "tag", "system"], rows, "Scores by turn, task and topic")


def preference_table(
    preferences: Mapping[str, ComparedFigures],
    judge: PreferenceJudge | None,
    criteria: Sequence[Criterion] = CRITERIA,
) -> Table | None:
    """Win rates by system and criterion, with what became of every comparison; None where nothing was compared by these."""
    columns = [
        "system", "against", "criterion", "win rate", "wins", "ties", "losses", "inconsistent", "invalid", "no completion",
        "no baseline", "total",
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [
            name, compared.baseline, criterion, tables.interval(figures), figures.wins, figures.ties, figures.losses,
            figures.inconsistent, figures.invalid, figures.no_completion, figures.no_baseline, figures.total,
        ]
        for name, compared in preferences.items()
        for criterion, figures in compared.criteria.items()
        if criterion in criteria
    ]  # fmt: skip
    if not rows or judge is None:
        return None
    return Table(
        "Preferences (win rate, %)",
        columns,
        rows,
        f"Judge: {describe_preference_judge(judge)}. Win rate is the mean preference over the rows that have "
        "one: a win counts 1, a tie 0.5, and rows whose orders disagree (inconsistent) the mean of their orders. "
        "What the judge leans to (the answer shown first, the longer one) is what urial summarize tells of the rows.",
    )


def shift_table(report: Report) -> Table:
    """Shares of the three categories by base context; where answers were given, whose, and how they rank to the aligned model."""
    more = ["base probability", "style share of shifted %", "positions", "measured/instructions"]
    if not report.given:
        return tables.shift_table([CONTEXT], (([name], shift) for name, shift in report.token_shift.items()), more)
    given = {row.name: row.answers for row in report.given}
    rows = (([name, given.get(name, OWN_ANSWERS)], shift) for name, shift in report.token_shift.items())
    more = ["KL reversed (nats)", "base probability", "aligned rank 1 %", *more[1:]]
    return tables.shift_table([CONTEXT, "answers of"], rows, more, describe_given(report.given))


def tag_table(inputs: ReportInputs) -> Table:
    """Mean score by system, tag and aspect where answers are judged; an instruction counts under each of its tags."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    rows: list[Sequence[Cell]] = []
    for kind in TAG_KINDS:
        for tag, ids in by_tag(inputs.instructions, kind).items():
            tagged = [index for index, row in enumerate(inputs.instructions) if row.id in ids]
            instructions = [inputs.instructions[index] for index in tagged]
            for name, system in inputs.systems.items():
                judgments = [system.judgments[index] for index in tagged]
                for aspect in EVERY_ASPECT:
                    score = aspect_figures(aspect, judgments, instructions, bootstrap)
                    if score and score.total:
                        figures = (score.mean, score.low, score.high, score.scored, score.total)
                        rows.append([kind, tag, name, aspect, *figures])
    return Table(
        "Scores by task and topic",
        ["kind", "tag", "system", "aspect", "mean", "low", "high", "scored", "total"],
        rows,
    )
