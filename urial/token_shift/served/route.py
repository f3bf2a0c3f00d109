"""Measures answers with a base model behind a server that tells the log-probabilities of a prompt's tokens.

Where the aligned model is here, the server is sent the ids that it emitted, and the bound on the divergence comes from
the aligned model's own distribution. Else the server reads the answer's text, and its tokens are the positions.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage, category
from urial.token_shift.measure.answers import AnswerReader, ShiftInputs
from urial.token_shift.measure.coverage import covered, unmeasured
from urial.token_shift.measure.labels import token_labels, words
from urial.token_shift.measure.matching import MatchedAnswer, exchanged_ends
from urial.token_shift.measure.measure import measure_model
from urial.token_shift.measure.style import token_kinds
from urial.token_shift.measure.table import AnswerTokens, Measured, in_groups, model_columns, shift_table
from urial.token_shift.served.fragments import kl_lower_bound
from urial.token_shift.served.logprob_server import (
    CannotScoreError,
    NoScore,
    ScoreRequest,
    Scores,
    ScoringServer,
    TokenScore,
)
from urial.token_shift.served.prompt_logprobs import FEWEST

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, Any]
Told = dict[int, Scores | NoScore]


def measure_served(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """As context.measure_context; a server that cannot tell is the reason in every answer's coverage."""
    numbers = range(len(inputs.instructions))
    if plan.server is None:
        return iter(()), [unmeasured(inputs, index, "unsupported", "the plan names no server") for index in numbers]
    top_k = max(FEWEST, plan.token_shift.top_k)
    server = ScoringServer(plan.server, top_k, cache)
    try:
        return (_by_ids if _sends_ids(plan, folders) else _by_text)(plan, inputs, folders, server)
    except CannotScoreError as error:
        return iter(()), [unmeasured(inputs, index, "unsupported", error.what) for index in numbers]


def score_requests(plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path]) -> dict[int, ScoreRequest]:
    """What the server is asked by measure_served, by the number of the instruction. Nothing is asked here."""
    if not _sends_ids(plan, folders):
        return _text_requests(inputs)
    reader = AnswerReader(plan, inputs, folders, base=False)
    return _id_requests(reader, _matched(reader))


def _sends_ids(plan: TokenShiftPlan, folders: Mapping[str, Path]) -> bool:
    return not isinstance(read_manifest(folders["aligned"]).source, ServerModel) and plan.token_shift.align_by == "ids"


def _by_ids(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], server: ScoringServer
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """The server's tokenizer is to be the aligned one's twin, which its own names of the tokens show."""
    reader = AnswerReader(plan, inputs, folders, base=False)
    matched = _matched(reader)
    # Before anything is asked for.
    reader.require_known("aligned", matched)
    told = _ask(server, _id_requests(reader, matched), inputs)
    answers = {index: _with_places(matched[index], found) for index, found in told.items() if isinstance(found, Scores)}
    coverage = _coverage(inputs, told, answers)
    return in_groups(_tables(reader, answers, told)), coverage


def _matched(reader: AnswerReader) -> dict[int, MatchedAnswer]:
    numbers = range(len(reader.inputs.instructions))
    return {index: found for index in numbers if (found := reader.match(index)) is not None}


def _id_requests(reader: AnswerReader, matched: Mapping[int, MatchedAnswer]) -> dict[int, ScoreRequest]:
    return {
        index: ScoreRequest(
            prompt_ids=reader.prompt("base", index),
            answer_ids=answer.base_ids,
            prompt_text="",
            answer_text="",
            expected_texts=tuple(reader.base_tokenizer.convert_ids_to_tokens(list(answer.base_ids))),
            name=reader.inputs.instructions[index].id,
        )
        for index, answer in matched.items()
    }


def _with_places(answer: MatchedAnswer, found: Scores) -> MatchedAnswer:
    """The answer with what the server told a number of."""
    pairs = tuple((place, place) for place in map(_place, found.tokens))
    return MatchedAnswer(answer.ids, answer.base_ids, pairs, answer.end, answer.retokenized)


def _tables(reader: AnswerReader, answers: Mapping[int, MatchedAnswer], told: Told) -> Iterator["pa.Table"]:
    if not answers:
        return
    indices = list(answers)
    exchanged = exchanged_ends(list(answers.values()), reader.ends)
    scores = {index: found.tokens for index, found in told.items() if isinstance(found, Scores)}
    size = reader.vocabulary("aligned")
    asked = [_asked(answers[index], scores[index], exchanged, size) for index in indices]
    rows = reader.forced("aligned", answers)
    columns: dict[int, Columns] = {}
    for number, arrays, there in measure_model(reader.loader("aligned"), rows, reader.settings, asked):
        index = indices[number]
        places = np.asarray([place for place, _ in answers[index].pairs], int)
        columns[index] = {name: values[places] for name, values in model_columns("aligned", arrays).items()}
        columns[index].update(_base_columns(scores[index]))
        if there is not None and (bound := _bound(scores[index], there[places])) is not None:
            columns[index]["kl_lower_bound"] = bound
    for index, answer in answers.items():
        places_of = [place for place, _ in answer.pairs]
        found = Measured(places_of, columns.pop(index), reader.base_text, reader.aligned_text)
        yield shift_table(reader.tokens(index), found)


