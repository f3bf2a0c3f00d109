"""Several samples of one answer: their mean, where their variance comes from, and how often one of k passes.

With x_ij the value of sample j of instruction i, the mean is that of the instructions' means m_i = mean over j of x_ij. Its
interval is of a cluster bootstrap: instructions are drawn with replacement, each with all of its samples. So a resample is one
of the m_i, and its variance estimates

    Var(m) / N = (between + within / J) / N

which is the variance of the mean over both, instructions and samples. To draw samples with replacement within an instruction
as well would count theirs twice: within / J is already in the spread of the m_i (Davison and Hinkley 1997, section 3.8; Field
and Welsh 2007, who show that the cluster bootstrap is the consistent one).
"""

from collections.abc import Sequence
from math import comb

import numpy as np

from urial.records.probing import PassAt, PassFigures, Rule, VarianceShares
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import Column

# Shown of the k below the number of samples.
SHOWN = (1, 2, 5, 10, 20, 50, 100)


def means_of_samples(samples: Sequence[Column]) -> list[float | None]:
    """Of each instruction, the mean over the samples that have a value; None where none has one."""
    known = ([value for value in values if value is not None] for values in zip(*samples, strict=True))
    return [sum(values) / len(values) if values else None for values in known]


def variance_shares(samples: Sequence[Column]) -> VarianceShares:
    """Shares of variance between and within instructions, of a one-way random effects model (Searle et al. 1992, section 3.6).

    With mean squares MSB and MSW, within = MSW and between = max(0, (MSB - MSW) / J); where instructions have different numbers
    of values, J is their effective number.
    """
    groups = [[value for value in values if value is not None] for values in zip(*samples, strict=True)]
    groups = [values for values in groups if values]
    sizes = np.array([len(values) for values in groups], float)
    counts = {"instructions": len(groups), "samples": int(sizes.sum())}
    if len(groups) < 2 or sizes.sum() == len(groups):
        return VarianceShares(**counts, between_instructions=None, between_samples=None)
    means = np.array([np.mean(values) for values in groups])
    squares = [np.square(np.array(values) - mean).sum() for values, mean in zip(groups, means, strict=True)]
    within = float(sum(squares)) / (sizes.sum() - len(groups))
    overall = float((sizes * means).sum() / sizes.sum())
    msb = float((sizes * np.square(means - overall)).sum()) / (len(groups) - 1)
    effective = (sizes.sum() - np.square(sizes).sum() / sizes.sum()) / (len(groups) - 1)
    between = max(0.0, (msb - within) / effective)
    # A spread below rounding is none.
    if between + within <= 1e-12 * max(1.0, overall**2):
        return VarianceShares(**counts, between_instructions=None, between_samples=None)
    share = between / (between + within)
    return VarianceShares(**counts, between_instructions=share, between_samples=1 - share)


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Chance that one of k of the samples passes, drawn without replacement (Chen et al. 2021, arXiv 2107.03374, equation 1).

    >>> pass_at_k(5, 1, 1), pass_at_k(5, 1, 5), pass_at_k(5, 2, 2)
    (0.2, 1.0, 0.7)
    """
    return (comb(samples, k) - comb(samples - passed, k)) / comb(samples, k)


def pass_figures(rule: Rule, samples: Sequence[Sequence[bool | None]], bootstrap: Bootstrap) -> PassFigures:
    """Passes of each sample, None where it neither passes nor fails; only instructions without such a sample are counted."""
    whole = [[bool(value) for value in values] for values in zip(*samples, strict=True) if None not in values]
    number = len(samples)
    shown = [k for k in SHOWN if k < number] + [number]
    return PassFigures(
        rule=rule,
        instructions=len(whole),
        left_out=len(samples[0]) - len(whole),
        at=tuple(
            PassAt(k=k, **bootstrap.mean([pass_at_k(number, sum(values), k) for values in whole]).model_dump())
            for k in shown
        ),
        every=bootstrap.mean([float(all(values)) for values in whole]),
    )
