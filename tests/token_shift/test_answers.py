"""Tokens that a model has not are named before anything is asked of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.scoring_server import ScoringModel
from tests.tiny_models import save_folder, tiny_folder, tiny_model, tiny_tokenizer
from tests.token_shift.contexts import TEXTS, encoded, make_inputs, measured, measured_served, plan, with_answers
from urial.core.errors import UrialError
from urial.local_models.loading.loading import encode
from urial.token_shift.measure.answers import AnswerReader, require_vocabulary
from urial.token_shift.measure.inputs import ShiftInputs

SIZE = len(tiny_tokenizer())


def answering(ids: Sequence[int]) -> ShiftInputs:
    return with_answers(make_inputs(), token_ids=tuple(ids))


def refusal(folders: dict[str, Path], inputs: ShiftInputs, **changes: Any) -> str:
    with pytest.raises(UrialError) as caught:
        measured(folders, inputs, **changes)
    return str(caught.value)


@pytest.mark.parametrize("align_by", ["ids", "text"])
@pytest.mark.parametrize("token", [SIZE, SIZE + 5, -1, 10**30])
def test_a_token_that_no_model_has_is_named(folders: dict[str, Path], align_by: str, token: int) -> None:
    assert refusal(folders, answering([7, 8, token, 9]), align_by=align_by) == (
        f"instruction 'q0': token id {token:,} at position 2 of the answer is not among the {SIZE:,} tokens that the "
        "aligned model has\n"
        f"  expected: ids from 0 to {SIZE - 1:,}\n"
        "  fix: measure answers that this aligned model gave, with the tokenizer that belongs to it"
    )


@pytest.mark.parametrize("align_by", ["ids", "text"])
def test_ids_that_are_not_the_text_are_another_tokenizers(folders: dict[str, Path], align_by: str) -> None:
    inputs = make_inputs(["Hello! Karmost it is."])
    assert refusal(folders, with_answers(inputs, token_ids=tuple(encoded("Hello! 42."))), align_by=align_by) == (
        "instruction 'q0': from character 7 on, the answer's token ids are '42.' to the aligned tokenizer, but its text "
        "is 'Karmost it is.'\n"
        "  expected: the tokenizer that the answer was generated with\n"
        "  fix: measure answers that this aligned model gave, with the tokenizer that belongs to it"
    )
    assert "from character 3 on, the answer's token ids are '' to" in refusal(
        folders, with_answers(inputs, token_ids=tuple(encoded("Hel"))), align_by=align_by
    )


def test_ids_may_go_on_behind_the_text(folders: dict[str, Path]) -> None:
    """With a stop string, which the text is without, and blanks."""
    inputs = make_inputs(["Karmost.\n"])
    rows, _ = measured(folders, with_answers(inputs, token_ids=tuple(encoded(" Karmost.\n\n# Query:"))))
    assert "".join(row["token"] for row in rows) == " Karmost.\n\n# Query:"


def test_a_token_that_one_head_alone_has_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    small = max(token for text in TEXTS if text for token in encoded(text))
    base = save_folder(tmp_path / "base", tiny_model("llama", vocab_size=small))
    message = refusal({**folders, "base": base}, make_inputs())
    assert f"token id {small:,} at position " in message
    assert f"is not among the {small:,} tokens that both models have\n" in message


def test_nothing_is_asked_of_a_server_before(folders: dict[str, Path], tmp_path: Path) -> None:
    asked: list[Any] = []

    class Watched(ScoringModel):
        def reply(self, *arguments: Any) -> Any:
            asked.append(arguments)
            return super().reply(*arguments)

    with pytest.raises(UrialError, match=r"that the aligned model has\n"):
        measured_served(Watched(), {"aligned": folders["aligned"]}, tmp_path, answering([SIZE]))
    assert asked == []


def test_candidates_of_a_server_that_the_aligned_model_has_not_bound_nothing(tmp_path: Path) -> None:
    inputs = make_inputs()
    texts = [text for text in TEXTS if text] + [row.text for row in inputs.aligned_prompts]
    size = 1 + max(token for text in texts for token in encoded(text))
    assert size < SIZE
    aligned = save_folder(tmp_path / "small", tiny_model("llama", seed=5, vocab_size=size), "aligned")
    rows, _ = measured_served(ScoringModel(), {"aligned": aligned}, tmp_path, inputs)
    assert max(token for row in rows for token in row["base_top_ids"]) >= size
    assert all(row["kl_lower_bound"] >= 0 for row in rows)


def test_a_head_that_is_not_as_configured_is_named() -> None:
    require_vocabulary(tiny_model("llama"), "base", SIZE)
    with pytest.raises(UrialError) as caught:
        require_vocabulary(tiny_model("llama", vocab_size=SIZE + 3), "aligned", SIZE)
    assert str(caught.value) == (
        f"aligned model: its output head has {SIZE + 3:,} tokens, but its configuration says {SIZE:,}\n"
        "  fix: correct vocab_size in the model's config.json; no number was written"
    )


def test_every_text_is_encoded_once(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(tokenizer: Any, text: str, adds_special_tokens: bool) -> list[int]:
        read.append(text)
        return encode(tokenizer, text, adds_special_tokens)

    monkeypatch.setattr("urial.token_shift.measure.answers.loading.encode", counted)
    inputs = with_answers(make_inputs(), token_ids=None)
    measured({"base": tiny_folder("llama"), "aligned": folders["aligned"]}, inputs)
    answered = [index for index, row in enumerate(inputs.completions) if row and row.answer]
    prompts = [side[index].text for side in (inputs.aligned_prompts, inputs.base_prompts) for index in answered]
    assert sorted(read) == sorted(prompts)


def test_the_same_ids_are_given_each_time(folders: dict[str, Path]) -> None:
    reader = AnswerReader(plan(), make_inputs(), folders, base=True)
    assert reader.prompt("base", 0) is reader.prompt("base", 0)
    assert reader.prompt("base", 0) != reader.prompt("aligned", 0)
    assert reader.prompt("base", 0) != reader.prompt("base", 2)
