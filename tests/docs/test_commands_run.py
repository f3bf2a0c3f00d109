"""Every command in the documentation is run here, page by page in a finished run, or it says below why it is not."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.clones import SYSTEMS, Clone
from tests.conftest import ROOT
from tests.docs.pages import PAGES, Command, commands
from tests.exchange.importers.preference_files import annotation
from tests.exchange.importers.score_files import score_row, write
from tests.instruction_files import write_rows
from tests.judge.files.references import alpaca_files, reference_csv
from tests.provenance.finished import copied
from urial.cli import main
from urial.core.row_cache import RowCache
from urial.core.store import read_jsonl, write_jsonl
from urial.exchange.importers.preferences import PreferenceOptions, import_preferences
from urial.records.completion import Completion
from urial.records.instruction import Instruction

PLACEHOLDER = "has placeholders"
NEEDS_KEY = "needs a key, and is paid for"
NEEDS_NETWORK = "needs the network"
NEEDS_GPU = "needs a GPU and gated or large models from the hub"
BLENDS = "decodes with two models for minutes; tests/blending decodes with tiny ones, by every rule"
TRAINS = "trains for minutes"
# Minutes to hours each.
BENCHMARKS = ("python benchmarks/", "python -m benchmarks.")
NOT_RUN = {
    "urial sweep studies STUDY STUDY": PLACEHOLDER,
    "python3 -m venv ~/inspect && source ~/inspect/bin/activate": "tests/exchange/programs makes one",
    "pip install '.[inspect]'": NEEDS_NETWORK,
    "urial export inspect DIR": "in an environment of its own: tests/exchange/programs runs it",
    "inspect view --log-dir DIR": "of another environment, and serves until it is stopped",
    "every_eval_ever validate 'DIR/data/*/*/*/*.json*'": "of another environment: tests/exchange/programs runs it",
    "make test": "runs this test",
    "rocrate-validator validate --profile-identifier process-run-crate-0.5 DIR": "of another environment, as its page says",
    "make test-real": "installs gigabytes, and asks real servers for minutes",
    "make run": ".ci/run runs it in a clean clone",
    "make setup && source .venv/bin/activate": "`make run` does the same first",
    "make setup && source .venv/bin/activate && dvc pull": "the same; `dvc pull` is run of the pages",
    "python3 -m venv .venv && source .venv/bin/activate": "`make` does, and .ci/run runs that",
    "pip install --constraint constraints.txt --editable '.[dev]'": "`make` does, and .ci/run runs that",
    "pip install '.[quantization]'": NEEDS_NETWORK,
    "pip wheel --no-deps --wheel-dir dist .": "test_wheel.py calls the hooks that pip does, without the network",
    "urial init study --base FOLDER_OR_HUB_ID --aligned FOLDER_OR_HUB_ID": PLACEHOLDER,
    "dvc exp run -S run.instructions=mt-bench -S run.judge=mt-bench": NEEDS_NETWORK,
    "pip install '.[gguf]'": NEEDS_NETWORK,
    "urial chat --base ../models/gemma-3-270m-q4_k_m.gguf": "needs a file of Google's; test_gguf_models runs it with a tiny one",
    "urial chat --base ../models/model.gguf": "is run with a tiny file by test_gguf_models",
    "urial chat --base OWNER/NAME-GGUF/NAME.Q8_0.gguf": PLACEHOLDER,
    "pip install '.[dense]'": NEEDS_NETWORK,
    "sh findings/dvc-pull-stage-then-path.sh": NEEDS_NETWORK,
    "dvc exp run -S run.study=qwen2-5-0-5b": NEEDS_GPU,
    "dvc exp run -S run.study=llama-2-7b": NEEDS_GPU,
    "dvc exp run -S run.study=llama-2-70b-served -S decoding.repetition_penalty=1": NEEDS_GPU,
    "vllm serve meta-llama/Llama-2-70b-hf --port 8000 --generation-config vllm --tensor-parallel-size 8": NEEDS_GPU,
    "vllm serve meta-llama/Llama-2-70b-hf --port 8000 --generation-config vllm --tensor-parallel-size 8 "
    "--pipeline-parallel-size 2 --distributed-executor-backend ray": NEEDS_GPU,
    "ray start --head --port 6379": NEEDS_GPU,
    "ray start --address FIRST_MACHINE:6379": NEEDS_GPU,
    "dvc exp run -S run.judge=null": "runs nine systems; tests/plan and tests/report have runs without a judge",
    "make real-study": "fetches two models and runs for minutes",
    "make tuned-study": "fetches a model, tunes it, and runs for half an hour",
    "dvc exp run -S run.study=embedded-tuned": TRAINS,
    "urial models list": "hashes what is in the user's cache; tests/exchange runs it on a folder of its own",
    "urial models fetch": "downloads 320 MiB; tests/exchange runs it on packages of its own",
    "dvc exp run -S run.study=gemma-3-270m-smollm2-135m -S run.judge=null -S token_shift.align_by=text": (
        "needs the two models, and runs for minutes"
    ),
    "dvc exp run -S run.study=smollm2-135m -S run.instructions=everyday -S run.judge=null": NEEDS_NETWORK,
    "urial judge real-study/data/generations/base-urial.jsonl --judge gpt-4o --out judged.jsonl "
    "--instructions real-study/data/instructions.jsonl": NEEDS_KEY,
    "urial judge answers.csv --judge-server http://localhost:8000/v1 --judge-model NAME --out scores.jsonl": PLACEHOLDER,
    "urial judge answers.csv --judge gpt-4o --out scores.jsonl": NEEDS_KEY,
    "urial judge answers.csv --judge-server http://localhost:8000/v1 --judge-model NAME --out judged.jsonl": PLACEHOLDER,
    "dvc exp run -S blends.nudged.rule.threshold=0.5": BLENDS,
    "dvc exp run -S '+blends.proxy={base:base-zero-shot,helper:aligned,rule:{kind:proxy,alpha:1.0}}'": BLENDS,
    "dvc exp run -S '+blends.half={base:base-zero-shot,helper:aligned,rule:{kind:realign,weight:0.5}}'": BLENDS,
    "dvc exp run -S '+blends.swap={base:base-zero-shot,helper:aligned,rule:{kind:swap,divergence:js,threshold:0.1}}'": BLENDS,
    "dvc exp run -S studies.embedded.seed=1": TRAINS,
    "dvc exp run -S +studies.embedded.checkpoint=step-230": "the pair is trained by then; tests/models takes a checkpoint of a small one",
    "dvc exp run -S run.instructions=alpaca-eval": NEEDS_NETWORK,
    "dvc exp run -S run.instructions=mt-bench": NEEDS_NETWORK,
    "dvc exp run -S run.instructions=just-eval -S instruction_sets.just-eval.source=FILE "
    "-S generation.on_context_overflow=record": PLACEHOLDER,
    "export OPENAI_API_KEY=...": PLACEHOLDER,
    "dvc exp run -S run.judge=gpt-4o": NEEDS_KEY,
    "urial chat --base Qwen/Qwen2.5-0.5B": NEEDS_NETWORK,
    "urial chat --base Qwen/Qwen2.5-0.5B --aligned Qwen/Qwen2.5-0.5B-Instruct": NEEDS_NETWORK,
    "urial chat --server http://localhost:8000/v1 --base NAME": PLACEHOLDER,
    "urial trace base-urial.clarity --rationales --rev NAME": PLACEHOLDER,
    "urial compare main calm-fox .": PLACEHOLDER,
    "urial leaderboard main calm-fox": PLACEHOLDER,
    "urial probe ablations-base-urial": "the experiment of the line before; tests/cli/test_probing.py probes a run",
    "urial sweep decoding base-urial --temperature 0.5 --temperature 1 --top-p 0.95": TRAINS,
    "urial sweep decoding base-urial base-zero-shot --temperature 0.7 --samples 5": TRAINS,
    "urial probe decoding-base-urial-base-zero-shot": "the experiment of the line before, likewise",
    "urial cite --rev calm-fox --format bibtex": PLACEHOLDER,
    "urial verify --rev REV": PLACEHOLDER,
    "urial view main calm-fox .": PLACEHOLDER,
    "urial view run-crate": "serves until it is interrupted, as test_view.py does",
    "urial prompts release general/mine": "is for a prompt whose author has edited it",
    'eval "$(_URIAL_COMPLETE=bash_source urial)"': "changes the shell that it runs in",
    "dvc push": "would fill the bundled remote",
    "dvc remote modify --local group endpointurl URL": PLACEHOLDER,
    "dvc pull --remote NAME": PLACEHOLDER,
    "dvc remote add --local NAME URL": PLACEHOLDER,
    "git checkout --detach COMMIT": PLACEHOLDER,
    "git clone --no-checkout URL urial-COMMIT && cd urial-COMMIT": PLACEHOLDER,
    "git fetch origin refs/exps/…/NAME:refs/exps/…/NAME": PLACEHOLDER,
}
# Commands that take long, or need more than one repository: the test that runs such a command, and how it stands there.
PIPELINE, REMOTE, EXPERIMENTS = "pipeline/test_pipeline.py", "run/test_remote.py", "provenance/test_experiments.py"
SWEEP = "experiments/sweep/test_running.py"
RUN_ELSEWHERE = {
    "dvc exp run -S '+systems.base-urial.ablation={answers: shuffled, system_sentences: 0}'": (
        "plan/test_ablation_plans.py",
        '"+systems.base-urial.ablation={answers: shuffled, system_sentences: 0}"',
    ),
    "dvc exp run -S '+published_outputs.people={source: people.jsonl}' -S '+token_shift.given.people-texts="
    "{answers: people, base_system: base-zero-shot, aligned_system: aligned}'": (
        "plan/test_given_plans.py",
        '"+token_shift.given.people-texts={answers: people, base_system: base-zero-shot, aligned_system: aligned}"',
    ),
    "urial sweep ablations base-urial": (
        "experiments/sweep/test_ablation_sweep.py",
        '"sweep", "ablations", "base-urial", "--only", "answers-shuffled", "--only", "queries-none"',
    ),
    "urial sweep ablations base-urial --only answers-shuffled --only queries-none": (
        "experiments/sweep/test_ablation_sweep.py",
        '"sweep", "ablations", "base-urial", "--only", "answers-shuffled", "--only", "queries-none"',
    ),
    "urial sweep ablations base-urial --examples 1,2,5,10 --choice random --choice greedy": (
        "experiments/sweep/test_ablation_sweep.py",
        'examples=[1, 10, 10], choices=["greedy", "random"]',
    ),
    "urial sweep ablations base-urial --only answers-in-domain --seed 0 --seed 1 --seed 2": (
        "experiments/sweep/test_ablation_sweep.py",
        'only=["answers-in-domain"]',
    ),
    "urial sweep checkpoints --dry-run": (SWEEP, '"sweep", "checkpoints", "--dry-run"'),
    "urial sweep checkpoints": (SWEEP, 'invoke("sweep", "checkpoints")'),
    "urial leaderboard --all --system base-urial": (
        "experiments/leaderboard/test_runs.py",
        '"--all", "--system", "base-urial"',
    ),
    "urial leaderboard --all --chart progress.svg": ("cli/test_leaderboard.py", '"--chart", "progress.json"'),
    "urial leaderboard --all --size-chart size.pdf": ("cli/test_leaderboard.py", '"--size-chart", "size.svg"'),
    "urial leaderboard --all": ("experiments/leaderboard/test_runs.py", '["leaderboard", "--all"'),
    "urial init study": ("test_wheel.py", '"urial", "init", "study"'),
    "urial init --update": ("exchange/test_new_project.py", 'invoke("init", "--update")'),
    "dvc repro": (PIPELINE, '"dvc", "repro"'),
    "dvc repro && urial report": (REMOTE, '"urial", "report"'),
    "urial init ../mine --base FOLDER --aligned FOLDER": (
        "exchange/test_new_project.py",
        'invoke("init", "here/study", "--base", "base", "--aligned", "owner/aligned")',
    ),
    "dvc exp run -S systems.base-urial.prompt=urial-k0": (PIPELINE, '"-S", "systems.base-urial.prompt=urial-k0"'),
    "dvc exp run -S 'systems.base-urial.prompt=urial-k0'": (PIPELINE, '"-S", "systems.base-urial.prompt=urial-k0"'),
    "dvc exp run --queue -S 'systems.base-urial.prompt=urial-k3-no-system,general/zero-shot'": (
        PIPELINE,
        '"--queue", "-S"',
    ),
    "dvc exp run -S run.study=mine": ("pipeline/test_base_alone.py", '"-S", "run.study=mine"'),
    "dvc exp run -S run.study=mine -S preferences.baseline=base-zero-shot -S 'preferences.systems=[base-urial]'": (
        "pipeline/test_base_alone.py",
        '"-S", "preferences.systems=[base-urial]"',
    ),
    "dvc exp run --run-all": (PIPELINE, '"--run-all"'),
    "dvc exp push origin NAME": (EXPERIMENTS, '"exp", "push", "origin"'),
    "dvc exp pull origin NAME": (EXPERIMENTS, '"exp", "pull", "origin"'),
    "urial import references reference_answer/gpt-4.jsonl --questions question.jsonl --author gpt-4 --not-corrected --out "
    "references.jsonl": ("prompts/test_references.py", '"import", "references"'),
    "urial verify": ("provenance/test_verify_command.py", 'invoke("verify")'),
    "urial view": ("provenance/test_view.py", '"view", "--no-open"'),
    "urial export run-crate": ("provenance/test_verify_crate.py", 'invoke("export"'),
    "urial export DIR": ("provenance/test_verify_crate.py", 'invoke("export"'),
    "urial export every-eval-ever DIR": ("exchange/exporters/test_every_eval_ever.py", '"export", "every-eval-ever"'),
    "urial import completions log.eval --kind inspect --system mine --out mine.jsonl": (
        "exchange/importers/test_import_logs.py",
        '"import", "completions", *common',
    ),
    "urial import judgments log.eval --kind inspect --system mine --judge gpt-4o --out judged.jsonl": (
        "exchange/importers/test_import_logs.py",
        '"import", "judgments", *common',
    ),
    "urial verify run-crate": ("provenance/test_verify_command.py", 'invoke("verify", tmp_path)'),
    "dvc pull": (REMOTE, '"dvc", "pull")'),
    "dvc pull report": (REMOTE, '"dvc", "pull", "report"'),
    "dvc pull judge": (REMOTE, '(["judge"]'),
    "dvc pull judge@aligned": (REMOTE, '(["judge@aligned"]'),
    "dvc pull data/report/site data/judgments/aligned.jsonl": (REMOTE, '(["data/report/site", "data/'),
}
PUBLISHED = "# Instruction\n\nBe kind.\n\n# Query:\n```\nHi?\n```\n\n# Answer:\n```\nHello!\n```\n"
# Pages of what the run of record has, and the finished run of the tests leaves out.
OF_THE_RECORD = {"docs/blended-decoding.md", "docs/given-texts.md", "docs/safety-depth.md"}
# Exit codes other than 0: the two versions differ.
EXITS = {"urial prompts diff microworld/urial-k3 microworld/urial-k3-b": 1}
LISTED = NOT_RUN.keys() | RUN_ELSEWHERE.keys()


def test_the_lists_name_only_what_is_shown() -> None:
    shown = {command.text for page in PAGES for command in commands(page)}
    assert sorted((LISTED | EXITS.keys()) - shown) == []
    assert not NOT_RUN.keys() & RUN_ELSEWHERE.keys()
    for name, text in RUN_ELSEWHERE.values():
        assert text in (ROOT / "tests" / name).read_text("utf-8"), (name, text)


def runs_here(command: Command) -> bool:
    return command.text not in LISTED and not command.text.startswith(BENCHMARKS)


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs_here, commands(page)))])
def test_commands_run(
    page: str, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    source: Clone = request.getfixturevalue("record_clone" if page in OF_THE_RECORD else "finished_run")
    run = Clone(copied(source, tmp_path).folder, cache_folder)
    monkeypatch.chdir(run.folder)
    write_what_pages_read(run.folder)
    for command in commands(page):
        if runs_here(command):
            code, output = execute(command, run)
            assert code == EXITS.get(command.text, 0), f"{command}\n{output}"
            assert command.output in (None, output), command


def execute(command: Command, run: Clone) -> tuple[int, str]:
    """Exit code and output; plain commands of urial in this process, all else by a shell."""
    if len(command.simple) == 1 and command.simple[0][0] == "urial":
        result = CliRunner().invoke(main, shlex.split(command.text)[1:], input="")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output
    done = run.run("bash", "-euo", "pipefail", "-c", command.text, check=False)
    return done.returncode, done.stdout


def write_what_pages_read(folder: Path) -> None:
    """The files that pages name and that somebody else brings, and the rows that a run leaves in the row cache."""
    write(folder / "SCORES.json", [score_row(1)])
    query = {"id": 1, "instruction": "Why?", "dataset": "koala", "category": "regular"}
    write(folder / "OUTPUTS.json", [{**query, "output": "So."}])
    tags = {"source_id": "koala-1", "task": ["info-seek"], "topic": ["stem"], "difficulty": "easy"}
    write_rows(folder / "just_eval.jsonl", [{**query, **tags}])
    (folder / "inst_1k.txt").write_text(PUBLISHED, "utf-8")
    judged = json.loads((folder / "data/judgments/base-urial.jsonl").read_text("utf-8").splitlines()[0])
    (folder / "people.csv").write_text(
        "instruction_id,aspect,score\n"
        + "".join(f"{judged['instruction_id']},{item['aspect']},4\n" for item in judged["scores"]),
        "utf-8",
    )
    write_own_answers(folder)
    write_published_preferences(folder)
    with RowCache() as cache:
        for system in SYSTEMS:
            for completion in read_jsonl(folder / "data/generations" / f"{system}.jsonl", Completion):
                if completion.answer is not None and completion.key is not None:
                    cache.put(completion.key, completion.answer)


def write_own_answers(folder: Path) -> None:
    """Two tables of anyone's, with questions and answers of the run."""
    asked = {row.id: row.turns[0] for row in read_jsonl(folder / "data/instructions.jsonl", Instruction)}
    for name, system in (("answers.csv", "aligned"), ("others.jsonl", "base-urial")):
        rows = read_jsonl(folder / f"data/generations/{system}.jsonl", Completion)[:2]
        texts = [(asked[row.instruction_id], row.answer.text) for row in rows if row.answer is not None]
        write_rows(folder / name, [{"question": question, "answer": answer} for question, answer in texts])


def write_published_preferences(folder: Path) -> None:
    """AlpacaEval's files: annotations of one system, the preferences of another, and what lengths are held equal against."""
    alpaca_files(folder)
    reference_csv(folder / "reference.csv")
    rows = [annotation(number, 1 + number % 7 / 6, output_2="a" * (number % 30)) for number in range(20)]
    write(folder / "annotations.json", rows)
    other = write(folder / "other.json", [{**row, "generator_2": "other"} for row in rows])
    write_jsonl(folder / "other.jsonl", import_preferences([other], PreferenceOptions()).preferences)
