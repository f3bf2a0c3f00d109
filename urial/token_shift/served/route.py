"""Measures answers with a base model on a server that gives the log-probabilities of a prompt's tokens.

Where the aligned model is here, the server is sent the ids that it emitted, and the bound on the divergence comes from
the aligned model's own distribution; or, where tokens are compared by text, the server reads the answer, and the positions
are its tokens of the same characters, as in process. Of a pair behind servers, they are all the tokens that it reads.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from urial.core.errors import UrialError
from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.records.base import Hash
from urial.records.model import ServerModel, read_manifest
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage, category, rank_is_bound
from urial.token_shift.measure.answers import AnswerReader
from urial.token_shift.measure.inputs import ShiftInputs
from urial.token_shift.measure.matching import MatchedAnswer
from urial.token_shift.measure.measure import LOGPROBS, ModelMeasurement
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.table import answer_rows, in_groups, shift_table
from urial.token_shift.served.answer_logprobs import NoScore, ScoreRequest, Scores, TokenScore, kl_lower_bound
from urial.token_shift.served.logprob_probe import CannotScoreError
from urial.token_shift.served.logprob_server import ScoringServer
from urial.token_shift.served.prompt_logprobs import FEWEST

if TYPE_CHECKING:
    import pyarrow as pa


def measure_served(
    plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
) -> tuple[Iterator["pa.Table"], list[ShiftCoverage]]:
    """As context.measure_context; a server that cannot tell is the reason in every answer's coverage."""
    indices = range(len(inputs.instructions))
    if plan.server is None:
        return iter(()), [inputs.unmeasured(index, "unsupported", "the plan names no server") for index in indices]
    server = ScoringServer(plan.server, max(FEWEST, plan.token_shift.top_k), cache)
    route = ServedRoute(plan, inputs, folders, cache)
    asked = list(route.requests)
    name = inputs.measurement.name
    try:
        with closing(server.score(list(route.requests.values()))) as scored:
            rows = progress(scored, len(asked), name)
            route.take({asked[number]: scores for number, scores in rows})
    except CannotScoreError as error:
        return iter(()), [inputs.unmeasured(index, "unsupported", error.what) for index in indices]
    except UrialError as error:
        raise error.about(f"system {name!r}") from error
    tokens = [token for row in route.scores.values() for token in row]
    if bounds := sum(rank_is_bound(token.rank, token.ties, len(token.top_logprobs)) for token in tokens):
        why = "the server counts tokens that are exactly as probable, and does not show them"
        print(f"{name}: {bounds:,} of {len(tokens):,} base ranks are at most what is written: {why}", file=sys.stderr)
    return in_groups(route.rows()), route.coverage


