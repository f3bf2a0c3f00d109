"""Measures answers with a base model on a server that gives the log-probabilities of a prompt's tokens.

Where the aligned model is here, the server is sent the ids that it emitted, and the bound on the divergence comes from
the aligned model's own distribution. Else the server reads the answer's text, and its tokens are the positions.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.records.base import Hash
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage, category
from urial.token_shift.measure.answers import AnswerReader, ShiftInputs
from urial.token_shift.measure.matching import MatchedAnswer, ReadAnswer
from urial.token_shift.measure.measure import LOGPROBS, ModelMeasurement
from urial.token_shift.measure.table import answer_tokens, in_groups, shift_table
from urial.token_shift.served.answer_logprobs import ScoreRequest, Scores, TokenScore, kl_lower_bound
from urial.token_shift.served.logprob_server import CannotScoreError, NoScore, ScoringServer
from urial.token_shift.served.prompt_logprobs import FEWEST

if TYPE_CHECKING:
    import pyarrow as pa

Replies = Mapping[int, Scores | NoScore]
"""What the server gave, by the index of the instruction."""


def measure_served(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """As context.measure_context; a server that cannot tell is the reason in every answer's coverage."""
    indices = range(len(inputs.instructions))
    if plan.server is None:
        return iter(()), [inputs.unmeasured(index, "unsupported", "the plan names no server") for index in indices]
    server = ScoringServer(plan.server, max(FEWEST, plan.token_shift.top_k), cache)
    route = served_route(plan, inputs, folders, cache)
    try:
        route.ask(server)
    except CannotScoreError as error:
        return iter(()), [inputs.unmeasured(index, "unsupported", error.what) for index in indices]
    return in_groups(route.rows()), route.coverage


def served_route(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
) -> "ServedById | ServedByText":
    """The route of a base model on a server. Nothing is asked here."""
    if not isinstance(read_manifest(folders["aligned"]).source, ServerModel) and plan.token_shift.align_by == "ids":
        return ServedById(AnswerReader(plan, inputs, folders, base=False), cache)
    return ServedByText(plan, inputs)


class _Served(ABC):
    """What both routes do with a server's replies."""

    inputs: ShiftInputs
    requests: dict[int, ScoreRequest]
    """What the server is asked, by the index of the instruction."""
    replies: Replies

    def ask(self, server: ScoringServer) -> None:
        """Get the replies to all requests. Raises what ScoringServer.score raises."""
        indices = list(self.requests)
        name = self.inputs.base_prompts[0].system if self.inputs.base_prompts else "token_shift"
        rows = progress(server.score(list(self.requests.values())), len(indices), name)
        self.take({indices[number]: scores for number, scores in rows})

    def take(self, replies: Replies) -> None:
        """Go by these replies, which arrive in any order; rows are in that of the instructions."""
        self.replies = dict(sorted(replies.items()))

    @cached_property
    def scores(self) -> dict[int, Sequence[TokenScore]]:
        """What the server gave of each measured answer's tokens."""
        return {index: reply.tokens for index, reply in self.replies.items() if isinstance(reply, Scores)}

    @property
    def coverage(self) -> list[ShiftCoverage]:
        """What becomes of every answer, in the order of the instructions."""
        rows = []
        for index in range(len(self.inputs.instructions)):
            reply = self.replies.get(index)
            if isinstance(reply, Scores):
                rows.append(self.inputs.covered(index, self.answer(index), None, reply.unmatched))
            else:
                rows.append(self.inputs.unmeasured(index, "too_long", reply.reason if reply else "no answer"))
        return rows

    @abstractmethod
    def answer(self, index: int) -> MatchedAnswer:
        """A measured answer, with the positions that the server gave a number of."""

    @abstractmethod
    def rows(self) -> Iterator["pa.Table"]:
        """One table an answer, in the order of the instructions."""


