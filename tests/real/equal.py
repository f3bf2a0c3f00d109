"""Whether a server's answers are those of this process, ties aside."""

from collections.abc import Sequence
from pathlib import Path

from tests.real.in_process import Case, InProcess
from urial.local_models.loading.loading import encode, load_model, load_tokenizer
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.params.file import Decoding

# Two engines add in other orders: of two tokens whose logits are closer than this, each may take another. llama.cpp's
# were up to 0.11 apart where it took another, with weights and cache in float32.
TIES = {"vllm": 1e-3, "llama.cpp": 0.2}


def differences(rows: Sequence[Completion], in_process: InProcess, model: str, case: Case, *, tie: float) -> list[str]:
    """What is not equal, one line a row. Where both texts part at a tie, that is said on standard output and is none."""
    found = []
    own = in_process.completions(model, case)
    assert [row.instruction_id for row in rows] == [row.instruction_id for row in own]
    for row, mine, prompt in zip(rows, own, in_process.prompts(model, case), strict=True):
        assert row.status == mine.status == "ok", (row, mine)
        assert row.answer is not None
        assert mine.answer is not None
        same = row.answer.text == mine.answer.text
        if same and same_end(row.answer, mine.answer):
            continue
        line = f"{row.instruction_id}: {row.answer.text!r} ({row.answer.finish}), here {mine.answer.text!r} ({mine.answer.finish})"
        folder = in_process.model(model, case.role)
        gap = None if same else gap_where_they_part(row.answer.text, mine.answer, prompt, case.how, folder)
        if gap is not None and gap < tie:
            print(f"a tie, two logits {gap:.1e} apart: {line}")
        else:
            found.append(f"{line}, gap {gap}")
    return found


def same_end(answer: Answer, mine: Answer) -> bool:
    """Whether both ended by the same; "stop" is a server's word for an end token and for a stop string."""
    return answer.finish == mine.finish or (answer.finish == "stop" and mine.finish in ("end_token", "stop_string"))


def gap_where_they_part(text: str, mine: Answer, prompt: AssembledPrompt, how: Decoding, folder: Path) -> float:
    """How far the two most probable tokens are apart, in logits, where a text leaves the answer of this process."""
    import torch
    from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor

    tokenizer, model = load_tokenizer(folder), load_model(folder, 2)
    ids = list(mine.token_ids or ())
    common = 0
    while common < len(ids) and text.startswith(tokenizer.decode(ids[: common + 1])):
        common += 1
    before = torch.tensor([encode(tokenizer, prompt.text, prompt.adds_special_tokens) + ids[:common]])
    with torch.inference_mode():
        logits = model(before).logits[:, -1].float()
    penalty = how.repetition_penalty
    logits = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty)] if penalty != 1 else [])(before, logits)
    first, second = logits[0].topk(2).values.tolist()
    return float(first - second)
