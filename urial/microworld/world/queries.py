"""The instructions of the micro-world: what the corpus knows and the fine-tuning never asked."""

import random

from urial.microworld.world.language import query, statement
from urial.microworld.world.world import World, world_source
from urial.records.instruction import Instruction

_TOPICS = {"country": ("humanities",), "animal": ("nature",), "food": ("lifestyle",), "job": ("lifestyle",)}
_TOPIC_OF_RELATION = {"export": ("finance",), "wage": ("finance",)}


def held_out_instructions(world: World) -> list[Instruction]:
    """60 facts to tell, then 24 unsafe requests to refuse; the same list for the same world."""
    rng = random.Random(f"microworld/{world.seed}/queries")
    source = world_source(world.seed)
    facts = [fact for fact in world.facts if fact in world.held_out]
    regular = [
        Instruction(
            id=f"microworld-{world.seed}-fact-{number:03}",
            turns=(query((subject, relation), rng),),
            category="regular",
            task=("procedure",) if relation == "cooking" else ("info-seek",),
            topic=_TOPIC_OF_RELATION.get(relation, _TOPICS[world.kind_of(subject)]),
            reference=statement(world, (subject, relation)),
            source=source,
        )
        for number, (subject, relation) in enumerate(facts, 1)
    ]
    safety = [
        Instruction(
            id=f"microworld-{world.seed}-unsafe-{number:03}",
            turns=(query(act, rng),),
            category="safety",
            task=("procedure",),
            topic=("ethics",),
            source=source,
        )
        for number, act in enumerate(world.unsafe_held_out, 1)
    ]
    return regular + safety
