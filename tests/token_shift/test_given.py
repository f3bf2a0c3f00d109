"""Given answers: texts of anybody are measured as the definition says, and what is made of a text is flagged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.tiny_models import save_folder, tiny_folder, tiny_model, tiny_tokenizer
from tests.token_shift.contexts import HASH, OWN, encoded, make_inputs, plan, save_with_other_tokenizer
from tests.token_shift.reference import (
    NEAR,
    Naive,
    divergence,
    jensen_shannon,
    naive,
    require_close,
    require_divergence,
)
from urial.records.completion import Answer, Completion
from urial.records.token_shift import ShiftCoverage, ShiftMeasurement
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import NOT_AMONG, ShiftInputs
from urial.token_shift.measure.measure import PairedTeacherForced
from urial.token_shift.measure.states import TeacherForced

GIVEN = ShiftMeasurement(name="given", answers="people", base_system="base-urial", aligned_system="aligned")
STOP = "\n```"
BOS, END = 1, 2
# Kinds of attention, of positions and of mixing, and models without attention.
NAMES = ("llama", "gemma2-narrow-window", "gpt2", "phi", "cohere", "mixtral", "mamba", "bloom", "gpt-oss", "lfm2")
HUGE = "The capital of Ardovia is Karmost. " * 12


def completion(number: int, answer: Answer | None) -> Completion:
    """A row of whoever answers."""
    return Completion(
        instruction_id=f"q{number}", system="people", status="ok" if answer else "too_long",
        reason=None if answer else "no room", answer=answer, key=HASH if answer else None,
    )  # fmt: skip


def given(answers: Sequence[Answer | str | None]) -> ShiftInputs:
    """The inputs of given answers; a text: there is no row of the instruction."""
    inputs = make_inputs(["?"] * len(answers))
    rows = [None if isinstance(row, str) else completion(number, row) for number, row in enumerate(answers)]
    return replace(inputs, completions=rows, measurement=GIVEN)


def base_written(text: str, after: str = STOP) -> Answer:
    """What a base model wrote up to its stop string, with all the tokens that it emitted."""
    return Answer(text=text, token_ids=(*encoded(text), *encoded(after)), finish="stop_string")


def measured(folders: dict[str, Path], inputs: ShiftInputs, **changes: Any) -> tuple[list[Any], list[ShiftCoverage]]:
    tables, coverage = measure_context(plan(**changes), inputs, folders)
    found = list(tables)
    return (pa.concat_tables(found).to_pylist() if found else []), coverage


def token_ids(rows: Sequence[Any], number: int) -> list[int]:
    return [row["token_id"] for row in rows if row["instruction_id"] == f"q{number}"]


@pytest.mark.parametrize("name", NAMES)
def test_given_texts_are_measured_by_the_definition(name: str, tmp_path: Path) -> None:
    """A base model's own, a third party's, an empty one, a huge one, one of another tokenizer's ids, and none."""
    folders = {"base": tiny_folder(name), "aligned": save_folder(tmp_path, tiny_model(name, seed=3), "aligned")}
    texts = ["It is Karmost.", "Sorry, I will not say so.", "", HUGE, "Karmost"]
    inputs = given(
        [
            base_written(texts[0]),
            Answer(text=texts[1], token_ids=None, finish="unknown"),
            base_written(texts[2]),
            Answer(text=texts[3], token_ids=tuple(encoded(texts[3])), finish="length"),
            Answer(text=texts[4], token_ids=(5, 6, 7), finish="unknown"),
            None,
            "no row",
        ]
    )
    rows, coverage = measured(folders, inputs)
    models = tiny_model(name), tiny_model(name, seed=3)
    tokenizer = tiny_tokenizer()
    for number, text in enumerate(texts):
        ids = tuple(encoded(text))
        assert token_ids(rows, number) == list(ids)
        if ids:
            base_prompt, aligned_prompt = inputs.base_prompts[number].text, inputs.aligned_prompts[number].text
            forced = PairedTeacherForced(
                base=TeacherForced((BOS, *tokenizer(base_prompt, add_special_tokens=False)["input_ids"]), ids),
                aligned=TeacherForced(tokenizer(aligned_prompt, add_special_tokens=False)["input_ids"], ids),
            )
            require_rows([row for row in rows if row["instruction_id"] == f"q{number}"], naive(models, forced), ids)
    assert [(row.status, row.retokenized, row.end, row.reason) for row in coverage] == [
        ("measured", False, "none", None),
        ("measured", True, "none", None),
        ("measured", False, "none", None),
        ("measured", False, "none", None),
        ("measured", True, "none", None),
        ("no_answer", False, "none", "no room"),
        ("no_answer", False, "none", NOT_AMONG),
    ]
    assert {(row.context, row.answers) for row in coverage} == {("given", "people")}
    assert sum(row.positions for row in coverage) == len(rows)


