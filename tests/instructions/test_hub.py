"""Sets of the hub, through the real clients: the hub is a server on this machine, since tests have no network."""

import json
from typing import Any

import pytest

from tests.conftest import run_python
from tests.instruction_files import named
from tests.small_hub import COMMIT, small_hub
from urial.instructions.sets import HUB_FIX

ALPACA = [{"dataset": "koala", "instruction": "Why?", "output": "So.", "generator": "davinci"}]
PROMPTS = [
    {"prompt_id": 81, "category": "writing", "prompt": ["Write.", "Rhyme."], "reference": []},
    {"prompt_id": 101, "category": "math", "prompt": ["2 + 2?", "And 3?"], "reference": ["4", "7"]},
]
LIMA = [{"conversations": ["How?"], "source": "stackexchange"}]
JUST_EVAL = {
    "id": 7, "instruction": "Why?", "source_id": "alpaca_eval-7", "dataset": "koala", "category": "regular",
    "task": ["info-seek"], "topic": ["stem"], "difficulty": "easy",
}  # fmt: skip
# A loading script, as some published sets have: running it would leave a file behind.
SCRIPT = b"import pathlib\npathlib.Path('code-of-the-data-set-ran').touch()\n"


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode("utf-8")


# The sets of params.yaml under their own ids, and some that are wrong.
HUB = {
    "re-align/just-eval-instruct": {"README.md": b"# Just-Eval\n", "test.jsonl": lines([JUST_EVAL])},
    "tatsu-lab/alpaca_eval": {"alpaca_eval.json": json.dumps(ALPACA).encode(), "alpaca_eval.py": SCRIPT},
    "HuggingFaceH4/mt_bench_prompts": {"data/train.jsonl": lines(PROMPTS)},
    "GAIR/lima": {"train.jsonl": lines(LIMA * 2), "test.jsonl": lines(LIMA), "lima.py": SCRIPT},
    "o/table": {
        "data/train.csv": b"question,answer,n\nWhy?,So.,1\n",
        "data/validation.csv": b"question,answer,n\nHow?,,2\n",
    },
    "o/wrong": {"data/train.jsonl": lines([{**PROMPTS[0], "prompt": ["Write.", ""]}]), "x.json": b"[{]"},
    "o/gated": {},
}  # fmt: skip

