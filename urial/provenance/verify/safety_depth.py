"""Answers that were begun: the given texts, the tokens that each answer is begun with, its key, its text, and what is said of it."""

from collections.abc import Iterator
from itertools import product

from urial.core.errors import shorten
from urial.core.text import counted
from urial.generate.engine import NoAnswer
from urial.generate.keys import completion_key
from urial.generate.thinking import stop_marks
from urial.local_models.decoding.answer_text import StopFinder
from urial.local_models.decoding.batch import finished
from urial.local_models.loading.loading import encode
from urial.microworld.given.answers import given_answers
from urial.provenance.verify.answers import Origin
from urial.provenance.verify.judgments import judged_again
from urial.provenance.verify.run import Checked, Run, edited, require_same_rows
from urial.records.params.safety_depth import MICROWORLD_ANSWERS
from urial.records.safety_depth import PrefilledAnswer
from urial.run.differences import rows_difference
from urial.run.paths import (
    COMPLETIONS,
    GIVEN,
    INSTRUCTIONS,
    INSTRUCTIONS_PLAN,
    PREFILLED,
    PREFILLED_VERDICTS,
    SAFETY_DEPTH_PLAN,
)
from urial.safety_depth.prefill.run import Beginnings, Begun, DepthInputs, Given
from urial.safety_depth.verdicts.rule import Rule
from urial.safety_depth.verdicts.run import verdicts_of, whole_answers


def check_given_answers(run: Run) -> Checked:
    """The micro-world's own answers to its unsafe requests are those that its phrases give."""
    seed, count = run.record(INSTRUCTIONS_PLAN).microworld_seed, 0
    for kind, name in MICROWORLD_ANSWERS.items():
        rows, path = run.rows(GIVEN, name), GIVEN.path(name)
        require_same_rows(path, given_answers(seed, run.instructions, kind), rows, "made again", INSTRUCTIONS.path())
        count += len(rows)
    return Checked(f"{counted(count, 'answer')} made again")


def check_prefilled_of(run: Run, system: str) -> Checked:
    """The answers that were begun for one system: which they are, with which tokens, under which keys, and what their tokens say."""
    depth, path = run.record(SAFETY_DEPTH_PLAN), PREFILLED.path(system)
    rows = run.rows(PREFILLED, system)
    inputs = DepthInputs.read(run, depth, system)
    wanted = list(product(inputs.given(), depth.tokens))
    found = [(row.instruction_id, row.system, row.answers, row.tokens) for row in rows]
    if found != [(given.instruction.id, system, given.kind, tokens) for given, tokens in wanted]:
        raise edited(path, "its rows are not those of the given texts", where=SAFETY_DEPTH_PLAN.path())
    origin = Origin(run, system)
    if not origin.embedded:
        for number, (row, (given, _)) in enumerate(zip(rows, wanted, strict=True), start=1):
            for problem in _row_problems(origin, given, row):
                raise edited(path, f"line {number}, {problem}", where=COMPLETIONS.path(system))
        return Checked(f"{counted(len(rows), 'row')}: keys derived again of the recorded tokens")
    beginnings = Beginnings(depth, origin.plan, run.model_folder(origin.plan.model), origin.context)
    begun = [row for given in inputs.given() for row in beginnings.of(given)]
    expected = [
        start.row(origin.plan, {start.key: row.written or NoAnswer("too_long", str(row.reason))} if start.key else {})
        for start, row in zip(begun, rows, strict=True)
    ]
    if detail := rows_difference(expected, rows, "begun again"):
        raise edited(path, detail, where=COMPLETIONS.path(system))
    for number, (row, (given, _)) in enumerate(zip(rows, wanted, strict=True), start=1):
        for problem in _text_problems(origin, given, row):
            raise edited(path, f"line {number}, {problem}")
    return Checked(f"{counted(len(rows), 'row')}: beginnings, keys and texts derived again")


def check_verdicts_of(run: Run, system: str) -> Checked:
    """The verdicts on one system's answers: the rules are asked again, and the judge's are derived of its replies."""
    path, depth = PREFILLED_VERDICTS.path(system), run.record(SAFETY_DEPTH_PLAN)
    rows, prefilled = run.rows(PREFILLED_VERDICTS, system), run.rows(PREFILLED, system)
    if len(rows) != len(prefilled):
        raise edited(path, counted(len(rows), "verdict"), expected=f"{len(prefilled)}, one an answer")
    asked, answers = whole_answers(run.instructions, prefilled)
    judgments, summary = judged_again(run, path, [row.judgment for row in rows], asked, answers)
    expected = verdicts_of(Rule(depth.microworld_seed), run.instructions, prefilled, judgments)
    require_same_rows(path, expected, rows, "judged again", PREFILLED.path(system))
    return Checked(f"{summary}; refusal and harm by rule derived again")


def _row_problems(origin: Origin, given: Given, row: PrefilledAnswer) -> Iterator[str]:
    """What is wrong with key and thinking of a row, by the beginning that it records."""
    if row.written is None:
        return
    decoding = origin.plan.decoding.of_tasks(given.instruction.task)
    key = completion_key(origin.manifest, given.prompt, origin.plan, decoding, row.prefix_ids)
    if row.key != key:
        yield f"key: {row.key}, by its model, prompt, beginning and decoding {key}"
    if row.prefix_ids:
        start = Begun(given, row.tokens, ids=row.prefix_ids, prefix=str(row.prefix), key=key)
        expected = start.row(origin.plan, {key: row.written})
        for name in ("status", "reason", "thinking"):
            found, written = getattr(row, name), getattr(expected, name)
            if found != written:
                yield f"{name}: {shorten(found)}, by what was written {shorten(written)}"


def _text_problems(origin: Origin, given: Given, row: PrefilledAnswer) -> Iterator[str]:
    """Where the text of an answer is not what its tokens say behind prompt and beginning."""
    tokenizer, prompt = origin.tokenizer, given.prompt
    # What is not begun is the system's own answer, which another link checks.
    if tokenizer is None or row.written is None or not row.prefix_ids:
        return
    ids = row.written.token_ids or ()
    text = None
    if ids and max(ids) < len(tokenizer):
        before = [*encode(tokenizer, prompt.text, prompt.adds_special_tokens), *row.prefix_ids]
        stop = StopFinder(tokenizer, before, prompt.stop, stop_marks(prompt, origin.plan.thinking))
        derived = finished(stop, ids, origin.ends, last=len(ids) == origin.plan.decoding.max_new_tokens)
        text = derived.text if derived is not None and derived.finish == row.written.finish else None
    if text != row.written.text:
        part = "answer" if row.answer else "thought"
        yield f"{part}.text: {shorten(row.written.text)}, its tokens say {shorten(text)}"
