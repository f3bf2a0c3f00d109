"""Reads the site's data files as the scripts do: what `urial.receive` is called with, and what the viewer makes of it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def read_data(site: Path, name: str) -> Any:
    """The data of one file, which is one call in ASCII."""
    text = (site / "data" / f"{name}.js").read_bytes().decode("ascii")
    match = re.fullmatch(r'urial\.receive\("([^"]*)",(.*)\);\n', text)
    assert match
    assert match[1] == name
    return json.loads(match[2], parse_constant=refused)


def shard_of(site: Path, index: Any, kind: str, number: int) -> tuple[Any, int]:
    """The file of a kind that has an instruction, and its place there."""
    data = read_data(site, f"{kind}/{number // index['size'][kind]:04}")
    return data, number - data["first"]


def tokens_of(data: Any, at: int, context: str) -> list[dict[str, Any]]:
    """The tokens that were measured of an answer under a base context, in the names of the rows."""
    answer = data["answers"][at]
    measured = answer["contexts"][context]
    if measured["status"] != "measured":
        assert measured.keys() <= {"status", "reason", "unmatched", "end_token"}
        return []
    places = range(len(answer["token"])) if measured["position"] is None else measured["position"]
    rows = []
    for own, place in enumerate(places):
        shared = {
            name: answer[name][place] for name in ("token", "id", "label", "kind", "aligned_rank", "aligned_logprob")
        }
        shared |= {name: measured[name][own] for name in shared if name in measured}
        rows.append(
            {
                **shared,
                "token": data["words"][shared["token"]],
                "position": place if answer["position"] is None else answer["position"][place],
                "is_end": place in answer["end"],
                "is_bound": own in measured["at_most"],
                "kl_at_least": measured["kl_at_least"][own] if "kl_at_least" in measured else None,
                **{name: measured[name][own] for name in ("rank", "ties", "category", "logprob", "kl", "base_entropy")},
            }
        )
    return rows


def candidates_of(data: Any, at: int, context: str, places: Sequence[int]) -> list[dict[str, list[tuple[str, float]]]]:
    """The candidates of both models of each token that a context measured; these are its places among the answer's."""
    answer = data["answers"][at]
    own, count = answer["contexts"][context], len(places)
    base = _positions(data["words"], own["base"], range(count))
    aligned = _positions(
        data["words"], *((own["aligned"], range(count)) if "aligned" in own else (answer["aligned"], places))
    )
    return [{"base": one, "aligned": other} for one, other in zip(base, aligned, strict=True)]


def _positions(words: Sequence[str], flat: Any, places: Sequence[int]) -> list[list[tuple[str, float]]]:
    pairs = [(words[token], logprob) for token, logprob in zip(flat["token"], flat["logprob"], strict=True)]
    if isinstance(flat["k"], int):
        return [pairs[place * flat["k"] : (place + 1) * flat["k"]] for place in places]
    assert sum(flat["k"]) == len(pairs)
    starts = [sum(flat["k"][:place]) for place in places]
    return [pairs[start : start + flat["k"][place]] for start, place in zip(starts, places, strict=True)]
