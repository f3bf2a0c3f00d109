"""What can be said of a divergence when one of its distributions is known at a few tokens alone."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A probability that a float32 softmax leaves over is known to so much.
_ROUNDING = 1e-6
_MOST_MASS = 1.01


def kl_lower_bound(base_top_logprobs: Floats, base_logprob: Floats, aligned_logprobs_there: Floats) -> Floats:
    """KL(aligned || base) is at least this, per position, in nats: float64 [positions].

    ``base_top_logprobs`` [positions, K] and ``base_logprob`` [positions] are what the base model gives its candidates and
    the emitted token; ``aligned_logprobs_there`` [positions, K + 1] is what the aligned model gives the same tokens, the
    emitted one last. NaN on either side: not known, or no such candidate. A token that is emitted and a candidate must
    be known once: set its ``base_logprob`` to NaN. All are natural logarithms.

    The tokens known are kept apart, and all others are taken together as one event: by the log-sum inequality (Cover and
    Thomas, Elements of Information Theory, theorem 2.7.1), of which the data-processing inequality is a case, no such
    merging raises the divergence. Merging fewer tokens never lowers the bound, and with none merged it is exact. What is
    left of the base model's probability is taken to be 1e-6 more than it seems, since rounding may have taken so much.

    Raises ValueError for other shapes, for positive logarithms, and for probabilities that add up to more than 1.
    """
    base = np.concatenate([np.asarray(base_top_logprobs, float), np.asarray(base_logprob, float)[:, None]], axis=1)
    aligned = np.asarray(aligned_logprobs_there, float)
    if base.shape != aligned.shape:
        raise ValueError(f"{base.shape} logarithms of the base model, and {aligned.shape} of the aligned one")
    known = ~np.isnan(base) & ~np.isnan(aligned)
    base_mass, aligned_mass = _probabilities(base, known), _probabilities(aligned, known)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(known & (aligned_mass > 0), aligned - base, 0.0)
    inside = np.sum(aligned_mass * ratios, axis=1)
    aligned_rest = np.clip(1 - aligned_mass.sum(1), 0, None)
    base_rest = np.clip(1 - base_mass.sum(1), 0, None) + _ROUNDING
    logarithms = np.log(np.where(aligned_rest > 0, aligned_rest, 1.0)) - np.log(base_rest)
    bound: Floats = np.clip(inside + np.where(aligned_rest > 0, aligned_rest * logarithms, 0.0), 0, None)
    return bound


def _probabilities(logprobs: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Probabilities [positions, tokens], 0 where they are not known."""
    shown = np.where(known, logprobs, -np.inf)
    if (shown > 0).any():
        raise ValueError("a logarithm of a probability is above 0")
    found: Floats = np.exp(shown)
    if (found.sum(1) > _MOST_MASS).any():
        raise ValueError(f"probabilities add up to {found.sum(1).max():.3f}: is a token there twice?")
    return found
