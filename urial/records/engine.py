"""An inference server that the pipeline starts for a model whose files are on this machine, and ends again."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from urial.core.validation import UNSHOWN
from urial.records.base import Record, Text

EngineName = Literal["vllm", "llama.cpp"]
PROGRAMS: Mapping[str, str] = MappingProxyType({"vllm": "vllm", "llama.cpp": "llama-server"})
# An option of the program without its dashes.
Argument = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=100)]
_PIPELINE = "the pipeline sets it itself"
_DECODING = "every request says how it is decoded, by the section decoding"
_SECRET = "a secret would be written into plans: set it in the environment instead"  # noqa: S105
# Arguments that the pipeline has to set, or that would make an answer another one than its record says.
REFUSED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "vllm": {
            **dict.fromkeys(("model", "served-model-name", "host", "port", "uds", "max-model-len"), _PIPELINE),
            **dict.fromkeys(("tokenizer", "revision", "tokenizer-revision", "config"), "the study's model says it"),
            **dict.fromkeys(("dtype", "trust-remote-code"), "the study's loading says it"),
            **dict.fromkeys(("generation-config", "override-generation-config"), _DECODING),
            **dict.fromkeys(("api-key", "hf-token"), _SECRET),
        },
        "llama.cpp": {
            **dict.fromkeys(("model", "alias", "host", "port", "ctx-size", "parallel", "threads"), _PIPELINE),
            **dict.fromkeys(("hf-repo", "hf-file", "model-url"), "the study's model says it"),
            **dict.fromkeys(("cache-type-k", "cache-type-v"), "the study's loading says it"),
            **dict.fromkeys(("temp", "top-k", "top-p", "min-p", "samplers", "repeat-penalty", "repeat-last-n"), _DECODING),
            **dict.fromkeys(("api-key", "hf-token"), _SECRET),
        },
    }
)  # fmt: skip
# Arguments that say where and how fast, and no more of an answer than the number of threads does.
RESOURCES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "vllm": frozenset(
            [
                "tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size", "distributed-executor-backend",
                "enable-expert-parallel", "gpu-memory-utilization", "kv-cache-memory-bytes", "cpu-offload-gb",
                "swap-space", "max-num-seqs", "max-num-batched-tokens", "max-parallel-loading-workers",
                "enforce-eager", "block-size", "download-dir", "nnodes", "node-rank", "master-addr", "master-port",
                "disable-uvicorn-access-log", "disable-log-stats",
            ]
        ),
        "llama.cpp": frozenset(
            [
                "gpu-layers", "n-gpu-layers", "split-mode", "tensor-split", "main-gpu", "device", "threads-batch",
                "batch-size", "ubatch-size", "no-mmap", "mlock", "numa", "prio", "cpu-moe", "n-cpu-moe", "cache-ram",
                "log-verbosity",
            ]
        ),
    }
)  # fmt: skip


class EngineSettings(Record):
    """How the server is started."""

    kind: EngineName = Field(description="vllm: a folder or hub model; llama.cpp: a GGUF file")
    program: Text | None = Field(
        default=None,
        description="the program, or its path; null: `vllm`, or `llama-server` of llama.cpp, on the PATH; vllm: or the "
        "python of an environment that has it",
    )
    arguments: dict[Argument, JsonValue] = Field(
        default={},
        description="further arguments of the program, without dashes in front, such as tensor-parallel-size: 4; true: "
        "one without a value. Those that say more than where and how fast are part of a row's key",
    )

    @field_validator("arguments")
    @classmethod
    def _only_what_may_be_set(cls, value: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
        refused = REFUSED.get(info.data.get("kind", ""), {})
        for name, given in value.items():
            # Also `--no-NAME`, which sets it as well.
            if reason := refused.get(name.removeprefix("no-")):
                kind = UNSHOWN if reason == _SECRET else "argument"
                words = {"name": name, "reason": reason}
                raise PydanticCustomError(kind, "{name} cannot be set here: {reason}", words)
            if given is None:
                raise ValueError(f"{name} has no value: true is for an argument that needs none")
        return value

    @property
    def command(self) -> str:
        """The program that is started."""
        return os.path.expanduser(self.program or PROGRAMS[self.kind])

    @property
    def identity(self) -> dict[str, Any]:
        """What of it can change an answer."""
        resources = RESOURCES[self.kind]
        return {"kind": self.kind, "arguments": {k: v for k, v in self.arguments.items() if k not in resources}}


def _by_name(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class WithEngine(Record):
    """A model of a study whose answers may come from a server that is started for them."""

    engine: (
        Annotated[EngineSettings, BeforeValidator(_by_name, json_schema_input_type=EngineName | EngineSettings)] | None
    ) = Field(
        default=None,
        description="the server of the model that the stage generate starts, asks and ends: vllm, llama.cpp, or "
        "{kind: ..., program: ..., arguments: ...}; null: the stage computes answers itself",
    )
