"""The commands about the token distribution shift."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from urial.cli import shared
from urial.cli.answers import answer_options, inputs_of, read_answers
from urial.cli.shared import FILE, NAME_OR_PATH, NAMED_FILE, as_json, bootstrap_options, force_option
from urial.core.errors import UrialError
from urial.core.parquet import write_parquet
from urial.core.progress import waiting
from urial.core.store import require_free, write_jsonl
from urial.core.text import counted

if TYPE_CHECKING:
    from urial.exchange.importers.answer_files import AnswerOptions
    from urial.statistics.bootstrap import Bootstrap
    from urial.token_shift.files.measure_file import Models


@click.group("token-shift")
def token_shift() -> None:
    """How far alignment moved the choice of each next token."""


@token_shift.command()
@click.argument("answers", type=FILE)
@click.option("--out", required=True, type=FILE, help="File to write (Parquet); coverage goes to a file beside it.")
@answer_options
@click.option("--prompt", metavar="NAME|FILE", type=NAME_OR_PATH, default="zero-shot", help="Prompt of the base model.")
@click.option(
    "--base",
    metavar="ID",
    type=NAME_OR_PATH,
    help="Base model: a hub id, a folder or a GGUF file.  [default: data/models/base]",
)
@click.option("--base-revision", metavar="REV", help="Commit, branch or tag; below a folder, a checkpoint.")
@click.option("--aligned", metavar="ID", type=NAME_OR_PATH, help="Aligned model.  [default: data/models/aligned]")
@click.option("--aligned-revision", metavar="REV", help="Commit, branch, tag or checkpoint of the aligned model.")
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), default="auto",
    help="Number format of the weights of the models that are named here.",
)  # fmt: skip
@click.option(
    "--align-by", type=click.Choice(["ids", "text"]), default="ids",
    help="Which base token an aligned token is: by its id or, for tokenizers that differ, by its characters.",
)  # fmt: skip
@click.option(
    "--eos", type=click.Choice(["same", "base", "drop"]), default="same",
    help="An aligned end token that is not the base's: rank it, replace it by the base's, or leave it out.",
)  # fmt: skip
@click.option("--sequential", is_flag=True, help="Load one model after the other, for pairs that do not fit.")
@click.option("--top-k", type=click.IntRange(1, 100), default=5, help="Candidates kept at each position.")
@click.option(
    "--memory-mib", type=click.IntRange(1), default=256,
    help="Memory for logits and passes, beside the models' own, in MiB.",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(1, 1024), help="CPU threads.  [default: 2 for the embedded pair, else as many as torch takes]"
)  # fmt: skip
@click.option(
    "--date", type=click.DateTime(["%Y-%m-%d"]), default="2025-01-01",
    help="The day that the aligned model's chat template is told, if it asks: that of the answers.",
)  # fmt: skip
@force_option
def measure(
    answers: Path,
    out: Path,
    reading: "AnswerOptions",
    prompt: str,
    threads: int | None,
    date: datetime,
    force: bool,
    **options: object,
) -> None:
    """Where the base model ranks the tokens of an aligned model's ANSWERS: of the pipeline, imported, or in a table of your own."""
    from urial.prompts.versions.library import prompt_path, read_prompt
    from urial.records.model import EmbeddedModel, read_manifest
    from urial.records.params.file import EMBEDDED_THREADS
    from urial.records.params.token_shift import TokenShiftParams
    from urial.records.token_shift import shift_schema
    from urial.run.project import prompts_folder
    from urial.token_shift.files.measure_file import measure_answers, model_folders, require_comparable_tokens

    models = _named_models()
    if out.suffix != ".parquet":
        raise UrialError(f"--out {out}: the table is a Parquet file", expected="a name that ends in .parquet")
    coverage_path = out.with_suffix(".coverage.jsonl")
    require_free(out, coverage_path, force=force, inputs=inputs_of(answers, reading))
    found = read_answers(answers, reading, "measure")
    pairs = list(zip(found.instructions, found.completions, strict=True))
    measured = {name: options[name] for name in ("top_k", "memory_mib", "sequential", "eos", "align_by")}
    shift = TokenShiftParams.model_validate({"answer_system": "aligned", "base_systems": ("base",), **measured})
    require_comparable_tokens(models, shift)
    with model_folders(models) as folders:
        embedded = isinstance(read_manifest(folders["base"]).source, EmbeddedModel)
        threads = threads or (EMBEDDED_THREADS if embedded else None)
        path = prompt_path(prompt, "microworld" if embedded else "general", prompts_folder())
        context, shift = (path.stem, read_prompt(path)), shift.model_copy(update={"base_systems": (path.stem,)})
        tables, coverage = measure_answers(folders, context, shift, pairs, threads, day=date.date())
        write_parquet(out, tables, shift_schema())
        write_jsonl(coverage_path, coverage)
    count = sum(row.status == "measured" for row in coverage)
    click.echo(
        f"{out}: {count:,} of {counted(len(pairs), 'answer')}, {counted(sum(row.positions for row in coverage), 'token')}"
    )


