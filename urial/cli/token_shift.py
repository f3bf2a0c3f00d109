"""The commands about the token distribution shift."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import click

from urial.cli.printing import as_json, force_option, show_record
from urial.cli.results import FILE, RUN_INSTRUCTIONS, bootstrap_options, run_instructions
from urial.core.errors import UrialError

if TYPE_CHECKING:
    from urial.records.params.file import TokenShiftParams
    from urial.records.prompt import Prompt
    from urial.statistics.bootstrap import Bootstrap
    from urial.token_shift.files.measure_file import Models


class _MeasureOptions(TypedDict):
    """Options of `urial token-shift measure`: the models, how they are loaded, and what is measured."""

    prompt: str
    base: str | None
    base_revision: str | None
    aligned: str | None
    aligned_revision: str | None
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    align_by: Literal["ids", "text"]
    eos: Literal["same", "base", "drop"]
    sequential: bool
    top_k: int
    memory_mib: int
    threads: int
    force: bool


class _SummaryOptions(TypedDict):
    """Options of `urial token-shift summarize` that say which tables are shown."""

    by: Literal["task", "topic"] | None
    labels: bool
    tokens: int | None


@click.group("token-shift")
def token_shift() -> None:
    """How far alignment moved the choice of each next token."""


@token_shift.command()
@click.argument("answers", type=FILE)
@click.option("--out", required=True, type=FILE, help="File to write (Parquet); coverage goes to a file beside it.")
@click.option(
    "--instructions", default=RUN_INSTRUCTIONS, type=FILE, show_default=True, help="The instructions answered."
)
@click.option("--prompt", metavar="NAME|FILE", default="zero-shot", show_default=True, help="Prompt of the base model.")
@click.option("--base", metavar="ID", help="Base model: a hub id or a folder.  [default: data/models/base]")
@click.option("--base-revision", metavar="REV", help="Commit, branch or tag; below a folder, a checkpoint.")
@click.option("--aligned", metavar="ID", help="Aligned model.  [default: data/models/aligned]")
@click.option("--aligned-revision", metavar="REV", help="Commit, branch, tag or checkpoint of the aligned model.")
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    default="auto",
    show_default=True,
    help="Number format of the weights of the models that are named here.",
)
@click.option(
    "--align-by", type=click.Choice(["ids", "text"]), default="ids", show_default=True,
    help="Which base token an aligned token is: by its id or, for tokenizers that differ, by its characters.",
)  # fmt: skip
@click.option(
    "--eos", type=click.Choice(["same", "base", "drop"]), default="same", show_default=True,
    help="An aligned end token that is not the base's: rank it, replace it by the base's, or leave it out.",
)  # fmt: skip
@click.option("--sequential", is_flag=True, help="Load one model after the other, for pairs that do not fit.")
@click.option(
    "--top-k", type=click.IntRange(1, 100), default=5, show_default=True, help="Candidates kept at each position."
)
@click.option(
    "--memory-mib",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Memory for logits and passes, beside the models' own, in MiB.",
)
@click.option("--threads", type=click.IntRange(1, 1024), default=2, show_default=True, help="CPU threads.")
@force_option
def measure(answers: Path, out: Path, instructions: Path, **options: Unpack[_MeasureOptions]) -> None:
    """Where the base model ranks the tokens of an aligned model's ANSWERS, from the pipeline or imported (JSONL)."""
    from urial.cli.judging import instructions_of, require_once
    from urial.core.store import read_jsonl, require_free, write_jsonl, write_parquet
    from urial.exchange.importers.instructions import read_instructions
    from urial.records.completion import Completion
    from urial.records.token_shift import shift_schema
    from urial.token_shift.files.measure_file import measure_answers, model_folders

    models = _models(options)
    if out.suffix != ".parquet":
        raise UrialError(f"--out {out}: the table is a Parquet file", expected="a name that ends in .parquet")
    coverage_path = out.with_suffix(".coverage.jsonl")
    require_free(out, coverage_path, force=options["force"], inputs=[answers, instructions])
    rows = read_jsonl(answers, Completion)
    if not rows:
        raise UrialError("no answers to measure", path=answers)
    require_once(rows, answers)
    known = instructions_of(rows, read_instructions(instructions), instructions)
    with model_folders(models) as folders:
        prompt = _prompt(options["prompt"], folders["base"])
        pairs = list(zip(known, rows, strict=True))
        tables, coverage = measure_answers(folders, prompt, _params(options, prompt[0]), pairs, options["threads"])
        write_parquet(out, tables, shift_schema())
        write_jsonl(coverage_path, coverage)
    measured = sum(row.status == "measured" for row in coverage)
    click.echo(f"{out}: {measured:,} of {len(rows):,} answers, {sum(row.positions for row in coverage):,} tokens")


