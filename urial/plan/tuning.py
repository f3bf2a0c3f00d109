"""What a tuned model is planned from: the pairs that are learned, and the layout of its chats, both whole."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.core.store import read_jsonl, read_object
from urial.models.hub import SMALL_FILES, download
from urial.prompts.versions.dialects import DIALECTS, FENCE
from urial.prompts.versions.library import load_prompt, resolve_prompt_name
from urial.records.model import (
    FolderModel,
    FolderWeights,
    GgufModel,
    HubModel,
    Loading,
    PlannedHub,
    PlannedModel,
    ServerReference,
    TunedModel,
)
from urial.records.params.file import MicroworldStudy, Study
from urial.records.plans import PlannedTuned
from urial.records.prompt import Example, Prompt
from urial.records.tuning import FileData, PoolData, PromptData, TuningData

POOLS = "pools"
# The plan has all pairs in it, so that a run keeps what its model was tuned on.
MOST_PAIRS = 100_000
_LONGEST_RUN = 300


def plan_tuned(study: Study, name: str, prompts_dir: Path) -> PlannedTuned | None:
    """The tuned model of a study; None where it has none. Raises UrialError for data, a layout or a base that cannot be used.

    ``name`` is the study's in messages.
    """
    reference = study.aligned
    if not isinstance(reference, TunedModel):
        return None
    field = f"{name}.aligned.tuned"
    loading = Loading() if isinstance(study, MicroworldStudy) else study.loading
    if not isinstance(study, MicroworldStudy):
        _require_base(study.base, loading, field)
    try:
        pairs = _pairs(reference.tuned.data, study.prompts, prompts_dir)
        template = chat_template(_layout(reference.tuned.template, study.prompts, prompts_dir))
    except UrialError as error:
        if error.path is not None:  # It names a file, and where in it, which says more.
            raise
        raise error.about(field) from error
    return PlannedTuned(
        tuned=reference.tuned,
        pairs=pairs,
        data_hash=content_hash([pair.model_dump(mode="json") for pair in pairs]),
        chat_template=template,
        loading=loading,
    )


def chat_template(prompt: Prompt) -> str:
    """The Jinja template that lays a conversation out as a zero-shot prompt version lays out its turns, to the byte.

    It begins without the token that some models begin with, and writes no special token.
    """
    dialect = DIALECTS[prompt.dialect]

    def text(layout: str) -> str:
        return json.dumps(layout) + (" | replace('" + FENCE + "', '`' * ns.fence)" if FENCE in layout else "")

    query = "message['content']" + (r" | trim('\r\n')" if dialect.trims_query else "")
    fence = (
        f"{{%- for message in messages -%}}{{%- for n in range({prompt.fence}, {_LONGEST_RUN}) if '`' * n in message['content'] -%}}"
        "{%- set ns.fence = [ns.fence, n + 1] | max -%}{%- endfor -%}{%- endfor -%}\n"
        if dialect.fenced
        else ""
    )
    opened, first = text(dialect.before_query), text(dialect.before_query.lstrip("\n"))
    return (
        f"{{%- set ns = namespace(fence={prompt.fence}, begun=false) -%}}\n{fence}"
        "{%- for message in messages -%}\n"
        "{%- if message['role'] == 'system' -%}"
        f"{{{{ {text(dialect.before_system)} }}}}{{{{ message['content'] }}}}{{{{ {text(dialect.after_system)} }}}}\n"
        "{%- elif message['role'] == 'assistant' -%}"
        f"{{{{ {text(dialect.before_answer)} }}}}{{{{ message['content'] }}}}{{{{ {text(dialect.after_answer)} }}}}\n"
        "{%- elif ns.begun -%}"
        f"{{{{ {opened} }}}}{{{{ {query} }}}}{{{{ {text(dialect.after_query)} }}}}\n"
        "{%- else -%}"
        f"{{{{ {first} }}}}{{{{ {query} }}}}{{{{ {text(dialect.after_query)} }}}}\n"
        "{%- endif -%}\n"
        "{%- set ns.begun = true -%}\n"
        "{%- endfor -%}\n"
        f"{{%- if add_generation_prompt -%}}{{{{ {text(dialect.before_answer)} }}}}{{%- endif -%}}"
    )


def _require_base(base: HubModel | FolderModel | GgufModel | ServerReference, loading: Loading, field: str) -> None:
    """Raises UrialError for a base model whose weights are not here, or are to be packed."""
    if isinstance(base, ServerReference):
        raise UrialError(
            f"{field}: the base model is on a server, and its weights cannot be tuned here",
            where="params.yaml",
            fix="name the base model by its hub id or its files",
        )
    if loading.quantization is not None:
        raise UrialError(
            f"{field}: loading.quantization packs the base model, and packed weights cannot be tuned",
            where="params.yaml",
            fix="set loading.quantization to null; a GGUF file can be tuned, since it is unpacked",
        )


def require_tunable(base: PlannedModel, loading: Loading, field: str) -> None:
    """Raises UrialError where the configuration of the base model says that it is packed, or runs its author's code."""
    match base:
        case FolderWeights():
            folder = base.path
        case PlannedHub(gguf_file=None):
            folder = download(base, SMALL_FILES)
        case _:  # A GGUF file is unpacked.
            return
    path = folder / "config.json"
    config = read_object(path)
    # That of a language model can be a part of another one's.
    parts = (config, *(part for part in config.values() if isinstance(part, dict)))
    if any(part.get("quantization_config") is not None for part in parts):
        raise UrialError(
            f"{field}: packed weights cannot be tuned", path=path, fix="name the model that the packed one was made of"
        )
    if "auto_map" in config and (loading.trust_remote_code or not _is_of_transformers(config)):
        raise UrialError(
            f"{field}: a model that brings its own code cannot be tuned",
            path=path,
            fix="set loading.trust_remote_code to false"
            if _is_of_transformers(config)
            else "name a model of an architecture of transformers",
        )


