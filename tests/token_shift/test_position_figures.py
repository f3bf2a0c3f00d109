"""What more a position tells, against the definitions in float64 over the full vocabulary of eight architectures."""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.tiny_models import tiny_model
from tests.token_shift.measured import token
from tests.token_shift.reference import Models, Naive, ShiftArrays, make_answers, measured, naive
from urial.records.shift_figures import ShiftFigures
from urial.records.token_shift import shift_schema
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.candidates import candidates_of
from urial.token_shift.figures.greedy import PARTED, SAME, greedy_states
from urial.token_shift.figures.summary import summarize
from urial.token_shift.figures.thresholds import NATS, RANKS
from urial.token_shift.figures.truncated import Truncated, truncated

ARCHITECTURES = ("llama", "qwen3", "olmo2", "gpt2", "mistral", "phi", "falcon", "bloom", "opt")
MEANS_ONLY = Bootstrap(0, 0.95, 0)
CANDIDATES = 8
NEAR = 3e-4


@cache
def peaked_pair(name: str) -> Models:
    """Two models that are surer of their next token than random ones, so that a few candidates have most of it."""
    models = tiny_model(name, seed=1), tiny_model(name, seed=1)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for model, noise in zip(models, (0.0, 0.02), strict=True):
            head = model.get_output_embeddings().weight
            head.mul_(1 + noise * torch.randn(head.shape, generator=generator))
            head.mul_(1 / head.std())
    return models


@cache
def both(name: str) -> tuple[pa.Table, list[Naive]]:
    """The measurement as a table, and all log-probabilities of its answers."""
    models, answers = peaked_pair(name), make_answers(shared=True)
    found = measured(models, answers, top_k=CANDIDATES)
    rows: list[dict[str, Any]] = []
    for number, (arrays, answer) in enumerate(zip(found, answers, strict=True)):
        for position, row in enumerate(columns(arrays, len(answer.base.ids))):
            emitted = {"instruction_id": f"x{number}", "position": position, "token_id": answer.base.ids[position]}
            rows.append({**token(row["base_rank"]), **row, **emitted})
    return pa.Table.from_pylist(rows, schema=shift_schema()), [naive(models, answer) for answer in answers]


def columns(found: ShiftArrays, count: int) -> list[dict[str, Any]]:
    arrays = {name: getattr(found, name) for name in ("kl", "kl_reverse", "js")}
    for role in ("base", "aligned"):
        of = getattr(found, role)
        arrays |= {
            f"{role}_{name}": getattr(of, name) for name in ("rank", "ties", "logprob", "top_ids", "top_logprobs")
        }
    return [{name: values[place].tolist() for name, values in arrays.items()} for place in range(count)]


def nucleus(logprobs: Any, cut: float | int) -> Any:
    """The distribution of one position, cut by probability or by number, and renormalized."""
    probabilities = logprobs.exp()
    kept, total = torch.zeros_like(probabilities), 0.0
    for count, index in enumerate(probabilities.argsort(descending=True, stable=True).tolist()):
        if (count >= cut) if isinstance(cut, int) else (total >= cut):
            break
        kept[index] = probabilities[index]
        total += float(probabilities[index])
    return kept / kept.sum()


def kl(left: Any, right: Any) -> float:
    there = left > 0
    return float((left[there] * (left[there] / right[there]).log()).sum())


def js(left: Any, right: Any) -> float:
    return (kl(left, (left + right) / 2) + kl(right, (left + right) / 2)) / 2


