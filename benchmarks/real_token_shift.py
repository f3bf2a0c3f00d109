"""Compare how the token shift of a real model is measured: by this project, by an earlier commit, and by vLLM.

The first 100 tokens of 16 published answers after general/urial-k3, ranked by one base model in float32, on a processor.
This project and the commit before measure the divergences over the whole vocabulary as well, from the same model after the
zero-shot prompt; vLLM tells log-probabilities and ranks of the base model alone, for all requests at once, with its prefix
cache, after as many requests of other texts. Every way is a process of its own. Fails unless this project's time is at most
half of the time before and below vLLM's, its peak memory above the model within its budget, and the ranks are the same.

python -m benchmarks.real_token_shift --model FOLDER --answers JSON --vllm PYTHON --before CHECKOUT
"""

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.real_decoding import run, vllm_server
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render

PROMPTS = ("general/urial-k3", "general/zero-shot")
ROWS = 16
TOKENS = 100
TOP_K = 5
# Programs get {folder, base, aligned, ids, threads, memory_mib, top_k} as JSON, and print {seconds, peak_mib, base_rank, kl}.
MEASURED = """
import json, sys, tempfile, time
from pathlib import Path
given = json.load(sys.stdin)
def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":"))
def measured(measure, rows):
    measure(rows[:2])
    Path("/proc/self/clear_refs").write_text("5")
    before, started = memory("VmRSS"), time.perf_counter()
    found = measure(rows)
    seconds, peak = time.perf_counter() - started, memory("VmHWM") - before
    print(json.dumps({"seconds": seconds, "peak_mib": peak, **found}))
def rows_of(answer, row):
    prompts = zip(given["base"], given["aligned"], given["ids"], strict=True)
    return [answer(row(base, ids), row(aligned, ids)) for base, aligned, ids in prompts]
folder = Path(tempfile.mkdtemp())
"""
OURS = f"""{MEASURED}
from urial.core.store import write_json
from urial.local_models.decoding.prepared import prepared_model
from urial.local_models.loading.loading import file_hashes
from urial.records.model import FolderWeights, Loading, ModelManifest
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import LocalModel, PairedTeacherForced, PairMeasurement
from urial.token_shift.measure.states import TeacherForced, bytes_per_token
files = file_hashes(Path(given["folder"]))
manifest = ModelManifest(role="base", source=FolderWeights(folder=given["folder"], files=files, loading=Loading()))
write_json(folder / "manifest.json", manifest)
model = prepared_model(folder, given["threads"])
local = LocalModel(lambda: model, bytes_per_token(model.config.get_text_config(), 4), None)
def measure(rows):
    found = dict(PairMeasurement((local, local), rows, Settings(given["top_k"], given["memory_mib"])).columns())
    return {{name: [found[row][name].tolist() for row in range(len(rows))] for name in ("base_rank", "kl")}}
measured(measure, rows_of(PairedTeacherForced, TeacherForced))
"""
BEFORE = f"""{MEASURED}
from urial.engines.loading import file_hashes, load_model
from urial.records import Loading, ModelManifest
from urial.store import write_json
from urial.token_shift.chunks import Settings
from urial.token_shift.measure import ForcedAnswer, PairMeter
from urial.token_shift.states import Forced
files = file_hashes(Path(given["folder"]))
manifest = ModelManifest(role="base", id=given["folder"], revision=None, files=files, loading=Loading(), embedded=False)
write_json(folder / "manifest.json", manifest)
model = load_model(folder, given["threads"])
def measure(rows):
    meter = PairMeter(lambda: model, lambda: model, Settings(given["top_k"], given["memory_mib"]))
    found = dict(meter.measure(rows))
    answers = [found[row] for row in range(len(rows))]
    return {{"base_rank": [one.base.rank.tolist() for one in answers], "kl": [one.kl.tolist() for one in answers]}}
measured(measure, rows_of(ForcedAnswer, Forced))
"""