def _named_models() -> "Models":
    """The pair that the command's options name, and how it is loaded."""
    from urial.records.model import Loading
    from urial.token_shift.files.measure_file import Models, named_model

    options = click.get_current_context().params
    named = {role: (options[role], options[f"{role}_revision"]) for role in ("base", "aligned")}
    for role, (name, revision) in named.items():
        if revision is not None and name is None:
            raise click.UsageError(f"--{role}-revision needs --{role}")
    base, aligned = (None if name is None else named_model(name, revision) for name, revision in named.values())
    if options["dtype"] != "auto" and not (base or aligned):
        why = "the run's own pair is loaded as params.yaml says"
        raise click.UsageError(f"--dtype needs --base or --aligned: {why}")
    return Models(base, aligned, Loading(dtype=options["dtype"]))


@token_shift.command()
@click.argument("files", metavar="[NAME=]FILE...", type=NAMED_FILE, nargs=-1, required=True)
@click.option("--by", type=click.Choice(["task", "topic"]), help="Also a table for every tag of this kind.")
@click.option("--instructions", type=FILE, help="The instructions measured.  [default: data/instructions.jsonl]")
@click.option("--labels", is_flag=True, help="Also a table of what kind of token is shifted.")
@click.option("--tokens", metavar="N", type=click.IntRange(1, 1_000), help="Also the N tokens and words shifted most.")
@click.option(
    "--positions", is_flag=True,
    help="Also signed differences, first divergence, landmarks, truncated divergences and thresholds.",
)  # fmt: skip
@bootstrap_options
@as_json
def summarize(
    files: tuple[str, ...],
    by: Literal["task", "topic"] | None,
    instructions: Path | None,
    labels: bool,
    tokens: int | None,
    positions: bool,
    bootstrap: "Bootstrap",
    as_json: bool,
) -> None:
    """The shift in FILES of measurements: shares of unshifted, marginal and shifted tokens, with intervals.

    A FILE is a Parquet table that the stage token_shift or `urial token-shift measure` wrote; what was not measured is
    read from the file FILE.coverage.jsonl (in place of .parquet) beside it, where there is one. NAME is the file's name
    without ending unless it is given. Files of the same answers as the first one are compared with it, position by position.
    """
    from urial.report.shift_summary import ShownTables, shift_summary_text
    from urial.run.joining import asked_in_run, asked_of, require_same_texts
    from urial.token_shift.figures.tokens import TOP_SHIFTED
    from urial.token_shift.files.measurements import ShiftOptions, read_measurements, summarize_measurements

    measurements = read_measurements(files)
    ids = {name for item in measurements for name in item.instruction_ids}
    known = shared.given_instructions(instructions, ids, measurements[0].path)
    if known:
        for measurement in measurements:
            fix = "name the instructions that were measured with --instructions FILE"
            require_same_texts(asked_of(*known), asked_in_run(measurement.path), fix)
    options = ShiftOptions(by=by, top=tokens or TOP_SHIFTED)
    with waiting("figures of token shift"):
        found = summarize_measurements(measurements, known and known[1], options, bootstrap)
    shown = ShownTables(labels, tokens is not None, positions)
    shared.show_record(found, lambda summary: shift_summary_text(summary, shown), as_json)
