"""Compare how real models are decoded: by this project, by vLLM, by transformers' padded batch, and by an earlier commit.

16 instructions of Just-Eval-Instruct under general/urial-k3, greedy, in float32, on a processor. Each way is a process of
its own; each decodes once for two tokens, and is then timed. vLLM gets all requests at once, with its prefix cache, after
as many requests of other texts. Fails unless this project's tokens are those of one row at a time, its time is at most 1.3
times vLLM's, and it is below the padded batch.

python -m benchmarks.real_decoding --model FOLDER --instructions JSONL --vllm PYTHON --before CHECKOUT
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from urial.api.managed_server import serving
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render

PROMPT = "general/urial-k3"
ROWS = 16
NEW_TOKENS = (32, 64)
MOST_OF_VLLM = 1.3
# Programs get {folder, texts, new_tokens, threads, batch_size} as JSON, and print {seconds, ids}.
TIMED = """
import json, sys, time
import torch
given = json.load(sys.stdin)
torch.set_num_threads(given["threads"])
def timed(decode):
    decode(2)
    started = time.perf_counter()
    ids = decode(given["new_tokens"])
    print(json.dumps({"seconds": time.perf_counter() - started, "ids": ids}))
"""
ENGINE = """
folder = Path(tempfile.mkdtemp())
write_json(folder / "manifest.json", manifest)
engine = TransformersEngine(folder, given["threads"], given["batch_size"])
engine.end_ids = frozenset()
requests = [Request(text, True, (), 0) for text in given["texts"]]
def decode(tokens):
    how = Decoding(max_new_tokens=tokens, temperature=0, top_p=1, repetition_penalty=1, seed=0)
    answers = dict(engine.complete(requests, range(len(requests)), how))
    return [list(answers[index].token_ids) for index in range(len(requests))]
timed(decode)
"""
OURS = f"""{TIMED}
import tempfile
from pathlib import Path
from urial.core.store import write_json
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.loading.loading import file_hashes
from urial.records.model import FolderWeights, Loading, ModelManifest
from urial.records.params.file import Decoding
files = file_hashes(Path(given["folder"]))
manifest = ModelManifest(role="base", source=FolderWeights(folder=given["folder"], files=files, loading=Loading()))
{ENGINE}"""
# As the project was before rows of every architecture shared a prefix.
BEFORE = f"""{TIMED}
import tempfile
from pathlib import Path
from urial.engines import Request
from urial.engines.hf import TransformersEngine
from urial.engines.loading import file_hashes
from urial.params import Decoding
from urial.records import Loading, ModelManifest
from urial.store import write_json
files = file_hashes(Path(given["folder"]))
manifest = ModelManifest(role="base", id=given["folder"], revision=None, files=files, loading=Loading(), embedded=False)
{ENGINE}"""
PADDED = f"""{TIMED}
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(given["folder"], padding_side="left")
model = AutoModelForCausalLM.from_pretrained(given["folder"], dtype=torch.float32).eval()
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
batch = tokenizer(given["texts"], return_tensors="pt", padding=True)
def decode(tokens):
    with torch.inference_mode():
        output = model.generate(**batch, do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens)
    return output[:, batch["input_ids"].shape[1]:].tolist()
