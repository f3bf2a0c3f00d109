"""A base model is tuned on queries and answers: the same bytes each time, kept, and never on less than was said."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_models import tiny_folder, tiny_tokenizer
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.exchange.row_cache.trained import damage_of, trained_folders, trained_size
from urial.local_models.loading.loading import encode, file_hashes, load_model, load_tokenizer
from urial.models.prepare import prepare_models
from urial.models.trained import pairs_folder, tuned_folder
from urial.models.tuning.chats import encoded
from urial.plan.tuning import chat_template
from urial.prompts.versions.library import PROMPTS_DIR, load_prompt
from urial.prompts.versions.rendering import render
from urial.records.model import MANIFEST, FolderWeights, Loading, TunedWeights, read_manifest
from urial.records.plans import LoadedModels, ModelsPlan, PlannedTuned
from urial.records.prompt import Example
from urial.records.tuning import Tuning

# Linear layers of other names each; in the last one also those of experts.
ARCHITECTURES = ("llama", "gpt2", "gpt-neox", "gemma3", "mixtral")
PAIRS = (
    Example(query="What is the capital of Ardovia?", answer="The capital of Ardovia is Karmost."),
    Example(query="Where does a gorster work?", answer="In a cellar."),
    Example(query="Who are you?", answer="Hello! I am here to help."),
)


def planned(pairs: tuple[Example, ...] = PAIRS, **recipe: object) -> PlannedTuned:
    values = {"data": {"pool": "general"}, "epochs": 2, "batch": 2, "rank": 2, "learning_rate": 0.01, **recipe}
    return PlannedTuned(
        tuned=Tuning.model_validate(values),
        pairs=pairs,
        data_hash=content_hash([pair.model_dump(mode="json") for pair in pairs]),
        chat_template=chat_template(load_prompt("general/zero-shot", PROMPTS_DIR)),
        loading=Loading(),
    )


def base_of(folder: Path) -> FolderWeights:
    return FolderWeights(folder=str(folder), files=file_hashes(folder), loading=Loading())


def prepare(out: Path, tuned: PlannedTuned, name: str = "llama") -> TunedWeights:
    """The manifest of the tuned model that the stage writes."""
    models = LoadedModels(kind="models", base=base_of(tiny_folder(name)), aligned=tuned)
    prepare_models(ModelsPlan(models=models, threads=1), out)
    source = read_manifest(out / "aligned").source
    assert isinstance(source, TunedWeights)
    return source


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_tuned_and_loads(name: str, method: str, cache_folder: Path, tmp_path: Path) -> None:
    assert cache_folder.is_dir()
    source = prepare(tmp_path, planned(method=method), name)
    assert source.result.last_loss < source.result.first_loss
    assert source.result.steps == 4
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_folder(name), tmp_path / "aligned"))
    assert before.keys() == after.keys()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    if method == "lora":  # No embedding, no norm and no head: linear layers alone.
        assert all(before[key].dim() == 2 and "embed" not in key and "lm_head" not in key for key in changed)
    model = load_model(tmp_path / "aligned", 1)
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert source.files == file_hashes(tmp_path / "aligned")
    assert source.base_files == file_hashes(tiny_folder(name))


def test_where_adapters_cannot_be_all_weights_can(cache_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        prepare(tmp_path / "1", planned(), "mamba")
    assert "aligned model: peft cannot put adapters on MambaForCausalLM" in str(caught.value)
    assert caught.value.fix == "set tuned.method to full"
    assert list((cache_folder / "trained").iterdir()) == []
    assert prepare(tmp_path / "2", planned(method="full"), "mamba").result.steps == 4


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_others(cache_folder: Path, tmp_path: Path) -> None:
    first = prepare(tmp_path / "1", planned())
    shutil.rmtree(cache_folder / "trained")
    assert prepare(tmp_path / "2", planned()).files == first.files
    # What the caller drew before does not matter.
    torch.manual_seed(99)
    shutil.rmtree(cache_folder / "trained")
    assert prepare(tmp_path / "3", planned()).files == first.files
    assert prepare(tmp_path / "4", planned(seed=1)).files != first.files
    assert torch.get_num_threads() == 1
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_is_there_is_taken_and_what_is_damaged_is_refused(cache_folder: Path, tmp_path: Path) -> None:
    first = prepare(tmp_path / "1", planned())
    (folder,) = trained_folders()
    assert folder == tuned_folder(planned(), file_hashes(tiny_folder("llama")), 1)
    assert folder.parent == pairs_folder() == cache_folder / "trained"
    assert (trained_size([folder]).pairs, trained_size([folder]).tuned) == (0, 1)
    when = (folder / "model" / "model.safetensors").stat().st_mtime_ns
    # Another name of the same data makes no other model, and is what the manifest says.
    renamed = planned(data={"file": "elsewhere.jsonl"})
    second = prepare(tmp_path / "2", renamed)
    assert (folder / "model" / "model.safetensors").stat().st_mtime_ns == when
    assert second == first.model_copy(update={"tuned": renamed.tuned})
    damaged = folder / "model" / "config.json"
    damaged.write_bytes(b"{}")
    with pytest.raises(UrialError) as caught:
        prepare(tmp_path / "3", planned())
    assert str(caught.value) == (
        f"{damaged}: is not what the training wrote: this trained model is damaged"
        "\n  fix: run `urial cache prune --damaged`; then `dvc repro` trains the model again"
    )
    assert str(damage_of(folder)) == str(caught.value)
    (folder / "tuned.json").write_text("{", "utf-8")
    with pytest.raises(UrialError, match=r"tuned\.json"):
        prepare(tmp_path / "4", planned())


def test_everything_that_can_change_the_weights_is_in_the_key() -> None:
    files = file_hashes(tiny_folder("llama"))
    changes: list[dict[str, Any]] = [
        {"method": "full"}, {"epochs": 3}, {"learning_rate": 0.02}, {"rank": 3}, {"alpha": 33.0}, {"batch": 1},
        {"seed": 1}, {"max_tokens": 100},
    ]  # fmt: skip
    folders = [tuned_folder(planned(**change), files, 1) for change in changes]
    folders += [
        tuned_folder(planned(), files, 1),
        tuned_folder(planned(), files, 2),
        tuned_folder(planned(), {**files, "config.json": content_hash("another")}, 1),
        tuned_folder(planned(PAIRS[:2]), files, 1),
    ]
    assert len(set(folders)) == len(folders)
    assert tuned_folder(planned(template="microworld/zero-shot"), files, 1) == tuned_folder(planned(), files, 1)
    # Where neither study nor run says how many, there are two threads.
    assert tuned_folder(planned(), files, None) == tuned_folder(planned(), files, 2)


def test_a_training_that_ends_early_leaves_nothing(
    cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "urial.models.tuning.learning.cross_entropy", lambda *_, **__: torch.tensor(float("nan"), requires_grad=True)
    )
    with pytest.raises(UrialError) as caught:
        prepare(tmp_path / "out", planned())
    assert str(caught.value) == "aligned model: the loss is nan at step 1 of 4\n  fix: lower tuned.learning_rate"
    assert list((cache_folder / "trained").iterdir()) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_only_answers_and_their_end_are_learned_behind_the_text_of_the_zero_shot_prompt() -> None:
    tokenizer = load_tokenizer(tiny_folder("llama"))
    for chat, pair in zip(encoded(tokenizer, planned(), None, "x"), PAIRS, strict=True):
        prompt = render(load_prompt("general/zero-shot", PROMPTS_DIR), pair.query).text
        assert chat.ids[: chat.first] == encode(tokenizer, prompt, True)
        assert tokenizer.decode(chat.ids[chat.first :]) == pair.answer + tokenizer.eos_token


@pytest.mark.parametrize(
    ("pairs", "recipe", "context", "message"),
    [
        (
            PAIRS, {"max_tokens": 20}, None,
            "x: pair 1, 'What is the capital of Ardovia?', has {n} tokens with its layout, and max_tokens is 20; 3 of 3 pairs "
            "have more than that\n  fix: shorten or remove them, or set max_tokens to {n} where the memory allows it; no pair is cut",
        ),
        (
            PAIRS, {}, 20,
            "x: pair 1, 'What is the capital of Ardovia?', has {n} tokens with its layout, and the base model's context has 20\n"
            "  fix: shorten or remove it",
        ),
        (
            (Example(query="Hi", answer="A<eos>B"),), {}, None,
            "x: pair 1, 'Hi', spells the special token '<eos>'\n"
            "  fix: remove it from the text: a chat has special tokens only where its layout puts them",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_whole_is_refused(
    pairs: tuple[Example, ...], recipe: dict[str, object], context: int | None, message: str
) -> None:
    tokenizer = load_tokenizer(tiny_folder("llama"))
    longest = max(len(chat.ids) for chat in encoded(tokenizer, planned(PAIRS), None, "x"))
    with pytest.raises(UrialError) as caught:
        encoded(tokenizer, planned(pairs, **recipe), context, "x")
    assert str(caught.value) == message.format(n=longest)


def test_a_tokenizer_without_an_end_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_folder("llama"), folder)
    tokenizer = load_tokenizer(folder)
    tokenizer.eos_token = None
    with pytest.raises(UrialError, match="has no end token, and nothing else could end an answer"):
        encoded(tokenizer, planned(), None, "x")
    assert tiny_tokenizer().eos_token is not None
    assert (folder / MANIFEST).is_file()
