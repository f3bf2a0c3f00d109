"""Which examples of a pool a prompt gets, by their queries alone. No model is asked, and no answer is looked at.

In *Is In-Context Learning Sufficient?* (arXiv 2405.19874), greedy examples are those whose addition a judge scores highest. That
would take a run for every candidate; here, greedy is the textbook's algorithm on words.
The choice of k is in every rule the beginning of that of k + 1. Equally good examples are taken in the pool's order.
"""

from collections import Counter
from collections.abc import Sequence

from urial.core.errors import UrialError
from urial.prompts.ablations.draws import drawn_order
from urial.prompts.versions.retrieval import words
from urial.records.ablation import Choice
from urial.records.prompt import Example


def chosen_examples(pool: Sequence[Example], count: int, choice: Choice, seed: int) -> tuple[Example, ...]:
    """``count`` examples of a pool, in the order in which they were chosen. Raises UrialError where it has fewer."""
    if len(pool) < count:
        raise UrialError(f"the pool has {len(pool)} different queries, and examples is {count}", fix="choose fewer")
    known = [frozenset(words(example.query)) for example in pool]
    match choice:
        case "random":
            places = drawn_order(len(pool), seed, "examples")[:count]
        case "greedy":
            places = covering(known, count)
        case "diverse":
            places = spread(known, count)
    return tuple(pool[place] for place in places)


def covering(texts: Sequence[frozenset[str]], count: int) -> list[int]:
    """Greedy maximum coverage: each adds the most words that none before it has, and a word counts once a text that has it.

    >>> covering([frozenset("ab"), frozenset("abc"), frozenset("d")], 2)
    [1, 2]
    """
    weights = Counter(word for text in texts for word in text)
    chosen: list[int] = []
    covered: set[str] = set()
    left = list(range(len(texts)))
    for _ in range(count):
        best = max(left, key=lambda place: sum(weights[word] for word in texts[place] - covered))
        covered |= texts[best]
        chosen.append(best)
        left.remove(best)
    return chosen


def spread(texts: Sequence[frozenset[str]], count: int) -> list[int]:
    """Farthest points: the first text, then each the one whose nearest among the chosen is the farthest from it.

    The distance is that of Jaccard: one less the words in both over the words in either.

    >>> spread([frozenset("ab"), frozenset("abc"), frozenset("d")], 2)
    [0, 2]
    """
    chosen: list[int] = []
    # How similar a text is to the most similar of the chosen.
    nearest = [0.0] * len(texts)
    left = list(range(len(texts)))
    for _ in range(count):
        best = min(left, key=lambda place: nearest[place])
        chosen.append(best)
        left.remove(best)
        for place in left:
            both = len(texts[place] & texts[best])
            nearest[place] = max(nearest[place], both / len(texts[place] | texts[best]))
    return chosen