timed(decode)
"""


def run(program: str, given: dict[str, Any], checkout: Path | None = None) -> dict[str, Any]:
    """What a program prints as the last line, which is JSON."""
    environment = {**os.environ, "PYTHONPATH": str(checkout or Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, env=environment, input=json.dumps(given), text=True,
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def vllm_server(python: Path, folder: Path) -> Iterator[str]:
    """The address of a vLLM that serves the folder."""

    def command(port: int) -> list[str]:
        return [
            str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder), "--served-model-name", "model",
            "--dtype", "float32", "--max-model-len", "2048", "--enable-prefix-caching", "--generation-config", "vllm",
            "--host", "127.0.0.1", "--port", str(port),
        ]  # fmt: skip

    # By default vLLM leaves one processor to its front end, half of a machine with two.
    processors = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    environment = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_CPU_OMP_THREADS_BIND": processors,
        "VLLM_NO_USAGE_STATS": "1",
    }
    with tempfile.TemporaryDirectory() as logs, serving("vLLM", command, Path(logs, "log"), environment) as server:
        yield server.address


def by_vllm(address: str, texts: Sequence[str], new_tokens: int) -> tuple[float, list[str]]:
    """Seconds, and the texts of all answers."""

    def answer(text: str) -> str:
        body = {"model": "model", "prompt": text, "max_tokens": new_tokens, "temperature": 0, "ignore_eos": True}
        reply = httpx2.post(f"{address}/v1/completions", json=body, timeout=3_600, trust_env=False)
        return str(reply.raise_for_status().json()["choices"][0]["text"])

    with ThreadPoolExecutor(len(texts)) as pool:
        started = time.perf_counter()
        answers = list(pool.map(answer, texts))
        return time.perf_counter() - started, answers


def main() -> int:
    """Exit status: 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[], help="transformers folder; may be repeated")
    parser.add_argument("--instructions", type=Path, help="JSON lines of Just-Eval-Instruct")
    parser.add_argument("--vllm", type=Path, help="python of an environment with vLLM")
    parser.add_argument("--before", type=Path, help="checkout of 5b8316b")
    parser.add_argument("--tokens", type=int, action="append", help=f"new tokens a row; by default {NEW_TOKENS}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args()
    if not options.model or options.instructions is None:
        print("not run: needs --model FOLDER of a real model, and --instructions")
        return 0
    lines = options.instructions.read_text(encoding="utf-8").splitlines()[:ROWS]
    texts = [render(load_prompt(PROMPT), json.loads(line)["instruction"]).text for line in lines]
    figures = [figure for folder in options.model for figure in compare(folder.resolve(), texts, options)]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if all(figure["holds"] for figure in figures) else 1


def compare(folder: Path, texts: list[str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One dict of seconds for each number of new tokens."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    for new_tokens in options.tokens or NEW_TOKENS:
        given = {"folder": str(folder), "texts": texts, "new_tokens": new_tokens, "threads": options.threads}
        found = {
            "ours": run(OURS, {**given, "batch_size": ROWS}),
            "ours, one row at a time": run(OURS, {**given, "batch_size": 1}),
            "padded batch": run(PADDED, given),
        }
        if options.before:
            found["before"] = run(BEFORE, {**given, "batch_size": ROWS}, options.before.resolve())
        seconds, ids = {way: one["seconds"] for way, one in found.items()}, found["ours"]["ids"]
        equal = {"padded batch": sum(map(list.__eq__, found["padded batch"]["ids"], ids))}
        if options.vllm:
            with vllm_server(options.vllm, folder) as address:
                by_vllm(address, [" ".join(reversed(text.split())) for text in texts], new_tokens)
                seconds["vLLM"], answers = by_vllm(address, texts, new_tokens)
            equal["vLLM"] = sum(
                tokenizer.decode(row, skip_special_tokens=True) == text for row, text in zip(ids, answers, strict=True)
            )
        ours = seconds["ours"]
        holds = (
            ids == found["ours, one row at a time"]["ids"]
            and ours < seconds["padded batch"]
            and ours <= MOST_OF_VLLM * seconds.get("vLLM", ours)
        )
        print(f"{folder.name}, {ROWS} x {new_tokens} tokens" + ("" if holds else ": A BOUND DOES NOT HOLD"))
        for way, value in seconds.items():
            same = f", {equal[way]} of {ROWS} answers equal" if way in equal else ""
            print(f"  {way:24}{value:8.2f} s{value / ours:8.2f} x ours{same}", flush=True)
        yield {"model": folder.name, "new_tokens": new_tokens, "seconds": seconds, "equal": equal, "holds": holds}


if __name__ == "__main__":
    raise SystemExit(main())
