"""What a server says of itself and of a model that it has: which software it is, and how long the model's context is.

Nothing depends on an answer: a server that does not say is one of which nothing is known. It is asked when it has answered
before, and not for long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from urial.api.client import ApiClient, NoReplyError, StatusError
from urial.records.model import Limits, Software

# How each names itself as the owner of its models.
_OWNERS: dict[str, Software] = {"vllm": "vllm", "llamacpp": "llama.cpp", "sglang": "sglang"}
# What servers call the context of a model in their list: vLLM and SGLang; OpenRouter and Together; Groq; Mistral.
_CONTEXTS = ("max_model_len", "context_length", "context_window", "max_context_length")
# A server that answers does so at once.
_SECONDS = 10.0


@dataclass(frozen=True)
class ServedModel:
    """What a server says; None: it does not."""

    software: Software | None = None
    # The longest prompt and answer together, in tokens.
    context_window: int | None = None

    @property
    def names_stop_strings(self) -> bool:
        """Whether an answer that ended by itself and names no stop string ended with an end token."""
        return self.software == "vllm"

    def __str__(self) -> str:
        parts: list[str] = [self.software] if self.software else []
        parts += [f"a context of {self.context_window:,} tokens"] if self.context_window else []
        return ", ".join(parts)


class _Reference(Protocol):
    """A model on a server, of a study or a judge."""

    @property
    def server(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def key_variable(self) -> str: ...
    @property
    def limits(self) -> Limits: ...


def read_served_model(reference: _Reference) -> ServedModel:
    """What the server of a model says. Raises UrialError for what is no address or no key."""
    limits = reference.limits
    quick = limits.model_copy(
        update={"retries": 1, "timeout_seconds": min(_SECONDS, limits.timeout_seconds), "total_seconds": 2 * _SECONDS}
    )
    client = ApiClient(reference.server, reference.key_variable, quick)
    entry = _entry(_said(client, "/models"), reference.model)
    owner = entry.get("owned_by")
    software = _OWNERS.get(owner) if isinstance(owner, str) else None
    contexts = [entry.get(name) for name in _CONTEXTS]
    if software == "llama.cpp":
        # What the model was trained with is in the list; what a request gets is told beside the protocol's own paths.
        beside = ApiClient(client.address.removesuffix("/v1"), reference.key_variable, quick)
        settings = _said(beside, "/props").get("default_generation_settings")
        contexts = [settings.get("n_ctx")] if isinstance(settings, dict) else []
    return ServedModel(software, next(filter(_is_length, contexts), None))  # type: ignore[arg-type]


def _said(client: ApiClient, path: str) -> Mapping[str, JsonValue]:
    try:
        return client.get(path, is_needed=False)
    except (StatusError, NoReplyError):
        return {}


def _entry(listed: Mapping[str, JsonValue], model: str) -> Mapping[str, JsonValue]:
    """The model in a server's list; a server of one model may call it otherwise."""
    data = listed.get("data")
    entries = [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
    named = [entry for entry in entries if entry.get("id") == model]
    return next(iter(named or (entries if len(entries) == 1 else [])), {})


def _is_length(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
