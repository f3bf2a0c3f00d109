"""`urial prompts`: read, compare, check, release, begin and import prompt versions and rubrics (judge/NAME/VERSION)."""

import difflib
import json
from collections.abc import Callable
from pathlib import Path

import click

from urial.cli import preference_rubrics
from urial.cli.prompt_ablations import ablation_option, with_ablation
from urial.cli.prompt_authoring import dir_option, import_, lint, new, release
from urial.cli.shared import FILE, NAME_OR_PATH, as_json, print_bytes, print_json, print_table, token_counter
from urial.core.errors import UrialError
from urial.core.hashing import short_hash
from urial.core.tables import Cell
from urial.core.yaml_files import MAX_BYTES, read_text
from urial.prompts.authoring import released as index
from urial.prompts.authoring.released import rubric_name
from urial.prompts.authoring.writing import prompt_yaml
from urial.prompts.rubrics.conversation import Context, EarlierTurn
from urial.prompts.rubrics.rubrics import load_rubric, question, rubric_names, rubric_path
from urial.prompts.versions import rendering
from urial.prompts.versions.library import list_prompts, load_prompt, pool_path, prompt_hash, prompt_path, read_prompt
from urial.records.judgment import ASPECTS, Aspect
from urial.records.prompt import JUDGE_COLLECTION


@click.group()
def prompts() -> None:
    """Prompt versions, and rubrics for judges.

    NAME is a prompt's name, COLLECTION/NAME, or the path of a prompt file, or a rubric's name, judge/NAME/VERSION.
    """


@prompts.command("list")
@click.option("--tokenizer", type=NAME_OR_PATH, help="Count tokens with this tokenizer: a hub id or a model folder.")
@click.option("--judge", is_flag=True, help="List the rubrics for judges: name, aspects, form, hash, description.")
@dir_option
@as_json
def list_(tokenizer: str | None, judge: bool, folder: Path, as_json: bool) -> None:
    """All prompt versions: name, method, K, dialect, tokens before the query, hash, description."""
    if judge and tokenizer:
        raise click.UsageError("--tokenizer is for prompts, which have the same text before every query.")
    names = [f"{JUDGE_COLLECTION}/{name}" for name in rubric_names(folder)] if judge else list_prompts(folder)
    released, count = index.released(folder), token_counter(tokenizer) if tokenizer else None
    rows: list[dict[str, Cell]] = []
    problems = []
    for name in names:
        try:
            rows.append(_row(name, folder, name in released, count))
        except UrialError as error:
            problems.append(str(error))
    if as_json:
        print_json(rows)
    else:
        print_table([{**row, "hash": short_hash(str(row["hash"]))} for row in rows])
    if problems:
        raise UrialError("\n".join(problems))


def _row(name: str, folder: Path, released: bool, count: Callable[[str], int] | None) -> dict[str, Cell]:
    """What the list says of a rubric or a prompt; ``count`` counts tokens."""
    if (comparing := preference_rubrics.preference_rubric(name, folder)) is not None:
        return preference_rubrics.listed(name, comparing, released)
    rubric = rubric_name(name)
    if rubric is not None:
        planned = load_rubric(rubric, folder)
        return {
            "name": name,
            "aspects": ", ".join(planned.rubric.aspects),
            "form": "all at once" if planned.rubric.definitions is None else "one at a time",
            "hash": planned.hash,
            "released": released,
            "description": planned.rubric.description,
        }
    prompt = load_prompt(name, folder)
    return {
        "name": name,
        "method": prompt.method,
        "k": prompt.retrieval.k if prompt.retrieval else len(prompt.examples),
        "dialect": prompt.dialect,
        **({"tokens": None if prompt.retrieval else count(rendering.constant_text(prompt))} if count else {}),
        "hash": prompt_hash(prompt),
        "released": released,
        "description": prompt.description,
    }