class ServedRoute:
    """The base model is on a server. Nothing is asked here.

    Where the aligned model is here and tokens are compared by id, the server's tokenizer has to be its twin, which the
    server's names of the tokens show. By text, what the server reads has no end token. Of an aligned model on a server,
    nothing is known.
    """

    def __init__(
        self, plan: TokenShiftPlan, inputs: ShiftInputs, folders: Mapping[str, Path], cache: RowCache | None
    ) -> None:
        self.plan, self.inputs, self.cache = plan, inputs, cache
        self.reader: AnswerReader | None = None
        self.requests: dict[int, ScoreRequest] = {}
        """What the server is asked, by the index of the instruction."""
        if not isinstance(read_manifest(folders["aligned"]).source, ServerModel):
            self.reader = AnswerReader(plan, inputs, folders, base=False)
        if self.reader is None or self.reader.by_text:
            for index, row in enumerate(inputs.completions):
                if row is not None and row.written is not None:
                    text = self.reader.read(index).text if self.reader else row.written.text
                    prompt, name = inputs.base_prompts[index].text, f"instruction {row.instruction_id!r}"
                    self.requests[index] = ScoreRequest(prompt, text, name=name)
            return
        self.matched = {index: answer for index, answer in enumerate(self.reader.matched()) if answer is not None}
        # Raises for an unknown token before anything is asked for.
        self.reader.teacher_forced("aligned", self.matched)
        for index, answer in self.matched.items():
            self.requests[index] = ScoreRequest(
                prompt=self.reader.prompt("base", index),
                answer=answer.base_ids,
                expected_texts=tuple(self.reader.tokenizers["base"].convert_ids_to_tokens(list(answer.base_ids))),
                name=f"instruction {inputs.instructions[index].id!r}",
            )

    def take(self, replies: Mapping[int, Scores | NoScore]) -> None:
        """Go by these replies, by the index of the instruction, in any order."""
        self.coverage: list[ShiftCoverage] = []
        """What becomes of every answer, in the order of the instructions."""
        self.scores: dict[int, Sequence[TokenScore]] = {}
        self.answers: dict[int, MatchedAnswer] = {}
        for index in range(len(self.inputs.instructions)):
            reply = replies.get(index)
            if not isinstance(reply, Scores):
                self.coverage.append(self.inputs.unmeasured(index, "too_long", reply.reason if reply else "no answer"))
                continue
            answer, tokens, unmatched = self._matched(index, reply)
            self.answers[index], self.scores[index] = answer, tokens
            self.coverage.append(self.inputs.covered(index, answer, None, unmatched))

    def _matched(self, index: int, reply: Scores) -> tuple[MatchedAnswer, Sequence[TokenScore], int]:
        """The answer with what is compared, the scores of that, and how many tokens are not compared."""
        tokens = reply.tokens
        if self.reader is None:
            numbers = range(len(tokens))
            pairs = tuple(zip(numbers, numbers, strict=True))
            return MatchedAnswer((), (), pairs, "none", True), tokens, reply.unmatched
        if not self.reader.by_text:
            places = [token.place or 0 for token in tokens]
            matched = replace(self.matched[index], pairs=tuple(zip(places, places, strict=True)))
            return matched, tokens, reply.unmatched
        read = self.reader.read(index)
        # A character that several tokens share is the first one's, and which bytes of it are whose is not known.
        shares = [(token.start or 0) >= (token.end or 0) for token in tokens[1:]]
        spans = [(token.start or 0, token.end or 0) for token in tokens]
        numbers_of = {
            span: number
            for number, (span, shared) in enumerate(zip(spans, [*shares, False], strict=False))
            if span[0] < span[1] and not shared
        }
        found = [(place, numbers_of[span]) for span, place in read.places.items() if span in numbers_of]
        end = self.reader.end_tokens.treatment(read.ids)
        answer = MatchedAnswer(read.ids, (), tuple(found), end, read.retokenized)
        return answer, [tokens[number] for _, number in found], answer.unmatched

    def keys(self) -> set[Hash]:
        """The keys of the aligned model's rows in the row cache, given the replies. No model is loaded."""
        return set() if self.reader is None or not self.scores else self._measurement(self.reader).keys

    def rows(self) -> Iterator["pa.Table"]:
        """One table an answer, in the order of the instructions."""
        aligned: dict[int, Columns] = {}
        if self.reader is not None and self.scores:
            indices = list(self.scores)
            for number, measured in self._measurement(self.reader).columns():
                aligned[indices[number]] = self._aligned_columns(indices[number], measured)
        for index, tokens in self.scores.items():
            places = [place for place, _ in self.answers[index].pairs]
            if self.reader is not None:
                rows, texts = self.reader.rows(index, places), self.reader.texts
            else:
                instruction, seed = self.inputs.instructions[index], self.plan.microworld_seed
                answer = self.inputs.written(index)
                text, spans = answer.text if answer else "", [(token.start or 0, token.end or 0) for token in tokens]
                shown = [(token.token_id, token.text, False) for token in tokens]
                marked, texts = self.inputs.marked(index, text), {}
                rows = answer_rows(instruction, seed, marked, spans, shown, positions=places)
            base = {
                "base_rank": [token.rank for token in tokens],
                "base_ties": [token.ties for token in tokens],
                "base_logprob": [token.logprob for token in tokens],
                # Below the candidates, of which there are three at least.
                "category": [category(token.rank) for token in tokens],
                "base_top_ids": [list(token.top_ids) for token in tokens],
                "base_top_tokens": [list(token.top_texts) for token in tokens],
                "base_top_logprobs": [list(token.top_logprobs) for token in tokens],
            }
            yield shift_table(rows, {**base, **aligned.pop(index, {})}, texts)

    def _measurement(self, reader: AnswerReader) -> ModelMeasurement:
        """Of the aligned model, which also gives the log-probabilities that the bound needs, where tokens have the same ids."""
        forced, model = reader.teacher_forced("aligned", self.answers), reader.model("aligned")
        if reader.by_text:
            return ModelMeasurement("aligned", model, forced, reader.settings, cache=self.cache)
        exchanged, size = reader.end_tokens.exchanged(list(self.answers.values())), reader.vocabulary["aligned"]
        further = []
        for index, answer in self.answers.items():
            # [T, K + 1]: the base's candidates, the emitted token last. -1 stands for none: there are fewer candidates, or
            # one is not among the aligned model's tokens.
            width = max((len(token.top_ids) for token in self.scores[index]), default=0)
            candidates = np.full((len(answer.kept), width + 1), -1, dtype=np.int64)
            for token, (place, _) in zip(self.scores[index], answer.pairs, strict=True):
                ids = (*token.top_ids, *[-1] * (width - len(token.top_ids)), answer.base_ids[place])
                candidates[place] = [exchanged.get(token_id, token_id) for token_id in ids]
            candidates[candidates >= size] = -1
            further.append(candidates)
        return ModelMeasurement("aligned", model, forced, reader.settings, further=further, cache=self.cache)

    def _aligned_columns(self, index: int, measured: Columns) -> Columns:
        """The aligned model's columns at the positions that the server has a number of, with the bound on the divergence.

        There is no bound where the server names no candidate by its id, or where ids mean other tokens.
        """
        tokens, places = self.scores[index], [place for place, _ in self.answers[index].pairs]
        columns = {name: values[places] for name, values in measured.items()}
        aligned = columns.pop(LOGPROBS, None)
        width = 0 if aligned is None else aligned.shape[1] - 1
        if aligned is not None and width and tokens:
            base = np.asarray(
                [[*token.top_logprobs, *[np.nan] * (width - len(token.top_logprobs))] for token in tokens]
            )
            emitted = np.asarray([np.nan if token.token_id in token.top_ids else token.logprob for token in tokens])
            columns["kl_lower_bound"] = np.asarray(kl_lower_bound(base, emitted, aligned), np.float32)
        return columns
