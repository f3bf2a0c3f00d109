"""The positions that the figures of position_figures.py are of, as `urial trace` lists them: of a table that has its candidates."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from urial.token_shift.figures.candidates import candidates_of, exchanged_ends, groups_of, rank_bounds
from urial.token_shift.figures.landmarks import LANDMARKS, is_landmark
from urial.token_shift.figures.positions import Mask, Path, PositionFigure, Truths, every, floats, is_known, is_text
from urial.token_shift.figures.thresholds import NATS, RANKS, above_nats, above_ranks
from urial.token_shift.figures.truncated import Truncated, truncated, values_of

if TYPE_CHECKING:
    import pyarrow as pa

_SIGNED = "log p_aligned - log p_base of the emitted token"


def further_figure(path: Path) -> PositionFigure | None:
    """The figure at a path within ShiftFigures, or of the estimate that the value there is a part of; None: there is none."""
    if path[0] == "truncated" and len(path) > 2:
        return _truncated(path[1], path[2])
    ends = (path[:end] for end in range(len(path), 0, -1))
    return next((FURTHER_FIGURES[end] for end in ends if end in FURTHER_FIGURES), None)


def _is_positive(table: "pa.Table") -> Truths:
    return np.asarray(floats(table["aligned_logprob"]) - floats(table["base_logprob"]) > 0)


def _is_rank_1(table: "pa.Table") -> Truths:
    return np.asarray(floats(table["aligned_rank"]) == 1)


def _landmark_figures(name: str, at: Mask) -> Mapping[Path, PositionFigure]:
    """Those of the tokens at one kind of landmark."""
    of = f"the tokens at a landmark {name}"
    return {
        ("landmarks", name, "tokens"): PositionFigure(f"number of {of}", at, others="at none"),
        ("landmarks", name, "answers"): PositionFigure(f"number of answers that have {of}", at, others="at none"),
        ("landmarks", name, "shifted"): PositionFigure(
            f"share of {of} that is shifted", is_text("category", "shifted"), at, "not shifted"
        ),
        ("landmarks", name, "kl"): PositionFigure(f"mean of kl over {of} where it is known", is_known("kl"), at),
    }


def _rank(threshold: int, part: int) -> Mask:
    """Positions of which it is known whether the base rank is above, or those where it is."""
    return lambda table: above_ranks(*rank_bounds(table, candidates_of(table, None)))[str(threshold)][part]


def _nats(threshold: float) -> Mask:
    return lambda table: above_nats(floats(table["kl"]))[f"{threshold:g}"][1]


FURTHER_FIGURES: Mapping[Path, PositionFigure] = {
    ("log_ratio", "positive"): PositionFigure(
        f"share of the positions where {_SIGNED} is above 0, of those where it is known",
        _is_positive,
        is_known("aligned_logprob"),
        "not above 0",
    ),
    ("log_ratio",): PositionFigure(
        f"mean of {_SIGNED} over the positions where it is known: sum over answers over number of positions",
        is_known("aligned_logprob"),
    ),
    ("aligned_rank_1",): PositionFigure(
        "share of the positions with aligned_rank 1, of those where it is known", _is_rank_1, is_known("aligned_rank"), "above 1"
    ),
    **{
        path: figure for name in LANDMARKS for path, figure in _landmark_figures(name, is_landmark(name)).items()
    },
    **{
        ("rank_above", str(rank)): PositionFigure(
            f"share of the positions with a base rank above {rank}, of those where that is known",
            _rank(rank, 1),
            _rank(rank, 0),
            "not above it",
        )
        for rank in RANKS
    },
    **{
        ("kl_above", f"{nats:g}"): PositionFigure(
            f"share of the positions with a kl above {nats:g} nats, of those where it is known",
            _nats(nats),
            is_known("kl"),
            "not above it",
        )
        for nats in NATS
    },
}  # fmt: skip

# Of a field of TruncatedDivergence: what is summed, over what, and how that is said.
_TRUNCATED: Mapping[str, tuple[str, str, str]] = {
    "positions": ("positions", "positions", "number of positions whose candidates suffice"),
    "js": ("positions", "positions", "mean Jensen-Shannon divergence of the truncated distributions"),
    "js_exact": ("js_known", "positions", "mean of js over the positions whose candidates suffice, where it is known"),
    "js_zero": ("js_zero", "positions", "share of the positions where js of the truncated distributions is 0"),
    "kl": ("finite", "positions", "mean KL(aligned || base) of the truncated distributions where it is finite"),
    "kl_exact": (
        "kl_known",
        "finite",
        "mean of kl over the positions where that of the truncated distributions is finite",
    ),
    "kl_common": (
        "positions",
        "positions",
        "mean KL(base || aligned) over the tokens of both truncated distributions alone",
    ),
}


def _truncated(name: str, field: str) -> PositionFigure | None:
    """A figure of the distributions truncated as ``name`` says."""
    if field == "insufficient":
        return PositionFigure(
            "number of positions whose candidates do not suffice",
            _mask(name, lambda _, found: ~found.sufficient),
            every,
            "suffice",
        )
    if field == "kl_infinite":
        return PositionFigure(
            "number of positions where KL(aligned || base) of the truncated distributions is infinite",
            _mask(name, lambda _, found: np.isinf(found.kl)),
            _summed(name, "positions"),
            "finite",
        )
    if field not in _TRUNCATED:
        return None
    value, over, how = _TRUNCATED[field]
    return PositionFigure(f"{how}: {name}", _summed(name, value), _summed(name, over), "not in it")


def _mask(name: str, chosen: Callable[["pa.Table", Truncated], Truths]) -> Mask:
    """Positions that ``chosen`` finds in the divergences of the distributions truncated as ``name`` says."""

    def mask(table: "pa.Table") -> Truths:
        candidates = candidates_of(table, exchanged_ends(table, groups_of(table), None))
        return chosen(table, truncated(candidates, name))

    return mask


def _summed(name: str, value: str) -> Mask:
    """Positions where what values_of has by the name ``value``, a truth, holds."""
    return _mask(name, lambda table, found: values_of(found, floats(table["kl"]), floats(table["js"]))[value] > 0)