@prompts.command()
@click.argument("name", type=NAME_OR_PATH)
@ablation_option
@dir_option
@as_json
def show(name: str, changes: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """One prompt version or rubric: its file, or with --json its record and hash, and the schema of a judge's reply."""
    rubric, comparing = rubric_name(name), preference_rubrics.preference_rubric(name, folder)
    if changes and rubric is not None:
        raise click.UsageError("--ablation is for prompts.")
    if comparing is not None:
        path = folder / f"{name}.yaml"
    else:
        path = prompt_path(name, folder=folder) if rubric is None else rubric_path(rubric, folder)
    if changes and not as_json:
        print_bytes(prompt_yaml(with_ablation(read_prompt(path), path, changes, folder)), str(path))
    elif not as_json:
        # Also one that is still to be written.
        print_bytes(read_text(path, MAX_BYTES), str(path))
    elif comparing is not None:
        print_json(preference_rubrics.as_record(path, comparing))
    elif rubric is None:
        prompt = with_ablation(read_prompt(path), path, changes, folder)
        print_json({"file": str(path), "hash": prompt_hash(prompt), **prompt.model_dump(mode="json")})
    else:
        planned = load_rubric(rubric, folder)
        record = planned.rubric.model_dump(mode="json")
        print_json({"file": str(path), "hash": planned.hash, **record, "reply_schema": planned.reply_schema})


@prompts.command()
@click.argument("name", type=NAME_OR_PATH)
@click.option("--query", required=True, help="The query to render the prompt or the rubric for.")
@click.option("--history", type=FILE, help="JSON file of the chat messages before the query.")
@click.option("--answer", help="The answer that a judge is asked about; for rubrics.")
@click.option("--other-answer", help="The answer shown second; for rubrics of preferences.")
@click.option(
    "--reference", "references", multiple=True,
    help="The reference answer, of several turns one after the other; for rubrics that show it.",
)  # fmt: skip
@click.option("--aspect", type=click.Choice(ASPECTS), help="The aspect asked for; for rubrics of one at a time.")
@ablation_option
@dir_option
def render(
    name: str, query: str, history: Path | None, answer: str | None, other_answer: str | None,
    references: tuple[str, ...], aspect: Aspect | None, changes: tuple[str, ...], folder: Path,
) -> None:  # fmt: skip
    """Exactly the text that a base model or a judge sees: no byte more on standard output."""
    from urial.prompts.authoring.history import read_history
    from urial.prompts.versions.retrieval import open_retriever

    rubric = rubric_name(name)
    if rubric is not None:
        if changes:
            raise click.UsageError("--ablation is for prompts.")
        if answer is None:
            raise click.UsageError("A rubric needs --answer.")
        if preference_rubrics.preference_rubric(name, folder) is not None:
            if history is not None:
                raise click.UsageError("--history is for prompts and rubrics of scores.")
            asked = preference_rubrics.rendered(name, query, answer, other_answer, folder)
        else:
            before = read_history(history) if history else ()
            context = Context(tuple(EarlierTurn(*turn) for turn in before), references)
            asked = question(load_rubric(rubric, folder), query, answer, aspect, context=context)
        print_bytes(asked, "--query or --answer")
        return
    for option, value in (("answer", answer), ("aspect", aspect), ("reference", references or None)):
        if value is not None:
            raise click.UsageError(f"--{option} is for rubrics, judge/NAME/VERSION.")
    path = prompt_path(name, folder=folder)
    prompt = with_ablation(read_prompt(path), path, changes, folder)
    turns = read_history(history) if history else []
    if prompt.retrieval is not None:
        chosen = open_retriever(prompt.retrieval, pool_path(prompt, path)).choose(turns[0][0] if turns else query)
        prompt = rendering.with_examples(prompt, chosen.examples)
    shown = rendering.render(prompt, query, turns)
    print_bytes(shown.text, "--query or --history")
    if shown.flag:
        click.echo(f"Warning: {shown.flag}", err=True)


@prompts.command()
@click.argument("first", type=NAME_OR_PATH)
@click.argument("second", type=NAME_OR_PATH)
@dir_option
def diff(first: str, second: str, folder: Path) -> None:
    """What differs between two prompt versions or rubrics as models see them; exits with 1 when something does."""
    before, after = (_lines(name, folder) for name in (first, second))
    lines = list(difflib.unified_diff(before, after, first, second, lineterm=""))
    for line in lines:
        click.echo(line)
    if lines:
        raise click.exceptions.Exit(1)


def _lines(name: str, folder: Path) -> list[str]:
    """What a prompt version or a rubric says, line by line."""
    rubric = rubric_name(name)
    if rubric is None:
        prompt = read_prompt(prompt_path(name, folder=folder))
        fields = prompt.model_dump(mode="json", include={"method", "dialect", "fence", "retrieval", "stop"})
        head = [f"{key}: {value}" for key, value in fields.items() if value is not None]
        return [*head, "", *rendering.render(prompt, "QUERY").text.split("\n")]
    if (comparing := preference_rubrics.preference_rubric(name, folder)) is not None:
        return preference_rubrics.lines(comparing)
    planned = load_rubric(rubric, folder)
    definitions = planned.rubric.definitions or {}
    return [
        f"aspects: {', '.join(planned.rubric.aspects)}",
        *(f"{aspect}: {line}" for aspect, text in definitions.items() for line in text.split("\n")),
        "",
        *planned.rubric.template.split("\n"),
        *json.dumps(planned.reply_schema, indent=2, ensure_ascii=False).split("\n"),
    ]


for command in (lint, release, new, import_):
    prompts.add_command(command)
