"""What the helper of a blend supplied, as runs of the answer's text as it is shown."""

from typing import Any

from urial.core.text import visible
from urial.records.blended_tokens import BlendedAnswer, places_of

# Of a run of text: the base's own; the helper's, and the base would have said it, too; the helper's alone.
BASE, SUPPLIED, CHANGED = 0, 1, 2


def interventions(answer: BlendedAnswer, text: str) -> dict[str, Any]:
    """Counts of an answer's tokens and places, and its runs as [UTF-16 code units of the shown text, whose]; null: tokens that are
    no pieces of the text."""
    stepped, asked = places_of(answer.interventions, len(answer.tokens))
    return {
        "tokens": len(answer.tokens),
        "supplied": len(answer.interventions.supplied),
        "changed": len(answer.interventions.changed),
        "stepped": stepped,
        "asked": asked,
        "runs": _runs(answer, text),
    }


def _runs(answer: BlendedAnswer, text: str) -> list[list[int]] | None:
    supplied, changed = set(answer.interventions.supplied), set(answer.interventions.changed)
    pieces: list[tuple[str, int]] = []
    rest = text
    for place, token in enumerate(answer.tokens):
        # What follows the text is an end token, or a stop string that was cut off.
        if not rest:
            break
        if not rest.startswith(token):
            return None
        rest = rest[len(token) :]
        whose = CHANGED if place in changed else SUPPLIED if place in supplied else BASE
        if pieces and pieces[-1][1] == whose:
            pieces[-1] = (pieces[-1][0] + token, whose)
        else:
            pieces.append((token, whose))
    shown = [(visible(piece), whose) for piece, whose in pieces]
    if rest or "".join(piece for piece, _ in shown) != visible(text):
        return None
    return [[len(piece.encode("utf-16-le")) // 2, whose] for piece, whose in shown if piece]
