"""Divergences of truncated distributions, as others compute them, beside the exact ones.

``top_p_P``: of each model the fewest most probable tokens are kept whose probabilities add up to P or more (the nucleus of Holtzman
et al. 2020), and renormalized; 0.7 as in arXiv 2603.22446. What the nucleus is takes no more than the candidates that reach P, and a
token outside of it has the probability 0 in the truncated distribution, whatever it had before. So stored candidates suffice where
those of both models reach P. ``top_k_K``: the K stored candidates of each, renormalized, as the paper's own demo shows them.

Truncation hides what changes in the tail and inside of what both models are nearly sure of: where each keeps one and the same token,
the divergence is exactly 0. Where they keep different ones it is no less than ln 2 for what they do not share, so that it can also
be larger than the exact one. KL is infinite wherever the base model's truncated distribution lacks a token that the aligned one has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from urial.records.estimate import Estimate
from urial.records.shift_figures import PositionMean, TruncatedDivergence
from urial.statistics.bootstrap import Bootstrap, Floats
from urial.token_shift.figures.candidates import Candidates
from urial.token_shift.figures.positions import Truths

MASSES = (0.7, 0.95)
TOP_P, TOP_K = "top_p_", "top_k_"
# What rounding of float64 leaves of a divergence of 0; the least that float32 log-probabilities tell apart is far above.
ROUNDING = 1e-12
# Of each position: whether it is in a mean, and the value there.
SUMMED = ("positions", "js", "js_zero", "js_known", "js_exact", "finite", "kl", "kl_known", "kl_exact", "kl_common")
# What each mean is over.
_OVER = {
    "js": "positions",
    "js_exact": "js_known",
    "js_zero": "positions",
    "kl": "finite",
    "kl_exact": "kl_known",
    "kl_common": "positions",
}


@dataclass(frozen=True)
class Truncated:
    """The truncated distributions' divergences at R positions, in nats: NaN where the candidates do not suffice."""

    js: Floats
    # Infinite where the base model's distribution lacks a token of the aligned one.
    kl: Floats
    # KL(base || aligned) over the tokens of both alone.
    kl_common: Floats

    @property
    def sufficient(self) -> Truths:
        """Where the candidates suffice."""
        return ~np.isnan(self.js)


def truncations(candidates: Candidates) -> Iterator[tuple[str, Truncated]]:
    """Each way of truncating by name, with its divergences."""
    for mass in MASSES:
        yield f"{TOP_P}{mass:g}", truncated(candidates, f"{TOP_P}{mass:g}")
    if count := int(candidates.aligned_count.max(initial=0)):
        yield f"{TOP_K}{count}", truncated(candidates, f"{TOP_K}{count}")


def truncated(candidates: Candidates, name: str) -> Truncated:
    """The divergences of distributions truncated as ``name`` says."""
    cut = float(name.removeprefix(TOP_P)) if name.startswith(TOP_P) else int(name.removeprefix(TOP_K))
    sides, enough = [], candidates.comparable.copy()
    for probabilities, counts in (
        (candidates.base, candidates.base_count),
        (candidates.aligned, candidates.aligned_count),
    ):
        if isinstance(cut, int):
            kept = np.where(np.arange(probabilities.shape[1]) < cut, probabilities, 0.0)
            enough &= counts >= cut
        else:
            total = probabilities.cumsum(axis=1)
            # A token is kept while those before it are not enough.
            before = np.concatenate([np.zeros((len(total), 1)), total], axis=1)[:, : total.shape[1]]
            kept = np.where(before < cut, probabilities, 0.0)
            enough &= (total[:, -1:] >= cut).any(axis=1)
        whole = kept.sum(axis=1, keepdims=True)
        sides.append(np.divide(kept, whole, out=np.zeros_like(kept), where=whole > 0))
    return _divergences(candidates, sides[0], sides[1], enough)


def _divergences(candidates: Candidates, base: Floats, aligned: Floats, enough: Truths) -> Truncated:
    """Of renormalized distributions [R, K] and [R, L] of the candidates."""
    there = candidates.at_base(aligned)
    both = (base > 0) & (there > 0)
    middle = (base + there) / 2
    # Of the tokens that the base model's list has; all that is left of the aligned model's is over tokens of its own.
    within = (_terms(base, middle) + _terms(there, middle)).sum(axis=1) / 2
    alone = np.clip(1 - there.sum(axis=1), 0, None)
    js = np.maximum(within + alone * np.log(2) / 2, 0)
    js[js < ROUNDING] = 0
    covered = both.sum(axis=1) == (aligned > 0).sum(axis=1)
    forward, backward = (
        np.where(both, _terms(one, other), 0).sum(axis=1) for one, other in ((there, base), (base, there))
    )
    kl = np.where(covered, np.maximum(forward, 0), np.inf)
    return Truncated(*(np.where(enough, values, np.nan) for values in (js, kl, backward)))


def _terms(one: Floats, other: Floats) -> Floats:
    """p log(p / q), 0 where p is, and where q is."""
    possible = (one > 0) & (other > 0)
    quotient = np.divide(one, other, out=np.ones_like(one), where=possible)
    return np.asarray(one * np.log(quotient))


def values_of(found: Truncated, kl: Floats, js: Floats) -> dict[str, Floats]:
    """What is added up of each position, by the names of SUMMED; ``kl`` and ``js`` are the exact ones, NaN where not known."""
    enough, finite = found.sufficient, np.isfinite(found.kl)
    known = {"js": enough & np.isfinite(js), "kl": finite & np.isfinite(kl)}
    chosen: dict[str, Truths | Floats] = {
        "positions": enough,
        "js": np.where(enough, found.js, 0),
        "js_zero": found.js == 0,
        "js_known": known["js"],
        "js_exact": np.where(known["js"], js, 0),
        "finite": finite,
        "kl": np.where(finite, found.kl, 0),
        "kl_known": known["kl"],
        "kl_exact": np.where(known["kl"], kl, 0),
        "kl_common": np.where(enough, found.kl_common, 0),
    }
    return {name: np.asarray(chosen[name], np.float64) for name in SUMMED}


def truncated_figures(
    ways: Mapping[str, Mapping[str, Floats]], positions: int, bootstrap: Bootstrap
) -> dict[str, TruncatedDivergence]:
    """The figures of each way of truncating whose candidates suffice anywhere, from the sums over each answer; ``positions``
    are all that were measured.
    """
    found = {name: sums for name, sums in ways.items() if sums["positions"].any()}
    pairs = {
        (name, value): (sums[value], sums[over])
        for name, sums in found.items()
        for value, over in _OVER.items()
        if value != "kl_common" or name.startswith(TOP_K)
    }
    means: Mapping[tuple[str, str], Estimate] = dict(zip(pairs, bootstrap.ratios(list(pairs.values())), strict=True))

    def position_mean(name: str, value: str) -> PositionMean:
        return PositionMean(**means[name, value].model_dump(), positions=int(found[name][_OVER[value]].sum()))

    return {
        name: TruncatedDivergence(
            positions=int(sums["positions"].sum()),
            insufficient=positions - int(sums["positions"].sum()),
            js=means[name, "js"],
            js_exact=position_mean(name, "js_exact"),
            js_zero=means[name, "js_zero"],
            kl=position_mean(name, "kl"),
            kl_exact=position_mean(name, "kl_exact"),
            kl_infinite=int(sums["positions"].sum()) - int(sums["finite"].sum()),
            kl_common=means.get((name, "kl_common")),
        )
        for name, sums in found.items()
    }