def _place(token: TokenScore) -> int:
    if token.place is None:
        raise TypeError("where ids were sent, each token has a place among them")
    return token.place


def _asked(answer: MatchedAnswer, tokens: Sequence[TokenScore], exchanged: Mapping[int, int], size: int) -> np.ndarray:
    """Ids [T, K + 1] whose aligned log-probabilities the bound needs: the base's candidates, the emitted token last.

    -1 stands for none: there are fewer candidates, or one is not among the ``size`` tokens of the aligned model.
    """
    width = max((len(token.top_ids) for token in tokens), default=0)
    found = np.full((len(answer.kept), width + 1), -1, dtype=np.int64)
    for token in tokens:
        place = _place(token)
        ids = (*token.top_ids, *[-1] * (width - len(token.top_ids)), answer.base_ids[place])
        found[place] = [exchanged.get(item, item) for item in ids]
    found[found >= size] = -1
    return found


def _bound(tokens: Sequence[TokenScore], aligned: np.ndarray) -> np.ndarray | None:
    """The bound [positions]; None where the server names no candidate by its id."""
    width = aligned.shape[1] - 1
    if width == 0 or not tokens:
        return None
    base = np.asarray([[*token.top_logprobs, *[np.nan] * (width - len(token.top_logprobs))] for token in tokens])
    emitted = np.asarray([np.nan if token.token_id in token.top_ids else token.logprob for token in tokens])
    return np.asarray(kl_lower_bound(base, emitted, aligned), np.float32)


def _base_columns(tokens: Sequence[TokenScore]) -> Columns:
    return {
        "base_rank": [token.rank for token in tokens],
        "base_ties": [token.ties for token in tokens],
        "base_logprob": [token.logprob for token in tokens],
        # Below the candidates, of which there are three at least.
        "category": [category(token.rank) for token in tokens],
        "base_top_ids": [list(token.top_ids) for token in tokens],
        "base_top_tokens": [list(token.top_texts) for token in tokens],
        "base_top_logprobs": [list(token.top_logprobs) for token in tokens],
    }


def _by_text(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], server: ScoringServer
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """The server cuts the texts; nothing is known of the aligned model, nor of an end token."""
    told = _ask(server, _text_requests(inputs), inputs)
    scores = {index: found.tokens for index, found in told.items() if isinstance(found, Scores)}
    answers = {
        index: MatchedAnswer((), (), tuple((place, place) for place in range(len(tokens))), "none", True)
        for index, tokens in scores.items()
    }
    tables = (
        shift_table(
            _text_tokens(plan, inputs, index, scores[index]),
            Measured(range(len(scores[index])), _base_columns(scores[index]), str, str),
        )
        for index in answers
    )
    return in_groups(tables), _coverage(inputs, told, answers)


def _text_requests(inputs: ShiftInputs) -> dict[int, ScoreRequest]:
    return {
        index: ScoreRequest(None, None, inputs.base_prompts[index].text, row.answer.text, name=row.instruction_id)
        for index, row in enumerate(inputs.completions)
        if row.answer is not None
    }


def _text_tokens(plan: TokenShiftPlan, inputs: ShiftInputs, index: int, tokens: Sequence[TokenScore]) -> AnswerTokens:
    answer, instruction = inputs.completions[index].answer, inputs.instructions[index]
    text = answer.text if answer else ""
    spans = [(token.start or 0, token.end or 0) for token in tokens]
    is_end = [False] * len(tokens)
    return AnswerTokens(
        instruction_id=instruction.id,
        ids=[token.token_id for token in tokens],
        texts=[token.text for token in tokens],
        words=words(text, spans, is_end),
        is_end=is_end,
        labels=token_labels(text, spans, is_end),
        kinds=token_kinds(plan.microworld_seed, instruction.source, text, spans),
    )


def _ask(server: ScoringServer, requests: Mapping[int, ScoreRequest], inputs: ShiftInputs) -> Told:
    indices = list(requests)
    context = inputs.base_prompts[0].system if inputs.base_prompts else "token_shift"
    found = progress(server.score(list(requests.values())), len(requests), context)
    # Replies arrive in any order; rows are in that of the instructions.
    return dict(sorted((indices[number], scores) for number, scores in found))


def _coverage(inputs: ShiftInputs, told: Told, answers: Mapping[int, MatchedAnswer]) -> list[ShiftCoverage]:
    rows = []
    for index in range(len(inputs.instructions)):
        found = told.get(index)
        if isinstance(found, Scores):
            rows.append(covered(inputs, index, answers[index], None, found.unmatched))
        else:
            rows.append(unmeasured(inputs, index, "too_long", found.reason if found else "no answer"))
    return rows