def steps(name: str) -> list[tuple[Any, Any]]:
    """Log-probabilities of both models at each row of the table."""
    _, expected = both(name)
    return [pair for answer in expected for pair in zip(answer.base, answer.aligned, strict=True)]


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("way", ["top_p_0.7", "top_p_0.95", f"top_k_{CANDIDATES}"])
def test_truncated_divergences_are_those_of_the_whole_distributions_cut(name: str, way: str) -> None:
    table, _ = both(name)
    found: Truncated = truncated(candidates_of(table, None), way)
    cut: float | int = CANDIDATES if way.startswith("top_k") else float(way.removeprefix("top_p_"))
    compared = 0
    for row, pair in enumerate(steps(name)):
        totals = [side.exp().sort(descending=True).values.cumsum(0) for side in pair]
        if isinstance(cut, float) and any(bool(((total - cut).abs() < NEAR).any()) for total in totals):
            continue  # Rounding decides what is in the nucleus.
        enough = isinstance(cut, int) or all(bool(total[CANDIDATES - 1] >= cut) for total in totals)
        assert found.sufficient[row] == enough
        if not enough:
            continue
        base, aligned = (nucleus(side, cut) for side in pair)
        if any(
            bool(((side.sort(descending=True).values.diff().abs() < 1e-6)[:CANDIDATES]).any())
            for side in (pair[0], pair[1])
        ):
            continue  # Of candidates that are equal within rounding another one may be the last.
        compared += 1
        assert found.js[row] == pytest.approx(js(base, aligned), rel=1e-3, abs=NEAR)
        infinite = bool(((aligned > 0) & (base == 0)).any())
        assert np.isinf(found.kl[row]) == infinite
        if not infinite:
            assert found.kl[row] == pytest.approx(kl(aligned, base), rel=1e-3, abs=NEAR)
        common = (base > 0) & (aligned > 0)
        expected = float((base[common] * (base[common] / aligned[common]).log()).sum())
        assert found.kl_common[row] == pytest.approx(expected, rel=1e-3, abs=NEAR)
    assert compared > 5


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_first_divergence_is_where_the_two_most_probable_tokens_part(name: str) -> None:
    table, expected = both(name)
    first = []
    for answer in expected:
        other = (answer.base.argmax(1) != answer.aligned.argmax(1)).nonzero()
        first.append(int(other[0]) if len(other) else float("inf"))
    parting = figures(name).first_divergence
    assert parting is not None
    assert (parting.answers, parting.unknown) == (len(expected), 0)
    assert parting.at_0.mean == pytest.approx(np.mean([value == 0 for value in first]))
    assert parting.at_least_3.mean == pytest.approx(np.mean([value >= 3 for value in first]))
    assert parting.at_least_5.mean == pytest.approx(np.mean([value >= 5 for value in first]))
    assert parting.never.mean == pytest.approx(np.mean(np.isinf(first)))
    states = greedy_states(table, candidates_of(table, None))
    parts = [bool(base.argmax() != aligned.argmax()) for base, aligned in steps(name)]
    assert states.tolist() == [PARTED if part else SAME for part in parts]


@cache
def figures(name: str) -> ShiftFigures:
    return summarize(both(name)[0], None, MEANS_ONLY)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_signed_difference_ranks_and_thresholds_are_those_of_the_whole_distributions(name: str) -> None:
    found, (table, _) = figures(name), both(name)
    ids = table["token_id"].to_pylist()
    pairs = list(zip(steps(name), ids, strict=True))
    differences = [float(aligned[token_id] - base[token_id]) for (base, aligned), token_id in pairs]
    assert found.log_ratio is not None
    assert found.aligned_rank_1 is not None
    assert found.log_ratio.mean == pytest.approx(np.mean(differences), rel=1e-4, abs=1e-4)
    assert found.log_ratio.positive.mean == pytest.approx(np.mean([value > 0 for value in differences]))
    aligned_ranks, base_ranks = (
        [1 + int((side[part] > side[part][token_id]).sum()) for side, token_id in pairs] for part in (1, 0)
    )
    assert found.aligned_rank_1.mean == pytest.approx(np.mean([rank == 1 for rank in aligned_ranks]))
    for threshold in RANKS:
        near = np.mean([rank > threshold for rank in base_ranks])
        assert found.rank_above[str(threshold)].mean == pytest.approx(near, abs=1.5 / len(pairs))
    divergences = [kl(aligned.exp(), base.exp()) for base, aligned in steps(name)]
    for nats in NATS:
        low, high = (np.mean([value > nats * (1 + slack) for value in divergences]) for slack in (1e-3, -1e-3))
        assert low <= (found.kl_above[f"{nats:g}"].mean or 0) <= high
    assert found.rank_above["3"].mean == found.shifted.mean
