"""A program that is started, asked and read as vLLM's and llama.cpp's servers are; run by `engine_program` below.

Its tokens are those of the model in the folder, through transformers, or of tests.fake_model, which needs no time to load.
Flaws are named in the variable FLAW.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VERSION = "0.0.test"
FLAW = os.environ.get("FLAW", "")
FIRST_WORD = 100
# Requests for more tokens are rows; flaws that are about rows leave probes alone.
PROBE_TOKENS = 16
# What each takes under its own name.
LLAMA_NAMES = {"n_predict": "max_tokens", "repeat_penalty": "repetition_penalty"}


def engine_program(folder: Path, flaw: str = "", *, loads: bool = False) -> str:
    """An executable file; ``loads``: it answers by the folder's model."""
    program = folder / "engine"
    program.write_text(
        f"#!/bin/sh\nFLAW={flaw!r} LOADS={'1' if loads else ''} PIDS={str(folder / 'pids')!r} PYTHONPATH={str(ROOT)!r} "
        f'exec {sys.executable} -m tests.engine_program "$@"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


class FakeTokens:
    """Those of a model of fifty words."""

    def after(self, ids: list[int], told: dict[str, Any]) -> tuple[list[int], str]:
        """The tokens that follow, and why they end."""
        from tests.fake_model import WORDS, FakeModel

        ignored = {"penalty": "repetition_penalty"}.get(FLAW)
        words, _ = FakeModel().words(
            " ".join(map(str, ids)), {k: v for k, v in told.items() if k not in (ignored, "stop")}
        )
        return [FIRST_WORD + WORDS.index(word) for word in words], "length"


class LoadedTokens:
    """Those of a model folder, one after the other as anyone would write it."""

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def after(self, ids: list[int], told: dict[str, Any]) -> tuple[list[int], str]:
        """The tokens that follow, and why they end."""
        emitted: list[int] = []
        for token in self._greedy(ids, told["repetition_penalty"]):
            emitted.append(token)
            if token in (told.get("stop_token_ids") or [self.tokenizer.eos_token_id]):
                return emitted, "end"
            text = self.tokenizer.decode(emitted, skip_special_tokens=True)
            if any(stop in text for stop in told["stop"]):
                return emitted, "stop"
            if len(emitted) == told["max_tokens"]:
                break
        return emitted, "length"

    def _greedy(self, ids: list[int], penalty: float) -> Iterator[int]:
        import torch

        seen = list(ids)
        while True:
            with torch.no_grad():
                logits = self.model(torch.tensor([seen])).logits[0, -1]
            there = logits[list(set(seen))]
            logits[list(set(seen))] = torch.where(there > 0, there / penalty, there * penalty)
            seen.append(int(logits.argmax()))
            yield seen[-1]


def option(name: str) -> str:
    """The value of a command-line option."""
    return sys.argv[sys.argv.index(name) + 1]


def main() -> None:
    """Serves until it is ended."""
    if FLAW == "broken":
        sys.exit("error: no room for the weights")
    is_vllm = sys.argv[1] == "serve"
    files, name = (sys.argv[2], option("--served-model-name")) if is_vllm else (option("--model"), option("--alias"))
    tokens = LoadedTokens(files) if os.environ.get("LOADS") else FakeTokens()
    context = int(option("--max-model-len")) if is_vllm else int(option("--ctx-size")) // int(option("--parallel"))
    served = "another" if FLAW == "another" else name
    answered = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(
                {
                    "/health": {},
                    "/version": {"version": VERSION},
                    "/v1/models": {"data": [{"id": served, "root": files, "max_model_len": context}]},
                    "/props": {
                        "build_info": VERSION, "model_alias": served, "model_path": files,
                        "default_generation_settings": {"n_ctx": context},
                    },
                }[self.path]
            )  # fmt: skip

        def do_POST(self) -> None:
            nonlocal answered
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = {LLAMA_NAMES.get(key, key): value for key, value in told.items()}
            probe = told["max_tokens"] <= PROBE_TOKENS
            answered += not probe
            if FLAW == "dies" and answered > 3:
                print("out of memory", flush=True)
                os._exit(9)
            if FLAW == "hangs" and not probe:
                time.sleep(600)
            ids, ended = tokens.after(told["prompt"], told)
            if FLAW == "early" and not probe:
                ids, ended = ids[:3], "length"
            if FLAW == "textual":
                ids = None  # type: ignore[assignment]
            reason = "length" if ended == "length" else "stop"
            by = told["stop"][0] if ended == "stop" else None
            vllm = {"choices": [{"token_ids": ids, "finish_reason": reason, "stop_reason": by, "text": "ignored"}]}
            llama = {"tokens": ids, "stop_type": {"end": "eos", "stop": "word", "length": "limit"}[ended]}
            self._send(vllm if is_vllm else llama)

        def _send(self, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    ThreadingHTTPServer.request_queue_size = 256
    with Path(os.environ["PIDS"]).open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    print(f"serving {files}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(option("--port"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
