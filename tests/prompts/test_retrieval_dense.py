"""Dense retrieval, with a tiny random BERT: similarity, ties, and what is not loaded."""

import math
import re
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.prompts.pools import FRUIT, refusal, retriever_of, write_pool
from urial.prompts.versions import embeddings
from urial.prompts.versions.embeddings import folder_hash
from urial.records.prompt import Dense

COMMIT = "0123456789abcdef0123456789abcdef01234567"
needs_dense = pytest.mark.skipif(
    find_spec("faiss") is None or find_spec("sentence_transformers") is None,
    reason="needs the extra: pip install 'urial[dense]'",
)


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with mean pooling, as sentence-transformers saves one."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters), "?"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(pieces), max_position_embeddings=64, initializer_range=0.5, **sizes)
    folder = tmp_path_factory.mktemp("bert")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder / "transformer")
    fast.save_pretrained(folder / "transformer")
    transformer = Transformer(str(folder / "transformer"))
    pooling = Pooling(transformer.get_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(folder / "whole"))
    return folder / "whole"


def dense(model: Path | str, revision: str | None = None) -> Dense:
    found = revision or (folder_hash(model) if isinstance(model, Path) else COMMIT)
    return Dense(kind="dense", model=str(model), revision=found)


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def cosines(folder: Path, query: str, pool: Sequence[str]) -> list[float]:
    """By hand: the mean over a text's tokens of BERT's last layer, one text at a time, in double precision."""
    import torch
    from transformers import AutoTokenizer, BertModel

    tokenizer, model = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).double().eval()

    def embed(text: str) -> Any:
        with torch.no_grad():
            return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)

    return [float(torch.cosine_similarity(embed(query), embed(text), dim=0)) for text in pool]


@needs_dense
def test_dense_similarity_is_the_cosine_of_the_model_s_embeddings(bert_folder: Path) -> None:
    retriever = retriever_of(FRUIT, k=3, retriever=dense(bert_folder))
    expected = cosines(bert_folder, "peel a banana", FRUIT)
    assert retriever.similarity("peel a banana").tolist() == pytest.approx(expected, abs=1e-5)
    order = sorted(range(len(FRUIT)), key=lambda number: -expected[number])
    assert retriever.choose("peel a banana").lines == tuple(number + 1 for number in reversed(order[:3]))


@needs_dense
def test_dense_leaves_out_near_duplicates_and_repeats_and_is_deterministic(bert_folder: Path) -> None:
    pool = [*FRUIT, "how do I peel an orange", "HOW do I peel an ORANGE?"]
    asked = "How do I peel an orange, please?"
    first = retriever_of(pool, k=4, retriever=dense(bert_folder)).choose(asked)
    assert sorted(first.lines) == [2, 3, 4, 5]
    assert retriever_of(pool, k=4, retriever=dense(bert_folder)).choose(asked) == first


@needs_dense
def test_dense_ties_are_broken_by_line(bert_folder: Path) -> None:
    # The tokenizer knows no digits: each of these is the same to the model.
    pool = ["why 1", "why 2", "how", "why 3"]
    lines = retriever_of(pool, k=4, retriever=dense(bert_folder)).choose("why 4 me").lines
    assert [line for line in lines if line != 3] == [4, 2, 1]


