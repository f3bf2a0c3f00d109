"""Chat templates that ask for the day are told the study's, in the plan, in prompts, and in the keys of their rows alone."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.judge.local.local_judges import make_plan
from tests.plan.test_planning import PROMPTS, local_pair, params_with, refusal
from tests.tiny_models import decoding, save_folder, tiny_folder, tiny_model, write_manifest
from urial.judge.local.judge import TransformersBackend
from urial.plan.chats import asks_for_day
from urial.plan.judges import plan_judge
from urial.plan.planning import Plans, make_plans
from urial.prompts.versions.assembly import assemble
from urial.records.base import DAY
from urial.records.model import FolderWeights, Loading, PlannedHub
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan, TransformersPlan

CHAT = "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{% endfor %}<|assistant|>"
DATED = "Today: {{ strftime_now('%d.%m.%Y') }} " + CHAT

# The micro-world's own texts are of no other study, which is said.
WITHOUT_THEM: tuple[tuple[str, Any], ...] = (("safety_depth/systems", []), ("token_shift/given", {}))


def planned(folder: Path, template: str, **study: Any) -> Plans:
    pair = [*local_pair(folder, **study), *WITHOUT_THEM]
    (folder / "aligned/chat_template.jinja").write_text(template, "utf-8")
    return make_plans(params_with(*pair), PROMPTS)


def days(plans: Plans) -> dict[str, date | None]:
    return {plan.system: plan.date for plan in plans.systems if plan.date}


@pytest.mark.parametrize(("study", "day"), [({}, DAY), ({"date": "2024-02-29"}, date(2024, 2, 29))])
def test_the_plan_has_the_day_of_the_system_in_chat_alone(
    study: dict[str, str], day: date, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert days(planned(tmp_path, DATED, **study)) == {"aligned": day}
    assert capsys.readouterr().out == (
        f"studies.local.aligned: to its chat template, today is {day}, whenever the run is made (studies.local.date)\n"
    )


def test_a_template_that_asks_for_no_day_is_not_talked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(tmp_path, CHAT)
    assert capsys.readouterr().out == ""


def test_the_embedded_pair_is_told_none() -> None:
    assert days(make_plans(params_with(), PROMPTS)) == {}


def test_one_that_draws_lots_stops_the_plan(tmp_path: Path) -> None:
    changes = local_pair(tmp_path)
    (tmp_path / "aligned/chat_template.jinja").write_text("{{ ['Hi', 'Hello'] | random }} " + CHAT, "utf-8")
    assert refusal(*changes).startswith("studies.local.aligned: its chat template gives another text each time")


def test_a_day_for_a_server_s_template_is_refused(tmp_path: Path) -> None:
    served = {"server": "http://127.0.0.1:1/v1", "model": "m"}
    assert refusal(*local_pair(tmp_path, aligned=served, date="2025-01-02")) == (
        "studies.local.date: the server of the aligned model lays out its chats, and is told no day\n"
        "  where: params.yaml\n"
        "  fix: leave studies.local.date out, or name the aligned model by its hub id or its files"
    )
    assert days(make_plans(params_with(*local_pair(tmp_path / "other", aligned=served)), PROMPTS)) == {}


def test_prompts_have_the_day_of_the_plan(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "model", tiny_model("llama"), "aligned")
    (folder / "chat_template.jinja").write_text(DATED, "utf-8")
    write_manifest(folder, "aligned")
    texts = [assemble(system_plan(day), [make_query("a")], folder)[0].text for day in (None, date(2030, 12, 31))]
    assert [text.split(" <")[0] for text in texts] == ["Today: 01.01.2025", "Today: 31.12.2030"]


def system_plan(day: date | None) -> SystemPlan:
    return SystemPlan(
        system="aligned", model="aligned", prompt_name=None, prompt=None, prompt_hash=None, threads=1, date=day,
        decoding=decoding(), generation=Generation(batch_size=1, on_context_overflow="record"),
    )  # fmt: skip


@pytest.mark.parametrize(("template", "told"), [(DATED, date(2026, 3, 1)), (CHAT, None)])
def test_a_judge_is_told_the_day_that_it_has_in_params(template: str, told: date | None, tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "model", tiny_model("llama"), "aligned")
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    write_manifest(folder, "aligned")
    judge = {"kind": "transformers", "model": {"folder": str(folder)}, "date": "2026-03-01"}
    plan = plan_judge(params_with(("judges/mine", judge)), "mine", PROMPTS).judge
    assert isinstance(plan, TransformersPlan)
    backend = TransformersBackend(plan)
    assert (plan.date, backend.model.date) == (told, told)
    layout, _ = backend._loaded
    text = layout.tokenizer.decode(layout.prompt_ids("Why?"))
    assert ("01.03.2026" in text) == (told is not None)


def test_the_day_of_a_judge_that_asks_for_none_is_in_no_key(tmp_path: Path) -> None:
    model = TransformersBackend(make_plan(tiny_folder("llama"))).model
    assert "date" not in model.model_dump(mode="json")


def test_what_is_in_a_file_of_the_hub_is_not_known_before_it_is_here() -> None:
    model = PlannedHub(hub="o/m", revision="a" * 40, gguf_file="m.gguf", loading=Loading())
    assert asks_for_day(model, "m")


def test_a_folder_without_a_template_asks_for_nothing(tmp_path: Path) -> None:
    assert not asks_for_day(FolderWeights(folder=str(tmp_path), files={}, loading=Loading()), "m")
