"""Estimates as people read them."""

from urial.core.tables import show
from urial.records.report import Estimate


def interval(estimate: Estimate, scale: float = 1.0) -> str:
    """``4.20 [4.01, 4.35]``; a dash for what is missing."""
    if estimate.mean is None:
        return show(None)
    text = f"{estimate.mean * scale:.2f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{estimate.low * scale:.2f}, {estimate.high * scale:.2f}]"
