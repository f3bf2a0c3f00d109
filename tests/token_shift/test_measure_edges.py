"""Measurements that are interleaved, empty, or of near-identical distributions."""

from collections.abc import Iterator, Sequence

import pytest
import torch

from tests.tiny_models import tiny_model
from tests.token_shift.reference import local_model, measurement
from tests.token_shift.test_distributions import compared
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import LOGPROBS, ModelMeasurement, PairedTeacherForced
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.states import TeacherForced

ANSWERS = [PairedTeacherForced(TeacherForced([1, 5], (7, 8)), TeacherForced([1, 6], (7, 8))) for _ in range(3)]


def columns(answers: Sequence[PairedTeacherForced]) -> Iterator[tuple[int, Columns]]:
    models = tiny_model("llama", seed=1), tiny_model("llama", seed=2)
    return measurement(models, answers, Settings(2, 64)).columns()


def test_two_measurements_can_take_turns_and_leave_nothing_behind() -> None:
    first, second = columns(ANSWERS), columns(ANSWERS)
    next(first)
    next(second)
    first.close()  # type: ignore[attr-defined]
    assert not torch.is_inference_mode_enabled()
    assert len(list(second)) == len(ANSWERS) - 1
    assert not torch.is_inference_mode_enabled()


def test_an_empty_answer_has_no_positions() -> None:
    ((_, found),) = columns([PairedTeacherForced(TeacherForced([1, 5], ()), TeacherForced([1, 6], ()))])
    assert found["kl"].shape == found["base_rank"].shape == (0,)
    assert found["base_top_ids"].shape == (0, 2)
    model = local_model(tiny_model("llama"))
    ((_, alone),) = ModelMeasurement("base", model, [TeacherForced([1, 5], ())], Settings(2, 64)).columns()
    assert (alone["base_rank"].shape, LOGPROBS in alone) == ((0,), False)


@pytest.mark.parametrize("level", [0.0, 20.0, 200.0])
@pytest.mark.parametrize("noise", [0.1, 0.03, 0.01])
def test_close_distributions_keep_their_divergence_to_a_millionth_of_a_nat(level: float, noise: float) -> None:
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(64, 2_000, generator=generator) * 3 + level
    aligned = base + torch.randn(64, 2_000, generator=generator) * noise
    found = compared(base, aligned, width=512)
    p, q = aligned.double().log_softmax(1), base.double().log_softmax(1)
    middle = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0))
    expected = {
        "kl": (p.exp() * (p - q)).sum(1),
        "kl_reverse": (q.exp() * (q - p)).sum(1),
        "js": ((p.exp() * (p - middle)).sum(1) + (q.exp() * (q - middle)).sum(1)) / 2,
    }
    for name, value in expected.items():
        torch.testing.assert_close(getattr(found, name), value, rtol=0, atol=1e-6, msg=name)
