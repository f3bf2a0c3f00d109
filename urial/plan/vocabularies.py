"""The tokens of a model, read from its files: no library that computes is loaded, and no weight is read.

A tokenizer is in tokenizer.json, or in the header of a GGUF file. What has another form is not known here.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from urial.core.store import object_or_empty
from urial.local_models.loading.gguf_copy import end_tokens
from urial.local_models.loading.gguf_header import read_header
from urial.models.hub import SMALL_FILES, download
from urial.records.model import FolderModel, GgufModel, HubModel

# What GGUF calls a token that ordinary text is made of: normal, or a byte.
_ORDINARY = (1, 6)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a model, by their ids."""

    tokens: Mapping[int, str]
    # Those that were added to what text is split into: control tokens, mostly.
    added: frozenset[int]
    # The tokenizer's own end token.
    eos: int | None
    # All that end an answer: that one, and those of the model.
    ends: frozenset[int]

    @property
    def ordinary(self) -> list[int]:
        """The ids of the tokens that text is split into."""
        return [token_id for token_id in self.tokens if token_id not in self.added]


def vocabulary_of(model: FolderModel | GgufModel | HubModel) -> Vocabulary | None:
    """The vocabulary of a model; None where its files are not here, or do not say.

    Raises UrialError where a model of the hub cannot be found, and for what is no GGUF file.
    """
    if isinstance(model, GgufModel):
        return _of_gguf(model.path) if model.path.is_file() else None
    if isinstance(model, FolderModel):
        return folder_vocabulary(model.path)
    if model.gguf_file is None:
        return folder_vocabulary(download(model, SMALL_FILES))
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(model.hub, model.gguf_file, revision=model.revision)
    return _of_gguf(Path(path)) if isinstance(path, str) else None


def folder_vocabulary(folder: Path) -> Vocabulary | None:
    """The vocabulary of a folder of transformers' form; None where there is no tokenizer.json that can be read."""
    # Whatever else these files hold: the stages that read them say what is wrong with them.
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        read = json.loads((folder / "tokenizer.json").read_bytes())
        words = read["model"]["vocab"]
        pairs = words.items() if isinstance(words, dict) else ((word, n) for n, (word, _) in enumerate(words))
        added = {entry["id"]: entry["content"] for entry in read.get("added_tokens") or ()}
        tokens = {token_id: word for word, token_id in pairs} | added
        eos = _end_token(folder)
        if not all(isinstance(token_id, int) for token_id in tokens):
            return None
        ids = {word: token_id for token_id, word in tokens.items()}
        own = None if eos is None else ids.get(eos)
        return Vocabulary(tokens, frozenset(added), own, _configured_ends(folder) | _ids(own))
    return None


def _of_gguf(path: Path) -> Vocabulary | None:
    header = read_header(path)
    words, kinds, eos = header.token("tokens"), header.token("token_type"), header.token("eos_token_id")
    if not isinstance(words, list):
        return None
    added = {n for n, kind in enumerate(kinds or ()) if kind not in _ORDINARY}
    return Vocabulary(dict(enumerate(words)), frozenset(added), eos, frozenset(end_tokens(header)) | _ids(eos))


def _end_token(folder: Path) -> str | None:
    """The end token that the tokenizer's configuration names."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        named = object_or_empty(folder / name).get("eos_token")
        named = named.get("content") if isinstance(named, dict) else named
        if isinstance(named, str):
            return named
    return None


def _configured_ends(folder: Path) -> frozenset[int]:
    """The end tokens of the model's own configuration, as the stages read them."""
    if (folder / "generation_config.json").is_file():
        return _ids(object_or_empty(folder / "generation_config.json").get("eos_token_id"))
    config = object_or_empty(folder / "config.json")
    return _ids(config.get("eos_token_id", (config.get("text_config") or {}).get("eos_token_id")))


def _ids(configured: object) -> frozenset[int]:
    found = configured if isinstance(configured, list) else [configured]
    return frozenset(item for item in found if isinstance(item, int))
