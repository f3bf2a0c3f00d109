"""Logs of harnesses as these write them, with what a test changes. tests/exchange/programs has those that they wrote themselves."""

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from urial.exchange.importers.logs.inspect_files import ZSTANDARD

NAN = float("nan")


def sample(name: str = "q1", **changes: Any) -> dict[str, Any]:
    """A sample of Inspect with one question and one answer."""
    return {
        "id": name,
        "epoch": 1,
        "input": f"What is {name}?",
        "target": "",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": f"What is {name}?"},
            {"role": "assistant", "content": f"It is {name}."},
        ],
        "scores": {"depth": {"value": 3, "explanation": "shallow", "history": []}},
        "metadata": {},
        "attachments": {},
        **changes,
    }


def inspect_json(path: Path, *samples: dict[str, Any]) -> Path:
    """A log in one JSON file."""
    path.write_text(json.dumps({"version": 2, "eval": {"task": "own"}, "samples": list(samples)}), "utf-8")
    return path


def inspect_zip(path: Path, *samples: dict[str, Any], zstd: bool = False) -> Path:
    """A log in a .eval file, packed as older or as newer versions of Inspect do."""
    members = {f"samples/{one['id']}_epoch_{one['epoch']}.json": json.dumps(one).encode() for one in samples}
    members["header.json"] = b"{}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if zstd else zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, bytes(pa.Codec("zstd").compress(data)) if zstd else data)
    if zstd:
        _say_zstd(path, members)
    return path


def _say_zstd(path: Path, members: dict[str, bytes]) -> None:
    """Have the headers of a zip file say what its stored members are: packed, with the size and checksum of what is in them."""
    with zipfile.ZipFile(path) as archive:
        places, directory = {item.filename: item.header_offset for item in archive.infolist()}, archive.start_dir
    data = bytearray(path.read_bytes())
    for name, offset in places.items():
        struct.pack_into("<H", data, offset + 8, ZSTANDARD)
        struct.pack_into("<H", data, directory + 10, ZSTANDARD)
        struct.pack_into("<L", data, directory + 16, zlib.crc32(members[name]))
        struct.pack_into("<L", data, directory + 24, len(members[name]))
        directory += 46 + sum(struct.unpack_from("<HHH", data, directory + 28))
    path.write_bytes(data)


def lm_eval_row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A row of lm-evaluation-harness, of a task that generates text."""
    question = f"What is {number}?"
    return {
        "doc_id": number,
        "doc": {"question": question, "answer": str(number)},
        "target": str(number),
        "arguments": {"gen_args_0": {"arg_0": f"Q: {question}\nA:", "arg_1": {"until": ["\n"], "do_sample": False}}},
        "resps": [[f" It is {number}."]],
        "filtered_resps": [f" It is {number}."],
        "filter": "none",
        "metrics": ["exact_match", "judged"],
        "exact_match": 0.0,
        "judged": 4,
        **changes,
    }


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def helm_state(name: str = "id1", **changes: Any) -> dict[str, Any]:
    """What HELM keeps of one request."""
    return {
        "instance": {"input": {"text": f"What is {name}?"}, "references": [], "split": "test", "id": name},
        "train_trial_index": 0,
        "request": {"model": "m/m", "prompt": f"Q: What is {name}?"},
        "result": {"success": True, "cached": False, "completions": [{"text": f"It is {name}.", "tokens": []}]},
        "num_train_instances": 0,
        "prompt_truncated": False,
        **changes,
    }


def helm_folder(folder: Path, *states: dict[str, Any], scores: dict[str, float] | None = None) -> Path:
    """A folder of HELM's outputs; ``scores`` is the judge's score of each instance."""
    folder.mkdir(exist_ok=True)
    (folder / "scenario_state.json").write_text(
        json.dumps({"adapter_spec": {}, "request_states": list(states)}), "utf-8"
    )
    stats = [
        {
            "instance_id": name,
            "train_trial_index": 0,
            "stats": [{"name": {"name": "judge_score", "split": "test"}, "count": 1, "sum": score, "mean": score}],
        }
        for name, score in (scores or {}).items()
    ]
    (folder / "per_instance_stats.json").write_text(json.dumps(stats), "utf-8")
    return folder
