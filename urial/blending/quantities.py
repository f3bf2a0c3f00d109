"""What a rule looks at: numbers of the models' own next-token distributions, before penalty and temperature.

``base``, ``helper`` and ``untuned`` are logits [rows, vocabulary] in float32 over the tokens that all of them have.
"""

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


def top_probability(logits: "Tensor") -> "Tensor":
    """The probability [rows] of each row's most probable token."""
    return (logits.amax(-1) - logits.logsumexp(-1)).exp()


def divergence(kind: Literal["kl", "js"], base: "Tensor", helper: "Tensor") -> "Tensor":
    """KL(helper || base) or Jensen-Shannon [rows] in nats, float64: the definitions of the token shift.

    KL is summed as q log(q / p) - q + p: the same, as both sum to 1, but no term is negative. What has no probability
    adds nothing.
    """
    import torch

    log_p, log_q = base.log_softmax(-1), helper.log_softmax(-1)
    if kind == "kl":
        return _forward(log_p, log_q)
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    return (_forward(middle, log_p) + _forward(middle, log_q)) / 2


def _forward(log_p: "Tensor", log_q: "Tensor") -> "Tensor":
    import torch

    q = log_q.exp()
    terms = torch.where(q > 0, q * (log_q - log_p), 0.0) - q + log_p.exp()
    return terms.sum(-1, dtype=torch.float64).clamp(min=0)


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
