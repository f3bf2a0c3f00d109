"""What a token says, where truth is known: knowledge of the micro-world, or style."""

from collections.abc import Sequence


def token_kinds(seed: int | None, source: str, text: str, spans: Sequence[tuple[int, int]]) -> list[str | None]:
    """``knowledge`` for tokens inside a name or a fact value of the world, ``style`` for all others.

    ``spans`` are the tokens' character spans in ``text``. Every kind is None when the instruction's ``source`` is not
    the micro-world of this ``seed``: nothing is guessed about real text.
    """
    from urial.microworld.text_reader.reading import mentions
    from urial.microworld.world.world import build_world, world_source

    if seed is None or source != world_source(seed):
        return [None] * len(spans)
    known = mentions(build_world(seed), text)
    return ["knowledge" if _overlaps(span, known) else "style" for span in spans]


def _overlaps(span: tuple[int, int], known: Sequence[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in known)