def _is_of_transformers(config: Mapping[str, object]) -> bool:
    """Whether transformers has the architecture: many models name code of their own, too, from before it had."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return str(config.get("model_type")) in CONFIG_MAPPING_NAMES


def _pairs(data: TuningData, collection: str, prompts_dir: Path) -> tuple[Example, ...]:
    match data:
        case PromptData():
            return _of_prompt(data.prompt, collection, prompts_dir)
        case PoolData():
            folder = prompts_dir / POOLS
            return _of_file(folder / f"{data.pool}.jsonl", sorted(path.stem for path in folder.glob("*.jsonl")))
        case FileData():
            return _of_file(Path(os.path.expanduser(data.file)))


def _of_prompt(name: str, collection: str, prompts_dir: Path) -> tuple[Example, ...]:
    full = resolve_prompt_name(name, collection, prompts_dir)
    prompt = load_prompt(full, prompts_dir)
    if not prompt.examples:
        what = "chooses its examples for each instruction" if prompt.retrieval else "has no examples"
        raise UrialError(
            f"data.prompt: {full} {what}: there is nothing to be tuned on",
            where="params.yaml",
            fix="name a prompt version with examples of its own"
            + (f", or its pool: {{pool: {Path(prompt.retrieval.pool).stem}}}" if prompt.retrieval else ""),
        )
    return prompt.examples


def _of_file(path: Path, known: Sequence[str] = ()) -> tuple[Example, ...]:
    if not os.path.isfile(path):
        raise UrialError(
            f"data: no file {path}",
            where="params.yaml",
            fix=f"name one of these pools: {', '.join(known)}" if known else "correct the path",
        )
    rows = read_jsonl(path, Example)
    if not rows:
        raise UrialError("has no rows", path=path, expected="a JSON object a line, with query and answer")
    if len(rows) > MOST_PAIRS:
        raise UrialError(
            f"has {len(rows):,} rows",
            path=path,
            expected=f"at most {MOST_PAIRS:,}, since the plan has all of them in it",
            fix="tune on fewer of them; of more, tune elsewhere, and name the model as {folder: PATH}",
        )
    first: dict[tuple[str, str], int] = {}
    for line, row in enumerate(rows, start=1):
        before = first.setdefault((row.query, row.answer), line)
        if before != line:
            raise UrialError(
                f"is line {before} again: {shorten(row.query)}",
                path=path,
                line=line,
                fix="remove one of them; tuned.epochs says how often each is learned",
            )
    return tuple(rows)


def _layout(name: str, collection: str, prompts_dir: Path) -> Prompt:
    full = resolve_prompt_name(name, collection, prompts_dir)
    prompt = load_prompt(full, prompts_dir)
    if prompt.method != "zero-shot" or prompt.layout is not None:
        raise UrialError(
            f"template: {full} is no zero-shot prompt version",
            where="params.yaml",
            expected="a layout of query and answer alone: what a tuned model knows is in its weights",
            fix="name a zero-shot version, such as general/zero-shot",
        )
    return prompt