def by_vllm(address: str, prompts: Sequence[list[int]], answers: Sequence[list[int]]) -> tuple[float, list[list[int]]]:
    """Seconds, and the rank of each answer token, from 1."""

    def ranks(ids: list[int], emitted: list[int]) -> list[int]:
        body = {
            "model": "model",
            "prompt": [*ids, *emitted],
            "max_tokens": 1,
            "temperature": 0,
            "prompt_logprobs": TOP_K,
        }
        reply = httpx2.post(f"{address}/v1/completions", json=body, timeout=3_600, trust_env=False)
        told = reply.raise_for_status().json()["choices"][0]["prompt_logprobs"][len(ids) :]
        return [entry[str(token)]["rank"] for token, entry in zip(emitted, told, strict=True)]

    with ThreadPoolExecutor(len(prompts)) as pool:
        started = time.perf_counter()
        found = list(pool.map(ranks, prompts, answers))
        return time.perf_counter() - started, found


def token_ids(folder: Path, path: Path) -> dict[str, list[list[int]]]:
    """Prompts of both contexts and answers, of the first rows whose answers are long enough."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    base, aligned = map(load_prompt, PROMPTS)
    found: dict[str, list[list[int]]] = {"base": [], "aligned": [], "ids": []}
    for row in json.loads(path.read_text(encoding="utf-8")):
        ids = tokenizer(row["output"], add_special_tokens=False)["input_ids"][:TOKENS]
        if len(ids) == TOKENS and len(found["ids"]) < ROWS:
            found["ids"].append(ids)
            found["base"].append(tokenizer(render(base, row["instruction"]).text)["input_ids"])
            found["aligned"].append(tokenizer(render(aligned, row["instruction"]).text)["input_ids"])
    return found


def compare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each way, peak memory in MiB, and whether the bounds hold."""
    texts = token_ids(folder, options.answers)
    given = {
        "folder": str(folder),
        **texts,
        "threads": options.threads,
        "memory_mib": options.memory_mib,
        "top_k": TOP_K,
    }
    ours = run(OURS, given)
    seconds, memory, ranks = {"ours": ours["seconds"]}, {"ours": ours["peak_mib"]}, ours["base_rank"]
    equal = {}
    if options.before:
        before = run(BEFORE, given, options.before.resolve())
        seconds["before"], memory["before"] = before["seconds"], before["peak_mib"]
        equal["before"] = _share_equal(ranks, before["base_rank"])
    if options.vllm:
        with vllm_server(options.vllm, folder) as address:
            by_vllm(address, [ids[::-1] for ids in texts["base"]], texts["ids"])
            seconds["vLLM"], told = by_vllm(address, texts["base"], texts["ids"])
        equal["vLLM"] = _share_equal(ranks, told)
    holds = (
        seconds["ours"] <= 0.5 * seconds.get("before", float("inf"))
        and seconds["ours"] < seconds.get("vLLM", float("inf"))
        and memory["ours"] <= options.memory_mib
    )
    return {"model": folder.name, "seconds": seconds, "peak_mib": memory, "equal_ranks": equal, "holds": holds}


def _share_equal(ranks: list[list[int]], others: list[list[int]]) -> float:
    pairs = [pair for row, other in zip(ranks, others, strict=True) for pair in zip(row, other, strict=True)]
    return sum(rank == other for rank, other in pairs) / len(pairs)


def main() -> int:
    """Exit status: 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[], help="transformers folder; may be repeated")
    parser.add_argument("--answers", type=Path, help="published answers: a JSON list of {instruction, output}")
    parser.add_argument("--vllm", type=Path, help="python of an environment with vLLM")
    parser.add_argument("--before", type=Path, help="checkout of 5b8316b")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-mib", type=int, default=256)
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args()
    if not options.model or options.answers is None:
        print("not run: needs --model FOLDER of a real model, and --answers")
        return 0
    figures = []
    for folder in options.model:
        figures.append(found := compare(folder.resolve(), options))
        print(
            f"{folder.name}, {ROWS} answers of {TOKENS} tokens" + ("" if found["holds"] else ": A BOUND DOES NOT HOLD")
        )
        for way, value in found["seconds"].items():
            same = f", {found['equal_ranks'][way]:.2%} of the ranks equal" if way in found["equal_ranks"] else ""
            peak = f", {found['peak_mib'][way]:.0f} MiB above the model" if way in found["peak_mib"] else ""
            print(f"  {way:8}{value:8.2f} s{value / found['seconds']['ours']:8.2f} x ours{same}{peak}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if all(found["holds"] for found in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
