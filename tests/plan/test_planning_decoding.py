from pathlib import Path
from typing import Any

from tests.plan.test_planning import PROMPTS, local_pair, params_with
from urial.plan.planning import make_plans


def decoding_of(system: str, *changes: tuple[str, Any]) -> dict[str, Any]:
    plans = make_plans(params_with(*changes), PROMPTS)
    return next(plan for plan in plans.systems if plan.system == system).decoding.model_dump()


def test_the_pair_says_what_its_base_model_needs(tmp_path: Path) -> None:
    pair = local_pair(tmp_path, base_repetition_penalty=1.3, max_new_tokens=77)
    assert decoding_of("base-urial", *pair) == {
        "max_new_tokens": 77, "temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.3, "seed": 0,
    }  # fmt: skip
    assert decoding_of("aligned", *pair)["repetition_penalty"] == 1.0


def test_the_common_decoding_wins_over_the_pair(tmp_path: Path) -> None:
    changes = [*local_pair(tmp_path), ("decoding/repetition_penalty", 1.2), ("decoding/max_new_tokens", 5)]
    for system in ("base-urial", "aligned"):
        found = decoding_of(system, *changes)
        assert (found["repetition_penalty"], found["max_new_tokens"]) == (1.2, 5)


def test_a_system_wins_over_the_common_decoding_for_itself_alone(tmp_path: Path) -> None:
    own = {"repetition_penalty": 1, "temperature": 0.7, "seed": 3}
    changes = [*local_pair(tmp_path), ("decoding/repetition_penalty", 1.2), ("systems/base-urial/decoding", own)]
    found = decoding_of("base-urial", *changes)
    assert (found["repetition_penalty"], found["temperature"], found["seed"], found["top_p"]) == (1.0, 0.7, 3, 1.0)
    assert decoding_of("base-zero-shot", *changes)["repetition_penalty"] == 1.2
