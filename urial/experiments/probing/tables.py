"""What in the prompts of a run works, as tables for people and as one row a measure for programs."""

from collections.abc import Iterator, Mapping, Sequence

from urial.core.tables import Cell, Table, escape
from urial.core.text import counted, one_line
from urial.records.estimate import Estimate
from urial.records.judge import describe
from urial.records.judgment import EVERY_ASPECT
from urial.records.probing import Measure, PassFigures, ProbedPrompt, Probing, PromptVariant, Rule, VarianceShares
from urial.statistics.tables import difference_text, interval

# What is shown in percent, and its differences in points.
SCALES: Mapping[Measure, float] = {"known": 100, "explained": 100}
ORDER: tuple[Measure, ...] = (*EVERY_ASPECT, "average", "known", "explained", "words")
# Of a table as rows.
COLUMNS = (
    "model", "prompt", "variant", "systems", "samples", "measure", "mean", "low", "high", "n", "difference", "difference_low",
    "difference_high", "difference_n", "p", "p_holm", "missing",
)  # fmt: skip


def probing_text(probing: Probing) -> str:
    """A section a prompt: its variants, their differences to the full prompt, and samples where there are any."""
    tables = [table.markdown(aligned=True) for table in probing_tables(probing)]
    lines = [caption(probing), *missing_lines(probing)]
    return "\n".join([*tables, *(f"{escape(one_line(line))}\n" for line in lines)])


def probing_latex(probing: Probing) -> str:
    """The same tables for a paper, under a comment that says what they are of."""
    comment = "\n".join(f"% {one_line(line)}" for line in (caption(probing), *missing_lines(probing)))
    return "\n\n".join([comment, *(table.latex() for table in probing_tables(probing))]) + "\n"


def probing_tables(probing: Probing) -> list[Table]:
    """The tables of every prompt."""
    tables = []
    for prompt in probing.prompts:
        shown = [name for name in ORDER if any(name in variant.measures for variant in prompt.variants)]
        tables += [_means(prompt, shown), _differences(prompt, shown)]
        if any(len(variant.systems) > 1 for variant in prompt.variants):
            tables.append(_samples(prompt, probing))
    return tables


def caption(probing: Probing) -> str:
    """Which instructions, who judged, and what the numbers are."""
    judge = one_line(describe(probing.judge)) if probing.judge else "none"
    return (
        f"{counted(probing.instructions, 'instruction')} of {one_line(probing.instruction_set)}, study {one_line(probing.study)}. "
        f"Judge: {judge}. In brackets: {100 * probing.confidence:g} % bootstrap intervals ({probing.resamples:,} resamples of "
        f"instructions, each with all of its samples; seed {probing.seed}). Differences are the variant minus the full prompt, on "
        "what both have; p is of a two-sided permutation test by sign flips "
        f"({probing.permutations:,} draws, or all), corrected for the variants in its column (Holm); n: instructions with both. Explained: of the tokens "
        "shifted under the zero-shot prompt, the share that is not under this one. Known: answers with an accepted answer in them."
    )


def missing_lines(probing: Probing) -> list[str]:
    """Why cells are empty: a line a reason, with the variants that it is of."""
    why: dict[tuple[str, str, str], list[str]] = {}
    for prompt in probing.prompts:
        for variant in prompt.variants:
            for measure, reason in variant.missing.items():
                why.setdefault((prompt.prompt, measure, reason), []).append(variant.label)
            if variant.repeated:
                names = ", ".join(variant.repeated)
                why.setdefault((prompt.prompt, names, "the seed of another sample, so counted once"), []).append(
                    variant.label
                )
    return [f"{prompt}: {what} ({'; '.join(labels)}): {reason}." for (prompt, what, reason), labels in why.items()]


def _means(prompt: ProbedPrompt, shown: Sequence[Measure]) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            variant.label,
            systems_text(variant),
            *(interval(variant.measures[name], SCALES.get(name, 1)) if name in variant.measures else None for name in shown),
            f"{variant.scored}/{variant.total}",
        ]
        for variant in prompt.variants
    ]  # fmt: skip
    columns = ["variant", "system", *(_column(name, "%") for name in shown), "scored/total"]
    return Table(f"{prompt.prompt} ({prompt.model} model)", columns, rows)