# Plans and loads sets as the stages plan and instructions do; prints for each what was read, or the refusal.
PROGRAM = """
import json, sys
from pathlib import Path
from tests.plan.test_planning import PROMPTS, params_with
from urial.core.errors import UrialError
from urial.instructions.sets import load_instructions
from urial.plan.planning import make_plans

def outcome(name, entry):
    changes = [("run/instructions", name)] + ([(f"instruction_sets/{name}", entry)] if entry else [])
    try:
        plan = make_plans(params_with(*changes), PROMPTS).instructions
        rows = load_instructions(plan)
    except UrialError as error:
        return str(error)
    return [plan.set.revision, *(row.model_dump(mode="json", exclude_defaults=True) for row in rows)]

print(json.dumps({name: outcome(name, entry) for name, entry in json.loads(sys.argv[1]).items()}))
"""
CASES: dict[str, dict[str, Any] | None] = {
    "just-eval": None,
    "alpaca-eval": None,
    "mt-bench": None,
    "lima": None,
    "table": {"kind": "table", "source": "o/table", "columns": {"query": "question", "reference": "answer"}},
    "split": {"kind": "table", "source": "o/table", "split": "validation", "columns": {"query": "question"}},
    "file": {"kind": "table", "source": "o/table", "file": "data/validation.csv", "columns": {"query": "question"}},
    "pinned": {"kind": "mt-bench", "source": "HuggingFaceH4/mt_bench_prompts", "revision": COMMIT},
    "columns": {"kind": "table", "source": "o/table", "columns": {"query": "questions"}},
    "no-split": {"kind": "table", "source": "o/table", "split": "dev"},
    "no-config": {"kind": "table", "source": "o/table", "config": "hard"},
    "no-file": {"kind": "lima", "source": "GAIR/lima", "file": "dev.jsonl"},
    "script": {"kind": "lima", "source": "GAIR/lima"},
    "gated": {"kind": "lima", "source": "o/gated"},
    "unknown": {"kind": "lima", "source": "o/none"},
    "no-revision": {"kind": "lima", "source": "GAIR/lima", "revision": "v2"},
    "wrong-row": {"kind": "mt-bench", "source": "o/wrong"},
    "wrong-file": {"kind": "mt-bench", "source": "o/wrong", "file": "x.json"},
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("hub")
    with small_hub(HUB) as address:
        environment = {
            "HF_ENDPOINT": address, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "HF_TOKEN": "",
        }  # fmt: skip
        done = run_python(PROGRAM, json.dumps(CASES), cwd=folder, **environment)
    assert done.returncode == 0, done.stderr
    assert not (folder / "code-of-the-data-set-ran").exists()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {name: value.replace(address, "HUB") if isinstance(value, str) else value for name, value in found.items()}


def instruction(kind: str, *turns: str, **fields: Any) -> dict[str, Any]:
    return {"id": named(kind, *turns), "turns": list(turns), "category": "regular", **fields}


READ = {
    "just-eval": [
        instruction("just-eval", "Why?", task=["info-seek"], topic=["stem"], difficulty="easy", source="koala")
    ],
    "alpaca-eval": [instruction("alpaca-eval", "Why?", source="koala")],
    "mt-bench": [
        instruction("mt-bench", "Write.", "Rhyme.", task=["writing"], source="mt-bench"),
        instruction("mt-bench", "2 + 2?", "And 3?", task=["math"], reference="4\n\n7", source="mt-bench"),
    ],
    "lima": [instruction("lima", "How?", source="stackexchange")],
    "table": [instruction("table", "Why?", reference="So.", source="table")],
    "split": [instruction("split", "How?", source="split")],
    "file": [instruction("file", "How?", source="file")],
}


@pytest.mark.parametrize("name", READ)
def test_a_hub_set_is_planned_at_its_commit_and_read(outcomes: dict[str, Any], name: str) -> None:
    assert outcomes[name] == [COMMIT, *READ[name]]


def test_a_pinned_set_is_the_same(outcomes: dict[str, Any]) -> None:
    assert outcomes["pinned"] == outcomes["mt-bench"]


LOADING = (
    "\n  fix: name a split and a configuration that it has, or one of its data files as instruction_sets.NAME.file; "
    f"else {HUB_FIX}"
)
FINDING = f"\n  fix: {HUB_FIX}; a full commit as instruction_sets.NAME.revision needs no network here"
# (case, beginning, what the clients say in some words of theirs, end)
REFUSED = [
    ("columns", f"o/table@{COMMIT}: no column 'questions'\n  expected: the column that columns.query names\n",
     "", "  fix: did you mean 'question'?"),
    ("no-split", f"data set o/table@{COMMIT}, split dev: cannot be loaded: ", "['train', 'validation']", LOADING),
    ("no-config", f"data set o/table@{COMMIT}, split train: cannot be loaded: ", "'hard' not found", LOADING),
    ("no-file", f"data set GAIR/lima@{COMMIT}: dev.jsonl cannot be fetched: 404 ", "Entry Not Found", f"\n  fix: {HUB_FIX}"),
    ("script", f"data set GAIR/lima@{COMMIT}, split test: cannot be loaded: ", "scripts are no longer supported", LOADING),
    ("gated", "data set o/gated cannot be found: 403 ", "gated repo", FINDING),
    ("unknown", "data set o/none cannot be found: 404 ", "Repository Not Found", FINDING),
    ("no-revision", "data set GAIR/lima cannot be found: 404 ", "Revision Not Found", FINDING),
    ("wrong-row", f"o/wrong@{COMMIT}, row 0: field 'prompt.1': string should have at least 1 character, got ''", "",
     "\n  expected: a row with prompt_id, category, prompt"),
    ("wrong-file", f"o/wrong@{COMMIT}/x.json, line 1: not valid JSON at character 3: Expecting property name", "",
     " enclosed in double quotes\n  expected: a JSON array of objects"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "start", "said", "end"), REFUSED)
def test_a_hub_set_that_cannot_be_read_says_which_and_why(
    outcomes: dict[str, Any], name: str, start: str, said: str, end: str
) -> None:
    message = outcomes[name]
    assert message.startswith(start)
    assert message.endswith(end)
    assert said in message[len(start) : len(message) - len(end)]


def test_every_case_is_checked(outcomes: dict[str, Any]) -> None:
    assert {*READ, "pinned", *(name for name, *_ in REFUSED)} == set(outcomes)
