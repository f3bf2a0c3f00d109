"""Similarity by sentence embeddings, for retrieval ICL; needs the extra `dense`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash, file_hash
from urial.core.progress import progress
from urial.records.base import Hash
from urial.records.prompt import Dense

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Texts embedded between two signs of life.
CHUNK = 1024
# What sentence-transformers reads; weights only as safetensors, since other formats can execute code when loaded.
MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")

Scores = NDArray[np.float32] | NDArray[np.float64]
Similarity = Callable[[str], Scores]
"""The similarity of a text to each of the pool's queries: one float a query, more is nearer."""


def embedding_similarity(retriever: Dense, queries: Sequence[str]) -> Similarity:
    """Cosine similarity of sentence embeddings, searched exactly. A model may cut long texts at its own length.

    Both sides are embedded as queries, which they are: some models embed queries and documents differently.
    """
    model = _load_sentence_model(retriever)
    import faiss

    chunks = [queries[start : start + CHUNK] for start in range(0, len(queries), CHUNK)]
    signs = progress(chunks, len(chunks), f"embeddings of {len(queries)} pool queries")
    embeddings = np.concatenate([_embed(model, chunk) for chunk in signs])
    index = faiss.IndexFlatIP(embeddings.shape[1])
    index.add(embeddings)

    def similarity(text: str) -> Scores:
        found, places = index.search(_embed(model, [text]), len(queries))
        scores = np.empty(len(queries), dtype=np.float32)
        scores[places[0]] = found[0]
        return scores

    return similarity


def _embed(model: "SentenceTransformer", texts: Sequence[str]) -> NDArray[np.float32]:
    """(texts, dimensions), each of length 1."""
    encoded = model.encode_query(list(texts), normalize_embeddings=True, show_progress_bar=False)
    embeddings = np.ascontiguousarray(encoded, dtype=np.float32)
    finite = np.isfinite(embeddings).all(axis=1)
    if not finite.all():
        broken = texts[int(np.argmin(finite))]
        raise UrialError(f"retrieval model: the embedding of {shorten(broken)} is not finite", fix="use another model")
    return embeddings


def _load_sentence_model(retriever: Dense) -> "SentenceTransformer":
    """The model of a folder, or one of the hub, fetched at its commit without code and pickled weights."""
    from importlib.util import find_spec

    if missing := [name for name in ("faiss", "sentence_transformers") if find_spec(name) is None]:
        raise UrialError(f"dense retrieval needs {' and '.join(missing)}", fix="pip install 'urial[dense]'")
    import torch
    from huggingface_hub import snapshot_download
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = _checked_folder(retriever) if retriever.local else None
    try:
        if folder is None:
            revision, files = retriever.revision, list(MODEL_FILES)
            folder = Path(snapshot_download(retriever.model, revision=revision, allow_patterns=files))
        return SentenceTransformer(
            str(folder),
            device="cuda" if torch.cuda.is_available() else "cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )
    except Exception as error:  # network, access, name and loading errors share no base class
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        at = "" if retriever.local else f" (revision {retriever.revision})"
        raise UrialError(
            f"retrieval model {retriever.model}{at} cannot be loaded: {first_line[:300]}",
            fix="check the id (OWNER/NAME), the network and the access rights (a gated model needs HF_TOKEN in the "
            "environment), or give the path of a sentence-transformers folder with safetensors weights",
        ) from error


def _checked_folder(retriever: Dense) -> Path:
    """The folder of a local model. Raises UrialError where its files are not those of the prompt version."""
    folder = Path(retriever.model).expanduser()
    if not folder.is_dir():
        raise UrialError(f"retrieval model: no folder {folder}", fix="correct retrieval.retriever.model")
    content = folder_hash(folder)
    if content != retriever.revision:
        raise UrialError(
            f"retrieval model: retrieval.retriever.revision is not the hash of the files in {folder}",
            expected=content,
            fix="restore the folder, or write a new prompt version for the new model",
        )
    return folder


def folder_hash(folder: Path) -> Hash:
    """Content hash of the files that a model is loaded from, by their place in its folder."""
    files = {path for pattern in MODEL_FILES for path in folder.rglob(pattern)}
    return content_hash({path.relative_to(folder).as_posix(): file_hash(path) for path in files})
