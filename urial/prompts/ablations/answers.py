"""Other answers under the same queries: shuffled, random ones of the same or another domain, and plain ones."""

from collections.abc import Sequence

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more
from urial.prompts.ablations.draws import drawn_order
from urial.prompts.versions.retrieval import words
from urial.records.prompt import Example

Examples = tuple[Example, ...]
MOST_NAMED = 3


def shuffled(examples: Examples, seed: int) -> Examples:
    """Every answer under another query, and none under one that had the same text for its answer.

    Examples of the same answer stand together in an order drawn by the seed, and each takes the answer of the one that is as
    many places further on as the largest group has members: so none can take its own. Without equal answers, that is a circular
    shift of a random order.
    Raises UrialError where more than half of the answers are the same, or there is one alone.
    """
    drawn = drawn_order(len(examples), seed, "answers")
    groups: dict[str, list[int]] = {}
    for place in drawn:
        groups.setdefault(examples[place].answer, []).append(place)
    largest = max(map(len, groups.values()), default=0)
    if 2 * largest > len(examples):
        raise UrialError(
            f"answers: shuffled leaves an answer where it was, since {largest} of {len(examples)} are the same",
            expected="two examples or more, of whose answers at most half are the same",
        )
    order = [place for group in groups.values() for place in group]
    taken = {place: order[(number + largest) % len(order)] for number, place in enumerate(order)}
    return _answered(examples, [examples[taken[place]].answer for place in range(len(examples))])


def random_answers(examples: Examples, pool: Sequence[Example], seed: int) -> Examples:
    """Different answers of a pool, drawn by the seed; none of the queries, and none that an example has.

    Raises UrialError where the pool has too few.
    """
    asked = {tuple(words(example.query)) for example in examples}
    own = {example.answer for example in examples}
    others = [pool[place] for place in drawn_order(len(pool), seed, "answers")]
    usable = [row.answer for row in others if tuple(words(row.query)) not in asked and row.answer not in own]
    distinct = list(dict.fromkeys(usable))[: len(examples)]
    if len(distinct) < len(examples):
        raise UrialError(
            f"the pool has {len(distinct)} different answers to other queries, and the prompt {len(examples)} examples",
            fix="choose fewer examples or a larger pool: answer_pool",
        )
    return _answered(examples, distinct)


def plain_answers(examples: Examples, pool: Sequence[Example]) -> Examples:
    """The pool's answers to the same queries. Raises UrialError that names the queries to which it has none."""
    known = {tuple(words(row.query)): row.answer for row in pool}
    found = [known.get(tuple(words(example.query))) for example in examples]
    missing = [shorten(example.query) for example, answer in zip(examples, found, strict=True) if answer is None]
    if missing:
        raise UrialError(
            f"there is no plain answer to {and_more(missing, MOST_NAMED)}",
            fix="add rows with these queries and their plain answers, or name a pool that has them: answer_pool",
        )
    return _answered(examples, [answer for answer in found if answer is not None])


def _answered(examples: Examples, answers: Sequence[str]) -> Examples:
    return tuple(Example(query=item.query, answer=answer) for item, answer in zip(examples, answers, strict=True))
