"""A program that is started, asked and read as vLLM's and llama.cpp's servers are; run by `engine_program` below.

Its tokens are those of the model in the folder, through transformers, or of tests.fake_model, which needs no time to load.
Flaws are named in the variable FLAW.
"""

import json
import os
import stat
import sys
import threading
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


class Handler(BaseHTTPRequestHandler):
    """What both programs do when they are asked."""

    protocol_version = "HTTP/1.1"
    is_vllm: bool
    # Replies to GET by path.
    pages: dict[str, dict[str, Any]]
    tokens: FakeTokens | LoadedTokens
    rows = 0
    dying = threading.Lock()

    def do_GET(self) -> None:
        """What the server says of itself."""
        assert self.path == "/health" or self._has_key()
        self._send(self.pages[self.path])

    def do_POST(self) -> None:
        """A completion."""
        assert self._has_key()
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = {LLAMA_NAMES.get(key, key): value for key, value in told.items()}
        is_row = told["max_tokens"] > PROBE_TOKENS
        Handler.rows += is_row
        if FLAW == "dies" and Handler.rows > 3:
            # Requests are answered in threads, of which one alone speaks: it lets nobody in again.
            Handler.dying.acquire()
            print("out of memory", flush=True)
            os._exit(9)
        if FLAW == "hangs" and is_row:
            time.sleep(600)
        ids, ended = self.tokens.after(told["prompt"], told)
        if FLAW == "early" and is_row:
            ids, ended = ids[:3], "length"
        shown = None if FLAW == "textual" else ids
        if self.is_vllm:
            reason, by = ("length" if ended == "length" else "stop"), (told["stop"][0] if ended == "stop" else None)
            self._send({"choices": [{"token_ids": shown, "finish_reason": reason, "stop_reason": by, "text": "other"}]})
        else:
            self._send({"tokens": shown, "stop_type": {"end": "eos", "stop": "word", "length": "limit"}[ended]})

    def _has_key(self) -> bool:
        key = os.environ["VLLM_API_KEY" if self.is_vllm else "LLAMA_API_KEY"]
        return self.headers["Authorization"] == f"Bearer {key}"

    def _send(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing: what the program prints is what tests look for."""


def main() -> None:
    """Serves until it is ended."""
    if FLAW == "broken":
        sys.exit("error: no room for the weights")
    is_vllm = sys.argv[1] == "serve"
    files, name = (sys.argv[2], option("--served-model-name")) if is_vllm else (option("--model"), option("--alias"))
    context = int(option("--max-model-len")) if is_vllm else int(option("--ctx-size")) // int(option("--parallel"))
    served = "another" if FLAW == "another" else name
    settings = {"n_ctx": context}
    props = {"model_alias": served, "model_path": files, "default_generation_settings": settings, "build_info": VERSION}
    Handler.is_vllm = is_vllm
    Handler.tokens = LoadedTokens(files) if os.environ.get("LOADS") else FakeTokens()
    Handler.pages = {
        "/health": {},
        "/version": {"version": VERSION},
        "/v1/models": {"data": [{"id": served, "root": files, "max_model_len": context}]},
        "/props": props,
    }
    ThreadingHTTPServer.request_queue_size = 256
    with Path(os.environ["PIDS"]).open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    print(f"serving {files}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(option("--port"))), Handler).serve_forever()


if __name__ == "__main__":
    main()