@needs_dense
def test_a_pool_of_several_chunks_is_embedded_as_one(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = retriever_of(FRUIT, retriever=dense(bert_folder)).similarity("a pear")
    monkeypatch.setattr(embeddings, "CHUNK", 2)
    capsys.readouterr()
    parts = retriever_of(FRUIT, retriever=dense(bert_folder)).similarity("a pear")
    assert parts.tolist() == pytest.approx(whole.tolist(), abs=1e-5)
    assert capsys.readouterr().err == "embeddings of 5 pool queries: 3/3\n"


@needs_dense
@pytest.mark.parametrize("text", ["", " ", "😀", "中国", "\u0301", "x" * 5_000])
def test_dense_answers_any_text(bert_folder: Path, text: str) -> None:
    assert len(retriever_of(FRUIT, k=3, retriever=dense(bert_folder)).choose(text).examples) == 3


@needs_dense
def test_a_hub_model_is_fetched_at_its_commit_without_code_or_pickles(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def snapshot_download(name: str, **options: Any) -> str:
        asked.append((name, options))
        return str(bert_folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    retriever_of(FRUIT, retriever=dense("owner/name", COMMIT))
    patterns = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
    assert asked == [("owner/name", {"revision": COMMIT, "allow_patterns": patterns})]


CANNOT_LOAD = (
    "  fix: check the id (OWNER/NAME), the network and the access rights (a gated model needs HF_TOKEN in the "
    "environment), or give the path of a sentence-transformers folder with safetensors weights"
)


@needs_dense
def test_a_hub_model_that_cannot_be_fetched_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise OSError("You are offline.\nA long explanation.")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert refusal(write_pool(tmp_path, FRUIT), retriever=dense("owner/name", COMMIT)) == (
        f"retrieval model owner/name (revision {COMMIT}) cannot be loaded: You are offline.\n{CANNOT_LOAD}"
    )


@needs_dense
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(write_pool(tmp_path, FRUIT), retriever=dense(tmp_path / "none")) == (
        f"retrieval model: no folder {tmp_path}/none\n  fix: correct retrieval.retriever.model"
    )


@needs_dense
def test_another_model_than_the_prompt_names_is_refused(bert_folder: Path, tmp_path: Path) -> None:
    folder = copied(bert_folder, tmp_path / "changed")
    planned = folder_hash(folder)
    config = folder / "config_sentence_transformers.json"
    config.write_text(config.read_text("utf-8") + " ", "utf-8")
    assert refusal(write_pool(tmp_path, FRUIT), retriever=dense(folder, planned)) == (
        f"retrieval model: retrieval.retriever.revision is not the hash of the files in {folder}\n"
        f"  expected: {folder_hash(folder)}\n"
        "  fix: restore the folder, or write a new prompt version for the new model"
    )


@pytest.mark.parametrize(("model", "revision"), [("owner/name", "main"), ("./folder", "a" * 40), ("owner/name", "")])
def test_a_model_that_is_not_fixed_is_no_retriever(model: str, revision: str) -> None:
    with pytest.raises(ValueError, match="revision must be"):
        Dense(kind="dense", model=model, revision=revision)


@needs_dense
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    lines = refusal(write_pool(tmp_path, FRUIT), retriever=dense(tmp_path)).split("\n")
    assert lines[0].startswith(f"retrieval model {tmp_path} cannot be loaded: ")
    assert lines[1:] == [CANNOT_LOAD]


@needs_dense
def test_pickled_weights_are_refused(bert_folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    folder = copied(bert_folder, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    lines = refusal(write_pool(tmp_path, FRUIT), retriever=dense(folder)).split("\n")
    assert "model.safetensors" in lines[0]
    assert lines[1:] == [CANNOT_LOAD]


@needs_dense
def test_code_in_a_model_folder_is_not_run(bert_folder: Path, tmp_path: Path) -> None:
    folder = copied(bert_folder, tmp_path / "coded")
    modules = (folder / "modules.json").read_text("utf-8")
    kind = re.findall(r'"type": "([^"]*Pooling)"', modules)[0]
    (folder / "modules.json").write_text(modules.replace(kind, "modeling_mine.Mine"), "utf-8")
    (folder / "modeling_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Mine: ...\n", "utf-8")
    lines = refusal(write_pool(tmp_path, FRUIT), retriever=dense(folder)).split("\n")
    assert "modeling_mine.Mine" in lines[0]
    assert not (tmp_path / "ran").exists()


@needs_dense
def test_an_embedding_that_is_no_number_is_refused(bert_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(bert_folder, tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][4 + ord("y") - ord("a")] = math.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    pool = write_pool(tmp_path, ["one", "two", "yes", "yet"])
    assert refusal(pool, retriever=dense(folder)) == (
        "retrieval model: the embedding of 'yes' is not finite\n  fix: use another model"
    )


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("faiss", "sentence_transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    assert refusal(write_pool(tmp_path, FRUIT), retriever=dense(tmp_path)) == (
        "dense retrieval needs faiss and sentence_transformers\n  fix: pip install 'urial[dense]'"
    )
