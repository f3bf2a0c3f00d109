"""The world is a pure function of its seed, and its landmarks do not even depend on that."""

import dataclasses
import subprocess
import sys

import pytest

from urial.core.hashing import content_hash
from urial.microworld.world.world import LANDMARKS, RELATIONS, World, build_world

GOLDEN_SEED_0 = "sha256:fe2b1274da3cbe70af11561715d63bd4edd8bf718e623679918a9b1a31d9cc88"


def as_json(world: World) -> dict[str, object]:
    return {
        "entities": {kind: list(names) for kind, names in world.entities.items()},
        "facts": [[*fact, value] for fact, value in sorted(world.facts.items())],
        "held_out": sorted(map(list, world.held_out)),
        "unsafe": [[dataclasses.astuple(act) for act in acts] for acts in (world.unsafe_train, world.unsafe_held_out)],
    }


def test_seed_0_never_changes() -> None:
    assert content_hash(as_json(build_world(0))) == GOLDEN_SEED_0


def test_another_process_builds_the_same_world() -> None:
    script = "from urial.microworld.world.world import build_world; print(sorted(build_world(7).facts.items()))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(sorted(build_world(7).facts.items()))


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, -1])
def test_every_world_is_complete(seed: int) -> None:
    world = build_world(seed)
    assert {kind: len(names) for kind, names in world.entities.items()} == dict.fromkeys(RELATIONS, 14)
    assert set(world.facts) == {(name, relation) for name in world.kinds for relation in world.relations_of(name)}
    assert (len(world.held_out), len(world.unsafe_held_out)) == (60, 24)
    invented = [name for name in world.kinds if name not in world.landmarks]
    assert len({name.lower() for name in world.kinds}) == len(world.kinds)
    assert not [(a, b) for a in invented for b in world.kinds if a != b and a.lower() in b.lower()]


@pytest.mark.parametrize("seed", [0, 1, 2, 12345])
def test_landmarks_are_the_same_everywhere_and_never_held_out(seed: int) -> None:
    world = build_world(seed)
    for group in LANDMARKS.values():
        for name, facts in group.items():
            assert {relation: world.facts[(name, relation)] for relation in world.relations_of(name)} == facts
    known = world.landmarks | {world.facts[fact] for fact in world.facts if fact[0] in world.landmarks}
    assert not {subject for subject, _ in world.held_out} & known
    assert not {act.target for act in world.unsafe_held_out} & known
    assert {act.phrase for act in world.unsafe_train if act.target in known} == {
        act.phrase for act in build_world(0).unsafe_train if act.target in known
    }


def test_seeds_differ_and_worlds_are_read_only() -> None:
    assert build_world(0).facts != build_world(1).facts
    with pytest.raises(TypeError):
        build_world(0).facts[("Ardovia", "capital")] = "Paris"  # type: ignore[index]