def _differences(prompt: ProbedPrompt, shown: Sequence[Measure]) -> Table:
    def cell(variant: PromptVariant, name: Measure) -> Cell:
        found = variant.differences.get(name)
        return difference_text(found, found.p_holm, scale=SCALES.get(name, 1)) if found else None

    def pairs(variant: PromptVariant) -> int:
        return max((found.n for name, found in variant.differences.items() if name != "explained"), default=0)

    rows: list[Sequence[Cell]] = [
        [variant.label, *(cell(variant, name) for name in shown), pairs(variant)] for variant in prompt.variants[1:]
    ]
    title = f"{prompt.prompt}: differences to the full prompt"
    return Table(title, ["variant", *(_column(name, "points") for name in shown), "n"], rows)


def _column(name: Measure, unit: str) -> str:
    return f"{name}, {unit}" if name in SCALES else name


def systems_text(variant: PromptVariant) -> str:
    """Its system, or the first of its samples and how many more there are."""
    more = len(variant.systems) - 1
    return f"{variant.systems[0]} and {more} more" if more else variant.systems[0]


def _samples(prompt: ProbedPrompt, probing: Probing) -> Table:
    """Where variance comes from, and how often one of k samples passes."""
    several = [variant for variant in prompt.variants if len(variant.systems) > 1]
    ks = sorted({at.k for variant in several for figures in variant.passes for at in figures.at})
    rules: list[Rule | None] = list(dict.fromkeys(figures.rule for variant in several for figures in variant.passes))
    rows: list[Sequence[Cell]] = []
    for variant in several:
        for rule in rules or [None]:
            passes = next((figures for figures in variant.passes if figures.rule == rule), None)
            shares = [_share(variant.score_shares), _share(variant.word_shares)]
            rows.append([variant.label, len(variant.systems), *shares, *(_pass_cells(passes, ks) if ks else ())])
    of = probing.aspect or "mean score"
    columns = ["variant", "samples", f"variance of {of} between samples, %", "of words, %"]
    note = "The rest of the variance is between instructions."
    if ks:
        columns += ["passes by", *(f"pass@{k}" for k in ks), "every sample", "instructions"]
        note += f" pass@k: one of k samples passes. Full marks: {probing.aspect or 'every aspect of the answer'} has the highest score."
    return Table(f"{prompt.prompt}: samples", columns, rows, note)


def _share(shares: VarianceShares | None) -> Cell:
    return None if shares is None or shares.between_samples is None else 100 * shares.between_samples


def _pass_cells(passes: PassFigures | None, ks: Sequence[int]) -> list[Cell]:
    if passes is None:
        return [None] * (len(ks) + 3)
    at = {found.k: found for found in passes.at}
    shown = [interval(at[k]) if k in at else None for k in ks]
    return [
        passes.rule,
        *shown,
        interval(passes.every),
        f"{passes.instructions}/{passes.instructions + passes.left_out}",
    ]


def probing_rows(probing: Probing) -> Iterator[dict[str, Cell]]:
    """A row a variant and measure, with the columns of COLUMNS; what is missing has a reason and no number."""
    for prompt in probing.prompts:
        for variant in prompt.variants:
            known: dict[str, Cell] = {
                "model": prompt.model, "prompt": prompt.prompt, "variant": variant.label,
                "systems": " ".join(variant.systems), "samples": len(variant.systems),
            }  # fmt: skip
            for row in _rows_of(variant):
                yield dict.fromkeys(COLUMNS) | known | row


def _rows_of(variant: PromptVariant) -> Iterator[dict[str, Cell]]:
    for name in ORDER:
        if name not in variant.measures and name not in variant.missing:
            continue
        mean, difference = variant.measures.get(name), variant.differences.get(name)
        row: dict[str, Cell] = {"measure": name, "missing": variant.missing.get(name)}
        if mean:
            row |= {**_estimate(mean), "n": mean.n}
        if difference:
            row |= {
                "difference": difference.mean, "difference_low": difference.low, "difference_high": difference.high,
                "difference_n": difference.n, "p": difference.p, "p_holm": difference.p_holm,
            }  # fmt: skip
        yield row
    for what, shares in (("score", variant.score_shares), ("words", variant.word_shares)):
        if shares:
            yield {
                "measure": f"variance of {what} between samples",
                "mean": shares.between_samples,
                "n": shares.instructions,
            }
    for passes in variant.passes:
        for at in passes.at:
            yield {"measure": f"pass@{at.k}, {passes.rule}", **_estimate(at), "n": passes.instructions}
        yield {"measure": f"every sample, {passes.rule}", **_estimate(passes.every), "n": passes.instructions}


def _estimate(estimate: Estimate) -> dict[str, Cell]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}


def probing_csv(probing: Probing) -> str:
    """The rows as CSV."""
    rows = list(probing_rows(probing))
    return Table("", list(COLUMNS), [[row[name] for name in COLUMNS] for row in rows]).csv()
