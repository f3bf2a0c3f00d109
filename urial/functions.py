"""The functions that `import urial` offers to notebooks and scripts; each is thin, over the rooms of the library.

Tables are pandas data frames. What could not be computed is a row with a ``status`` and a ``reason``; its numbers are missing, and
never 0. A model is a hub id, a folder or a GGUF file; None means the project's own, below data/models. Whatever is wrong is a
UrialError that says what, where, and how to correct it. Rows are kept in the row cache: the same call again computes nothing.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from urial.core.errors import UrialError, shorten
from urial.core.validation import naming_arguments
from urial.exchange.texts import completions_of_texts, instructions_of_texts
from urial.run.frames import LoadedRun, Shift

if TYPE_CHECKING:
    import pandas as pd

    from urial.records.base import Role
    from urial.records.judgment import Aspect
    from urial.records.model import LocalReference
    from urial.records.params.file import Decoding
    from urial.records.plans import JudgePlan
    from urial.records.prompt import Prompt

Place = str | os.PathLike[str]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


@naming_arguments
def load_run(run: Place = ".") -> LoadedRun:
    """A run in data frames: of the project that a folder is in, or of a revision or DVC experiment of the project here.

    Raises UrialError where there is no such run, or where its files are not here: `dvc pull` brings them.
    """
    from urial.run.folders import run_folder
    from urial.run.frames import read_frames
    from urial.run.paths import DATA
    from urial.run.project import root_of

    if os.path.isdir(run):
        return read_frames(root_of(Path(run)) / DATA)
    with run_folder(str(run), root=root_of(Path())) as found:
        return read_frames(found.path / DATA)


@naming_arguments
def render_prompt(prompt: str, query: str, history: Sequence[tuple[str, str]] = ()) -> str:
    """The exact text that a base model is given for a query, to the character.

    ``prompt`` is COLLECTION/NAME, a name that one collection has, or the path of a prompt's file (.yaml); ``history`` are the
    earlier queries, each with its answer. Raises UrialError for an unknown prompt, with the nearest name.
    """
    from urial.prompts.versions.rendering import render, with_examples
    from urial.prompts.versions.retrieval import open_retriever

    for number, turn in enumerate(history):
        if not isinstance(turn, (tuple, list)) or list(map(type, turn)) != [str, str]:
            raise UrialError(f"history, number {number}: {shorten(turn)}", expected="two texts, a query and its answer")
    _, version, folder = _prompt(prompt, None)
    if version.retrieval is not None:
        first, *later = [*(earlier for earlier, _ in history), query]
        chosen = open_retriever(version.retrieval, folder / version.retrieval.pool).choose(first, later)
        version = with_examples(version, chosen.examples)
    return render(version, query, list(history)).text


@naming_arguments
def answer(
    queries: Iterable[str],
    model: Place | None = None,
    prompt: str | None = "urial-k3",
    *,
    decoding: "Decoding | None" = None,
    max_new_tokens: int = 512,
    dtype: Dtype = "auto",
) -> "pd.DataFrame":
    """Answers of a base model through a prompt; with ``prompt`` None, those of an aligned model through its chat template.

    One row a query, in their order: instruction_id, query, status, reason, prompt (all that the model saw), answer, finish and
    tokens (how many it wrote). Decoding is greedy with a repetition penalty of 1.1 for a base model, as in the paper, unless
    ``decoding`` (urial.records.params.file.Decoding) says all of it. A query that leaves no room for ``max_new_tokens`` has the
    status too_long. Raises UrialError for an unknown model or prompt.
    """
    from urial.core.row_cache import RowCache
    from urial.generate.run import generate
    from urial.prompts.versions.assembly import assemble
    from urial.records.model import Loading
    from urial.records.params.file import EMBEDDED_THREADS, Decoding, Generation
    from urial.records.plans import SystemPlan
    from urial.run.frames import answer_rows, frame
    from urial.token_shift.files.measure_file import model_folder

    instructions = instructions_of_texts(queries)
    role: Role = "aligned" if prompt is None else "base"
    with tempfile.TemporaryDirectory(prefix="urial-") as scratch, redirect_stdout(sys.stderr):
        folder = model_folder(_named(model), role, Loading(dtype=dtype), Path(scratch))
        embedded = _is_embedded(folder)
        name, version, pools = ("aligned", None, Path()) if prompt is None else _prompt(prompt, embedded)
        usual = Decoding(
            max_new_tokens=max_new_tokens, temperature=0.0, top_p=1.0, seed=0,
            repetition_penalty=1.0 if embedded or prompt is None else 1.1,
        )  # fmt: skip
        plan = SystemPlan(
            system=name, model=role, prompt_name=None, prompt=version, prompt_hash=None, decoding=decoding or usual,
            generation=Generation(batch_size=16, on_context_overflow="record"),
            threads=EMBEDDED_THREADS if embedded else None,
        )  # fmt: skip
        prompts = assemble(plan, instructions, folder, pools)
        with RowCache() as cache:
            completions = generate(plan, instructions, prompts, folder, cache)
    rows = [
        {**row, "query": instruction.turns[0]}
        for instruction, seen, completion in zip(instructions, prompts, completions, strict=True)
        for row in answer_rows(seen, completion)
    ]
    return frame(rows, ("instruction_id", "query", "status", "reason", "prompt", "answer", "finish", "tokens"))


@naming_arguments
def measure_shift(
    queries: Iterable[str],
    answers: Iterable[str | None],
    base: Place | None = None,
    aligned: Place | None = None,
    prompt: str = "zero-shot",
    *,
    align_by: Literal["ids", "text"] = "ids",
) -> Shift:
    """Where a base model, behind a prompt, ranks every token of an aligned model's answers (paper, section 2.2).

    ``align_by`` text compares tokens by their characters, for tokenizers that differ, without divergences. Answers are texts, so
    their tokens are made of these. Raises UrialError where the tokenizers differ and ``align_by`` is ids.
    """
    import pyarrow as pa

    from urial.records.params.file import EMBEDDED_THREADS
    from urial.records.params.token_shift import TokenShiftParams
    from urial.records.token_shift import ShiftCoverage, shift_schema
    from urial.run.frames import frame
    from urial.token_shift.files.measure_file import Models, measure_answers, model_folders

    instructions = instructions_of_texts(queries)
    pairs = list(zip(instructions, completions_of_texts(instructions, answers), strict=True))
    with model_folders(Models(_named(base), _named(aligned))) as folders, redirect_stdout(sys.stderr):
        embedded = _is_embedded(folders["base"])
        name, version, _ = _prompt(prompt, embedded)
        params = TokenShiftParams(
            answer_system="aligned", base_systems=(name,), top_k=5, memory_mib=256, align_by=align_by
        )
        threads = EMBEDDED_THREADS if embedded else None
        tables, coverage = measure_answers(folders, (name, version), params, pairs, threads)
        positions = pa.concat_tables([shift_schema().empty_table(), *tables]).to_pandas()
    return Shift(positions, frame((row.model_dump() for row in coverage), tuple(ShiftCoverage.model_fields)))


@naming_arguments
def judge_answers(
    queries: Iterable[str],
    answers: Iterable[str | None],
    judge: str | None = None,
    *,
    server: str | None = None,
    model: str | None = None,
    category: Literal["regular", "safety"] = "regular",
) -> "pd.DataFrame":
    """A judge's scores: a row an answer and aspect, with score (1 to ``scale``), status and rationale.

    The judge is one of the project's params.yaml by its name (None: that of the run), or a ``model`` on an OpenAI-compatible
    ``server``, whose key is taken from OPENAI_API_KEY. ``category`` decides the aspects: the five of regular answers, or safety.
    An answer that is None has no score, and a row that says so. Raises UrialError for an unknown judge.
    """
    from urial.core.row_cache import RowCache
    from urial.judge.scores.run import judge_completions, make_judge, max_characters
    from urial.run.frames import SCORES, frame, score_rows

    instructions = instructions_of_texts(queries, category)
    completions, plan = completions_of_texts(instructions, answers), _judge_plan(judge, server, model)
    with RowCache() as cache:
        judged = judge_completions(make_judge(plan, cache), instructions, completions, max_characters(plan))
    asked = {row.id: row.turns[0] for row in instructions}
    rows = ({**row, "query": asked[row["instruction_id"]]} for row in score_rows(judged))
    return frame(rows, ("instruction_id", "query", *SCORES[3:]))


@naming_arguments
def win_rates(*files: Place) -> "pd.DataFrame":
    """Win rates in percent, with their 95 % bootstrap intervals, of files of preferences, as `urial win-rates` shows them.

    One row a system, criterion and turn (missing: all turns pooled). Raises UrialError for what is no file of preferences, and
    where different judges compared.
    """
    from urial.judge.files.preferences import read_files, require_one_judge
    from urial.judge.files.win_rates import WinRateOptions
    from urial.judge.files.win_rates import win_rates as figures_of
    from urial.run.frames import frame
    from urial.statistics.bootstrap import Bootstrap

    systems = read_files([Path(file) for file in files])
    require_one_judge(systems)
    found = figures_of(systems, None, WinRateOptions(), Bootstrap(2_000, 0.95, 0))
    counts = ("wins", "ties", "losses", "inconsistent", "invalid", "total")
    rows = (
        {
            "system": system.system, "baseline": system.baseline, "criterion": figure.criterion, "turn": figure.turn,
            "win_rate": figure.win_rate.mean, "low": figure.win_rate.low, "high": figure.win_rate.high,
            **{name: getattr(figure, name) for name in counts},
        }
        for system in found.systems
        for figure in system.figures
    )  # fmt: skip
    return frame(rows, ("system", "baseline", "criterion", "turn", "win_rate", "low", "high", *counts))


@naming_arguments
def probe(run: Place = ".", against: str | None = None, aspect: "Aspect | None" = None) -> "pd.DataFrame":
    """What in the prompts of a run works, as `urial probe --csv` prints it: a row a variant and measure.

    The run is the project's here, a folder, a revision or a DVC experiment. ``difference`` is to the full prompt, with its interval
    and p; what is missing has a reason in ``missing``. ``against``: compare all systems of a model with this one; ``aspect``: what
    passes are of. Raises UrialError where the run has nothing to compare.
    """
    import pandas as pd

    from urial.experiments.probing.probing import probe as figures_of
    from urial.experiments.probing.reading import opened
    from urial.experiments.probing.tables import COLUMNS, probing_rows
    from urial.run.project import root_of
    from urial.statistics.bootstrap import Bootstrap

    name = os.fspath(run)
    with opened(name, root_of(Path()) if name == "." else Path()) as found:
        probing = figures_of(found.inputs, Bootstrap(2_000, 0.95, 0), name=name, against=against, aspect=aspect)
    return pd.DataFrame(list(probing_rows(probing)), columns=list(COLUMNS))


def _named(model: Place | None) -> "LocalReference | None":
    from urial.token_shift.files.measure_file import named_model

    return None if model is None else named_model(os.fspath(model), None)


def _is_embedded(folder: Path) -> bool:
    from urial.records.model import EmbeddedModel, read_manifest

    return isinstance(read_manifest(folder).source, EmbeddedModel)


def _prompt(name: str, embedded: bool | None) -> "tuple[str, Prompt, Path]":
    """Its name without the collection, its version, and the folder that pools of examples are named from."""
    from urial.prompts.versions.library import prompt_path, read_prompt
    from urial.run.project import prompts_folder

    collection = {True: "microworld", False: "general", None: None}[embedded]
    path = prompt_path(name, collection, prompts_folder())
    return path.stem, read_prompt(path), path.absolute().parents[1]


def _judge_plan(name: str | None, server: str | None, model: str | None) -> "JudgePlan":
    from urial.judge.files.own_judge import plan_own_judge
    from urial.plan.judges import plan_judge
    from urial.records.params.file import read_params
    from urial.records.params.judges import OpenAIJudge
    from urial.run.pipeline import PARAMETERS
    from urial.run.project import prompts_folder, root_of

    if name is None and server is not None and model is not None:
        return plan_own_judge(OpenAIJudge(kind="openai", server=server, model=model))
    if server is not None or model is not None:
        raise UrialError("a judge on a server has an address and a name", expected="both, and no other judge")
    params = read_params(root_of(Path()) / PARAMETERS)
    if (chosen := name or params.run.judge) is None:
        raise UrialError("the run has no judge", fix="name one of params.yaml, or a server and a model on it")
    return plan_judge(params, chosen, prompts_folder(), "judge" if name else "run.judge")