class ServedById(_Served):
    """The aligned model is here. The server's tokenizer has to be its twin, which the server's names of the tokens show."""

    def __init__(self, reader: AnswerReader, cache: RowCache | None) -> None:
        self.reader, self.inputs, self.cache = reader, reader.inputs, cache
        self.matched = reader.matched()
        # Before anything is asked for.
        reader.require_known("aligned", self.matched)
        tokenizer = reader.base_tokenizer
        self.requests = {
            index: ScoreRequest(
                prompt_ids=reader.prompt("base", index),
                answer_ids=answer.base_ids,
                prompt_text="",
                answer_text="",
                expected_texts=tuple(tokenizer.convert_ids_to_tokens(list(answer.base_ids))),
                name=reader.inputs.instructions[index].id,
            )
            for index, answer in self.matched.items()
        }

    def answer(self, index: int) -> MatchedAnswer:
        answer = self.matched[index]
        pairs = tuple((place, place) for place in map(_place, self.scores[index]))
        return MatchedAnswer(answer.ids, answer.base_ids, pairs, answer.end, answer.retokenized)

    def keys(self) -> set[Hash]:
        """The keys of the aligned model's rows in the row cache, given the replies."""
        return self._measurement().keys if self.scores else set()

    def rows(self) -> Iterator["pa.Table"]:
        if not self.scores:
            return
        indices, columns = list(self.scores), {}
        for number, measured in self._measurement().columns():
            index = indices[number]
            places = [_place(token) for token in self.scores[index]]
            columns[index] = {name: values[places] for name, values in measured.items() if name != LOGPROBS}
            columns[index].update(_base_columns(self.scores[index]))
            if (bound := _bound(self.scores[index], measured[LOGPROBS][places])) is not None:
                columns[index]["kl_lower_bound"] = bound
        for index in indices:
            places = [_place(token) for token in self.scores[index]]
            yield shift_table(self.reader.tokens(index), places, columns.pop(index), self.reader.texts)

    def _measurement(self) -> ModelMeasurement:
        answers = {index: self.answer(index) for index in self.scores}
        exchanged = self.reader.end_tokens.exchanged(list(answers.values()))
        size = self.reader.vocabulary("aligned")
        return ModelMeasurement(
            "aligned",
            self.reader.model("aligned"),
            self.reader.teacher_forced("aligned", answers),
            self.reader.settings,
            further=[
                _aligned_candidates(answer, self.scores[index], exchanged, size) for index, answer in answers.items()
            ],
            cache=self.cache,
        )


class ServedByText(_Served):
    """The server cuts the texts into tokens; nothing is known of the aligned model, nor of an end token."""

    def __init__(self, plan: TokenShiftPlan, inputs: ShiftInputs) -> None:
        self.plan, self.inputs = plan, inputs
        self.requests = {
            index: ScoreRequest(None, None, inputs.base_prompts[index].text, row.answer.text, name=row.instruction_id)
            for index, row in enumerate(inputs.completions)
            if row.answer is not None
        }

    def answer(self, index: int) -> MatchedAnswer:
        pairs = tuple((place, place) for place in range(len(self.scores[index])))
        return MatchedAnswer((), (), pairs, "none", True)

    def keys(self) -> set[Hash]:
        """None: no model is here."""
        return set()

    def rows(self) -> Iterator["pa.Table"]:
        for index, tokens in self.scores.items():
            spans = [(token.start or 0, token.end or 0) for token in tokens]
            answer = ReadAnswer(None, (), self.requests[index].answer_text, spans, True)
            ids, texts = [token.token_id for token in tokens], [token.text for token in tokens]
            instruction, seed = self.inputs.instructions[index], self.plan.microworld_seed
            row = answer_tokens(instruction, seed, ids, texts, answer, is_end=[False] * len(tokens))
            yield shift_table(row, range(len(tokens)), _base_columns(tokens), {})


def _place(token: TokenScore) -> int:
    if token.place is None:
        raise TypeError("where ids were sent, each token has a place among them")
    return token.place


def _aligned_candidates(
    answer: MatchedAnswer, tokens: Sequence[TokenScore], exchanged: Mapping[int, int], size: int
) -> np.ndarray:
    """Ids [T, K + 1] whose aligned log-probabilities the bound needs: the base's candidates, the emitted token last.

    -1 stands for none: there are fewer candidates, or one is not among the ``size`` tokens of the aligned model.
    """
    width = max((len(token.top_ids) for token in tokens), default=0)
    candidates = np.full((len(answer.kept), width + 1), -1, dtype=np.int64)
    for token in tokens:
        place = _place(token)
        ids = (*token.top_ids, *[-1] * (width - len(token.top_ids)), answer.base_ids[place])
        candidates[place] = [exchanged.get(token_id, token_id) for token_id in ids]
    candidates[candidates >= size] = -1
    return candidates


def _bound(tokens: Sequence[TokenScore], aligned: np.ndarray) -> np.ndarray | None:
    """The bound [positions]; None where the server names no candidate by its id."""
    width = aligned.shape[1] - 1
    if width == 0 or not tokens:
        return None
    base = np.asarray([[*token.top_logprobs, *[np.nan] * (width - len(token.top_logprobs))] for token in tokens])
    emitted = np.asarray([np.nan if token.token_id in token.top_ids else token.logprob for token in tokens])
    return np.asarray(kl_lower_bound(base, emitted, aligned), np.float32)


def _base_columns(tokens: Sequence[TokenScore]) -> dict[str, Any]:
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
