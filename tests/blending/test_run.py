"""Answers of blends over turns: kept at once, resumed, under keys of everything that can change them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.blending.plain import other_folder
from tests.prompts.test_assembly import PROMPT, make_plan
from tests.tiny_models import decoding, save_folder, tiny_folder, tiny_model
from urial.blending.control import measured_share, rule_of
from urial.blending.keys import BlendedModels, PromptPair, blended_key
from urial.blending.run import BlendFolders, blend, blend_folders, blended_prompts, turn_keys
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.generate.run import generate
from urial.models.resolve import resolve_local
from urial.prompts.versions.assembly import Assembler, assemble
from urial.records.base import Hash
from urial.records.blend import BlendRule, Interventions, Nudge, PlannedRule, Proxy, RandomShare, Realign
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import FolderModel, Loading, read_manifest
from urial.records.params.file import Generation
from urial.records.params.models import Thinking
from urial.records.plans import BlendPlan, HelperPlan, SystemPlan

ZERO_SHOT = PROMPT.model_copy(update={"examples": ()})
ROWS = [
    Instruction(id="one", turns=("What is the capital of Ardovia?",), category="regular", source="test"),
    Instruction(id="two", turns=("A?", "B?", "C?"), category="regular", source="test"),
]
ALWAYS, NEVER = Nudge(kind="nudge", threshold=1), Nudge(kind="nudge", threshold=0)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


def planned(rule: BlendRule, **changes: Any) -> SystemPlan:
    helper = HelperPlan(
        system="aligned", model=None, prompt_name=None, prompt=None, prompt_hash=None, decoding=decoding(), date=None
    )
    parts = BlendPlan(base="base-urial", helper=helper, rule=rule, microworld_seed=None)
    return make_plan(
        system="mixed",
        prompt=ZERO_SHOT,
        blend=parts.model_copy(update=changes),
        decoding=decoding(max_new_tokens=5),
        generation=Generation(batch_size=4, on_context_overflow="record"),
    )


FOLDERS = BlendFolders(tiny_folder("llama"), tiny_folder("gpt2"), None)


def answered(plan: SystemPlan, cache: RowCache, rule: PlannedRule | None = None) -> list[Completion]:
    prompts = blended_prompts(plan, ROWS, FOLDERS)
    return blend(plan, ROWS, prompts, FOLDERS, cache, rule=rule or rule_of(plan, ()))


def alone(plan: SystemPlan, folder: Path, cache: RowCache) -> list[Completion]:
    return generate(plan, ROWS, assemble(plan, ROWS, folder), folder, cache)


def texts(rows: list[Completion]) -> list[str | None]:
    return [turn.answer.text if turn.answer else None for row in rows for turn in (row, *row.later_turns)]


@pytest.mark.parametrize(("rule", "folder"), [(NEVER, FOLDERS.base), (ALWAYS, FOLDERS.helper)])
def test_turns_are_those_of_the_model_that_says_all(rule: Nudge, folder: Path, cache: RowCache) -> None:
    plan = planned(rule)
    of_one = plan.model_copy(update={"blend": None}) if rule is NEVER else plan.of_helper
    assert texts(answered(plan, cache)) == texts(alone(of_one, folder, cache))


def test_both_models_see_the_blends_own_answers(cache: RowCache) -> None:
    plan = planned(Nudge(kind="nudge", threshold=0.01))
    row = answered(plan, cache)[1]
    said = [turn.answer.text for turn in (row, *row.later_turns) if turn.answer]
    base = Assembler(plan, FOLDERS.base)
    assert [turn.prompt for turn in row.later_turns] == [base.prompt(ROWS[1], said[:turn]) for turn in (1, 2)]
    helper = Assembler(plan.of_helper, FOLDERS.helper)
    models = BlendedModels(read_manifest(FOLDERS.base).model, read_manifest(FOLDERS.helper).model)  # type: ignore[arg-type]
    for number, turn in enumerate((row, *row.later_turns)):
        pair = PromptPair(base.prompt(ROWS[1], said[:number]), helper.prompt(ROWS[1], said[:number]))
        assert turn.key == blended_key(models, rule_of(plan, ()), pair, plan.decoding, plan.of_helper.decoding)


def test_a_killed_blend_goes_on_where_it_was(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, kept = planned(Nudge(kind="nudge", threshold=0.01)), []
    put = RowCache.put

    def stopping(self: RowCache, key: str, row: Answer) -> None:
        put(self, key, row)
        kept.append(key)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(RowCache, "put", stopping)
    with pytest.raises(KeyboardInterrupt):
        answered(plan, cache)

    def counting(self: RowCache, key: str, row: Answer) -> None:
        put(self, key, row)
        kept.append(key)

    monkeypatch.setattr(RowCache, "put", counting)
    resumed = answered(plan, cache)
    assert len(kept) == len(set(kept)) == 4
    monkeypatch.setattr("urial.blending.run.BlendedEngine", None)
    assert answered(plan, cache) == resumed
    keys = turn_keys(plan, rule_of(plan, ()), ROWS, resumed, FOLDERS)
    assert keys == [[turn.key for turn in (row, *row.later_turns)] for row in resumed]


def test_everything_that_can_change_an_answer_changes_its_key() -> None:
    base = AssembledPrompt(
        instruction_id="q", system="mixed", text="Q", adds_special_tokens=True, stop=("\n",), n_tokens=1
    )
    models = BlendedModels(read_manifest(FOLDERS.base).model, read_manifest(FOLDERS.helper).model)  # type: ignore[arg-type]
    pair = PromptPair(base, base)
    other = PromptPair(base, base.model_copy(update={"text": "R"}))
    swapped = BlendedModels(models.helper, models.base)  # type: ignore[arg-type]
    same = blended_key(models, NEVER, pair, decoding(), decoding())
    # The helper's length and seed decide nothing.
    assert same == blended_key(models, NEVER, pair, decoding(), decoding(max_new_tokens=3, seed=7))
    keys = {
        same,
        blended_key(swapped, NEVER, pair, decoding(), decoding()),
        blended_key(models, ALWAYS, pair, decoding(), decoding()),
        blended_key(models, Realign(kind="realign", weight=0), pair, decoding(), decoding()),
        blended_key(models, NEVER, other, decoding(), decoding()),
        blended_key(models, NEVER, PromptPair(other.helper, base), decoding(), decoding()),
        blended_key(models, NEVER, pair, decoding(seed=1), decoding()),
        blended_key(models, NEVER, pair, decoding(), decoding(temperature=1)),
        *(
            blended_key(
                models, RandomShare(kind="random", share=0.5, unit="word", seed=seed), pair, decoding(), decoding()
            )
            for seed in (0, 1)
        ),
    }
    assert len(keys) == 10


@pytest.mark.parametrize(("rule", "folder"), [(NEVER, FOLDERS.base), (ALWAYS, FOLDERS.helper)])
def test_stop_strings_count_where_they_do_for_the_model_alone(rule: Nudge, folder: Path, cache: RowCache) -> None:
    # What follows the examples, thinking that the prompt opens, stops nowhere.
    opened = Thinking(tags=("[T]", "[/T]"), opened=True)
    plain = planned(rule).model_copy(update={"decoding": decoding(max_new_tokens=12)})
    said = texts(answered(plain, cache))[0]
    assert said is not None
    stop = next(said[n : n + 1] for n in range(1, len(said)) if said[n].isalnum())
    for thinking in (None, opened):
        plan = plain.model_copy(update={"thinking": thinking})
        pairs = [
            PromptPair(*(prompt.model_copy(update={"stop": (stop,)}) for prompt in (pair.base, pair.helper)))
            for pair in blended_prompts(plan, ROWS[:1], FOLDERS)
        ]
        (row,) = blend(plan, ROWS[:1], pairs, FOLDERS, cache, rule=rule)
        written = row.written
        assert written is not None
        own = plan.model_copy(update={"blend": None}) if rule is NEVER else plan.of_helper
        asked = [pair.base if rule is NEVER else pair.helper for pair in pairs]
        (alone_row,) = generate(own, ROWS[:1], asked, folder, cache)
        assert alone_row.written is not None
        assert written.text == alone_row.written.text == (said[: said.index(stop)] if thinking is None else said)


def test_where_stop_strings_count_is_in_the_key_if_any_do_not() -> None:
    base = AssembledPrompt(instruction_id="q", system="mixed", text="Q", adds_special_tokens=True, stop=(), n_tokens=1)
    models = BlendedModels(read_manifest(FOLDERS.base).model, read_manifest(FOLDERS.helper).model)  # type: ignore[arg-type]
    stopped = base.model_copy(update={"stop": ("\n",)})
    thoughts = (None, Thinking(), Thinking(opened=True))

    def keys(pair: PromptPair) -> set[Hash]:
        return {blended_key(models, NEVER, pair, decoding(), decoding(), thinking=thinking) for thinking in thoughts}

    assert keys(PromptPair(base, base)) == {blended_key(models, NEVER, PromptPair(base, base), decoding(), decoding())}
    assert len(keys(PromptPair(stopped, base)) | keys(PromptPair(base, stopped))) == 6


def test_a_control_takes_the_share_of_places_of_its_blend() -> None:
    def row(tokens: int, starts: tuple[int, ...], supplied: tuple[int, ...]) -> Completion:
        made = Interventions(starts=starts, supplied=supplied, changed=())
        answer = Answer(text="", token_ids=tuple(range(tokens)), finish="length", interventions=made)
        return Completion(
            instruction_id="q", system="mixed", status="ok", reason=None, answer=answer, key=f"sha256:{0:064}"
        )

    # Asked at 10 - 4 + 2 = 8 and at 4 places; stepped in at 2 and at 1.
    rows = [row(10, (0, 5), (0, 1, 2, 5)), row(4, (3,), (3,))]
    assert measured_share(rows) == 3 / 12
    # Once more behind the last token.
    assert measured_share([*rows, row(2, (2,), ())]) == 4 / 15
    assert measured_share([]) == measured_share([row(0, (), ())]) == 0
    control = planned(NEVER, control_of="mixed")
    assert rule_of(control, rows) == RandomShare(kind="random", share=0.25, unit="word", seed=0)
    of_tokens = planned(Realign(kind="realign", weight=1), control_of="mixed")
    assert rule_of(of_tokens, rows) == RandomShare(kind="random", share=0.25, unit="token", seed=0)


def test_a_model_of_the_blend_alone_has_a_folder_for_the_while(cache: RowCache) -> None:
    model = resolve_local(FolderModel(folder=str(FOLDERS.helper)), "aligned", Loading(), "blends.mixed.helper")
    plan = planned(ALWAYS)
    assert plan.blend is not None
    own = plan.blend.model_copy(
        update={"helper": plan.blend.helper.model_copy(update={"system": None, "model": model})}
    )
    with blend_folders(own, {"base": FOLDERS.base}) as folders:
        prompts = blended_prompts(plan, ROWS, folders)
        rows = blend(plan, ROWS, prompts, folders, cache, rule=ALWAYS)
    assert texts(rows) == texts(answered(plan, cache))
    assert not folders.helper.exists()


def test_a_prompt_that_leaves_no_room_says_whose_it_is(cache: RowCache) -> None:
    plan = planned(NEVER)
    long = [ROWS[0].model_copy(update={"turns": ("capital " * 5_000,)})]
    prompts = blended_prompts(plan, long, FOLDERS)
    (row,) = blend(plan, long, prompts, FOLDERS, cache, rule=NEVER)
    assert row.status == "too_long"
    short = PromptPair(prompts[0].base.model_copy(update={"n_tokens": 1}), prompts[0].helper)
    (row,) = blend(plan, long, [short], FOLDERS, cache, rule=NEVER)
    assert row.reason is not None
    assert row.reason.endswith("(the helper)")


def without_room(folders: BlendFolders, rule: PlannedRule, cache: RowCache, **changes: Any) -> list[Completion]:
    plan = planned(ALWAYS).model_copy(update={"decoding": decoding(max_new_tokens=40), **changes})
    prompts = blended_prompts(planned(ALWAYS), ROWS, folders)
    return blend(plan, ROWS, prompts, folders, cache, rule=rule)


def test_a_helper_that_reads_by_text_until_its_context_is_full_leaves_the_row_without_an_answer(
    cache: RowCache,
) -> None:
    # Room for its longer prompt and as many of its own tokens as the base's answer may have, but it needs more of them.
    folders = BlendFolders(FOLDERS.base, other_folder("gpt2", n_positions=50), None)
    rule = RandomShare(kind="random", share=0.1, unit="word", seed=0)
    answered_one, row = without_room(folders, rule, cache)
    assert answered_one.status == "ok"
    reason = "prompt and answer have at least 70 tokens, but the model's context has 50 (the helper)"
    assert (row.status, row.reason, row.key) == ("too_long", reason, None)
    assert [turn.status for turn in row.later_turns] == ["no_history"] * 2
    error = Generation(batch_size=4, on_context_overflow="error")
    with RowCache(cache.path.parent / "other") as other:
        with pytest.raises(UrialError) as caught:
            without_room(folders, rule, other, generation=error)
        assert str(caught.value) == (
            f"system 'mixed', instruction 'two': {reason}\n  fix: lower decoding.max_new_tokens, choose a shorter prompt, "
            "or set generation.on_context_overflow to record"
        )
        # What is finished is kept.
        assert answered_one.key is not None
        assert other.get([answered_one.key], Answer) == {answered_one.key: answered_one.answer}


def test_an_untuned_model_needs_room_too(tmp_path: Path, cache: RowCache) -> None:
    short = save_folder(tmp_path / "short", tiny_model("gpt2", n_positions=70))
    folders, rule = BlendFolders(FOLDERS.base, FOLDERS.helper, short), Proxy(kind="proxy", alpha=1)
    rows = without_room(folders, rule, cache)
    reason = "the prompt has 46 tokens and the answer may have 40, but the model's context has 70 (the untuned model)"
    assert (rows[0].status, rows[0].reason) == ("too_long", reason)
    error = Generation(batch_size=4, on_context_overflow="error")
    with pytest.raises(UrialError) as caught:
        without_room(folders, rule, cache, generation=error)
    assert str(caught.value).startswith(f"system 'mixed', instruction 'one': {reason} (and 1 more so)\n")
