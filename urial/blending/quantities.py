"""What a rule looks at: numbers of the models' own next-token distributions, before penalty and temperature.

``base``, ``helper`` and ``untuned`` are logits [rows, vocabulary] in float32 over the tokens that all of them have.
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

# In the place of no probability, so that its logarithm is a number.
LEAST = 1e-37


def top_probability(logits: "Tensor") -> "Tensor":
    """The probability [rows] of each row's most probable token."""
    return (logits.amax(-1) - logits.logsumexp(-1)).exp()


def divergence(kind: Literal["kl", "js"], base: "Tensor", helper: "Tensor") -> "Tensor":
    """KL(helper || base) or Jensen-Shannon [rows] in nats, float64: the definitions of the token shift.

    KL is summed as q log(q / p) - q + p: the same, as both sum to 1, but no term is negative. What has no probability
    adds nothing.
    """
    import torch

    p, q = base.softmax(-1), helper.softmax(-1)
    if kind == "kl" and p.amin() >= LEAST:
        terms = _towards(p, q).sub_(q).add_(p)
    elif kind == "kl":
        # A quotient says nothing where p is too small for a number; the logits still do, and take longer.
        terms = torch.where(q > 0, helper.log_softmax(-1).sub_(base.log_softmax(-1)).mul_(q), 0.0).sub_(q).add_(p)
    else:
        middle = p.add(q).div_(2).clamp_(min=LEAST)
        terms = _towards(middle, p).add_(_towards(middle, q)).div_(2)
    return terms.sum(-1, dtype=torch.float64).clamp(min=0)


def _towards(middle: "Tensor", p: "Tensor") -> "Tensor":
    """p log(p / middle) [rows, vocabulary]."""
    return p.div(middle).clamp_(min=LEAST).log_().mul_(p)


def between(base: "Tensor", helper: "Tensor", weight: float) -> "Tensor":
    """weight x helper + (1 - weight) x base: exactly the one at 0, the other at 1.

    The softmax of logits and that of log-probabilities of this sum are the same, since they differ by a number a row.
    """
    if weight in (0, 1):
        return (helper if weight else base).clone()
    return helper * weight + base * (1 - weight)


def moved(base: "Tensor", helper: "Tensor", untuned: "Tensor", alpha: float) -> "Tensor":
    """base + alpha x (helper - untuned)."""
    return base + (helper - untuned) * alpha if alpha else base.clone()