def _models(options: _MeasureOptions) -> "Models":
    from urial.records.model import Loading
    from urial.token_shift.files.measure_file import Models
    from urial.token_shift.files.named_models import named_model

    named = {
        "base": (options["base"], options["base_revision"]),
        "aligned": (options["aligned"], options["aligned_revision"]),
    }
    references = {}
    for role, (name, revision) in named.items():
        if revision is not None and name is None:
            raise click.UsageError(f"--{role}-revision needs --{role}")
        references[role] = None if name is None else named_model(name, revision)
    if options["dtype"] != "auto" and not any(references.values()):
        raise click.UsageError("--dtype needs --base or --aligned: the run's own pair is loaded as params.yaml says")
    return Models(references["base"], references["aligned"], Loading(dtype=options["dtype"]))


def _prompt(name: str, base: Path) -> "tuple[str, Prompt]":
    from urial.prompts.versions.library import prompt_path, read_prompt
    from urial.records.model import EmbeddedModel, read_manifest

    path = prompt_path(name, "microworld" if isinstance(read_manifest(base).source, EmbeddedModel) else "general")
    return path.stem, read_prompt(path)


def _params(options: _MeasureOptions, base_system: str) -> "TokenShiftParams":
    from urial.records.params.file import TokenShiftParams

    return TokenShiftParams(
        answer_system="aligned",
        base_systems=(base_system,),
        top_k=options["top_k"],
        memory_mib=options["memory_mib"],
        sequential=options["sequential"],
        eos=options["eos"],
        align_by=options["align_by"],
    )


@token_shift.command()
@click.argument("files", metavar="[NAME=]FILE...", nargs=-1, required=True)
@click.option("--by", type=click.Choice(["task", "topic"]), help="Also a table for every tag of this kind.")
@click.option("--instructions", type=FILE, help="The instructions measured.  [default: data/instructions.jsonl]")
@click.option("--labels", is_flag=True, help="Also a table of what kind of token is shifted.")
@click.option("--tokens", metavar="N", type=click.IntRange(1, 1_000), help="Also the N tokens and words shifted most.")
@bootstrap_options
@as_json
def summarize(
    files: tuple[str, ...],
    instructions: Path | None,
    bootstrap: "Bootstrap",
    as_json: bool,
    **options: Unpack[_SummaryOptions],
) -> None:
    """The shift in FILES of measurements: shares of unshifted, marginal and shifted tokens, with intervals.

    A FILE is a Parquet table that the stage token_shift or `urial token-shift measure` wrote; what was not measured is
    read from the file FILE.coverage.jsonl (in place of .parquet) beside it, where there is one. NAME is the file's name
    without ending unless it is given. Files of the same answers as the first one are compared with it, position by position.
    """
    from urial.exchange.importers.instructions import read_instructions
    from urial.report.shift_tables import shift_summary_text
    from urial.token_shift.figures.tokens import TOP_SHIFTED
    from urial.token_shift.files.measurements import read_measurements
    from urial.token_shift.files.several import ShiftOptions, summarize_measurements

    measurements = read_measurements(files)
    known = (
        read_instructions(instructions)
        if instructions
        else run_instructions({name for item in measurements for name in item.instruction_ids})
    )
    chosen = ShiftOptions(by=options["by"], top=options["tokens"] or TOP_SHIFTED)
    found = summarize_measurements(measurements, known, chosen, bootstrap)
    labels, tokens = options["labels"], options["tokens"] is not None
    show_record(found, lambda summary: shift_summary_text(summary, labels, tokens), as_json)