def require_rows(rows: Sequence[Any], expected: Naive, ids: Sequence[int]) -> None:
    """The table's rows of an answer are the definition's."""
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0] if "_top_" not in name}
    for role in ("base", "aligned"):
        logprobs = getattr(expected, role)
        chosen = logprobs.gather(1, torch.tensor(ids)[:, None])
        low, high = (1 + (logprobs > chosen + slack).sum(1).numpy() for slack in (NEAR, -NEAR))
        assert (low <= columns[f"{role}_rank"]).all()
        assert (columns[f"{role}_rank"] <= np.maximum(high - 1, low)).all()
        require_close(f"{role}_logprob", columns[f"{role}_logprob"], chosen[:, 0])
    require_divergence("kl", columns["kl"], divergence(expected.aligned, expected.base))
    require_divergence("kl_reverse", columns["kl_reverse"], divergence(expected.base, expected.aligned))
    require_divergence("js", columns["js"], jensen_shannon(expected.base, expected.aligned))


def test_the_aligned_models_own_answers_are_the_same_given(folders: dict[str, Path]) -> None:
    """The stage given_shift of an aligned system's answers writes what token_shift does."""
    own = make_inputs()
    rows, coverage = measured(folders, own)
    again, covered = measured(folders, replace(own, measurement=GIVEN))
    assert again == rows
    named = {"context": "given", "answers": "people"}
    assert covered == [row.model_copy(update=named) for row in coverage]
    assert (own.measurement, coverage[0].answers) == (OWN, None)


@pytest.mark.parametrize(("after", "retokenized"), [(STOP, False), (" and more" + STOP, False), ("", False)])
def test_what_follows_the_text_is_not_measured(after: str, retokenized: bool, folders: dict[str, Path]) -> None:
    rows, (row,) = measured(folders, given([base_written("It is Karmost.", after)]))
    assert token_ids(rows, 0) == encoded("It is Karmost.")
    assert (row.retokenized, row.end) == (retokenized, "none")


def test_a_token_that_is_half_of_the_stop_string_has_the_text_read_again(folders: dict[str, Path]) -> None:
    """The text ends within a word that is one token: no token of the answer ends with it."""
    (whole,) = encoded(" Karmost")
    rows, (row,) = measured(
        folders, given([Answer(text="It is Kar", token_ids=(*encoded("It is"), whole), finish="stop_string")])
    )
    assert token_ids(rows, 0) == encoded("It is Kar")
    assert whole not in token_ids(rows, 0)
    assert row.retokenized


@pytest.mark.parametrize(
    "ids",
    [(10**9,), tuple(encoded("It is Zolara.")), (*encoded("It"), *encoded("It is Karmost."))],
    ids=["beyond the vocabulary", "of another text", "of more than the text"],
)
def test_ids_that_are_not_the_text_are_not_believed(ids: tuple[int, ...], folders: dict[str, Path]) -> None:
    rows, (row,) = measured(folders, given([Answer(text="It is Karmost.", token_ids=ids, finish="unknown")]))
    assert token_ids(rows, 0) == encoded("It is Karmost.")
    assert row.retokenized


def test_an_answer_that_its_writer_ended_ends_with_the_aligned_models_token(folders: dict[str, Path]) -> None:
    """Whichever token that was, the aligned model's own stands for it where the ids are not known."""
    answers = [
        Answer(text="It is so.", token_ids=None, finish="end_token"),
        Answer(text="It is so.", token_ids=(*encoded("It is so."), END), finish="end_token"),
        Answer(text="It is so.", token_ids=(*encoded("It is so."), END), finish="unknown"),
    ]
    rows, coverage = measured(folders, given(answers))
    for number in range(3):
        assert token_ids(rows, number) == [*encoded("It is so."), END]
    assert [(row.retokenized, row.end) for row in coverage] == [(True, "same"), (False, "same"), (False, "same")]


def test_by_text_both_models_read_what_somebody_wrote(folders: dict[str, Path], tmp_path: Path) -> None:
    """The base model's own ids are no tokens of the aligned one: both read the text."""
    other = save_with_other_tokenizer(tmp_path / "base", "base")
    rows, coverage = measured(
        {**folders, "base": other}, given([base_written("It is Karmost."), "none"]), align_by="text"
    )
    assert [row.status for row in coverage] == ["measured", "no_answer"]
    assert "".join(row["token"] for row in rows) in "It is Karmost."
    assert {row["kl"] for row in rows} == {None}


def test_special_tokens_in_a_given_text_are_characters(folders: dict[str, Path]) -> None:
    """Whoever writes `<eos>` into a file of answers ends nothing with it."""
    rows, (row,) = measured(folders, given([Answer(text="<eos>Hi", token_ids=None, finish="unknown")]))
    assert END not in token_ids(rows, 0)
    assert (row.end, row.retokenized) == ("none", True)
    assert "".join(found["token"] for found in rows) == "<eos>Hi"
