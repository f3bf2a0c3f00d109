"""`urial prompts`: read, compare, check, begin and import prompt versions."""

import difflib
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

import click

from urial.cli.printing import as_json, print_bytes, print_json, print_table
from urial.errors import UrialError
from urial.hashing import short_hash
from urial.prompt_records import DialectName, Prompt
from urial.records import NAME_PATTERN

dir_option = click.option(
    "--dir",
    "folder",
    default="prompts",
    type=click.Path(path_type=Path),
    show_default=True,
    help="Folder of the collections.",
)


@click.group()
def prompts() -> None:
    """Prompt versions. NAME is a prompt's name, COLLECTION/NAME, or the path of a prompt file."""


@prompts.command("list")
@click.option("--tokenizer", help="Count tokens with this tokenizer: a hub id or a model folder.")
@dir_option
@as_json
def list_(tokenizer: str | None, folder: Path, as_json: bool) -> None:
    """All prompt versions: name, method, K, dialect, tokens before the query, hash, description."""
    from urial.prompts.library import list_prompts, load_prompt, prompt_hash, released

    index = released(folder)
    count = _token_counter(tokenizer) if tokenizer else None
    rows, problems = [], []
    for name in list_prompts(folder):
        try:
            prompt = load_prompt(name, folder)
        except UrialError as error:
            problems.append(str(error))
            continue
        rows.append(
            {
                "name": name,
                "method": prompt.method,
                "k": prompt.retrieval.k if prompt.retrieval else len(prompt.examples),
                "dialect": prompt.dialect,
                **({"tokens": None if prompt.retrieval else count(prompt)} if count else {}),
                "hash": prompt_hash(prompt),
                "released": name in index,
                "description": prompt.description,
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_table([{**row, "hash": short_hash(str(row["hash"]))} for row in rows])
    if problems:
        raise UrialError("\n".join(problems))


@prompts.command()
@click.argument("name")
@dir_option
@as_json
def show(name: str, folder: Path, as_json: bool) -> None:
    """One prompt version: its file, or with --json its record and hash."""
    from urial.prompts.library import prompt_hash, prompt_path, read_prompt
    from urial.yaml_files import MAX_BYTES, read_text

    path = prompt_path(name, folder=folder)
    if as_json:
        prompt = read_prompt(path)
        print_json({"file": str(path), "hash": prompt_hash(prompt), **prompt.model_dump(mode="json")})
    else:
        # Also one that is still to be written.
        print_bytes(read_text(path, MAX_BYTES), str(path))


@prompts.command()
@click.argument("name")
@click.option("--query", required=True, help="The query to render the prompt for.")
@click.option("--history", type=click.Path(path_type=Path), help="JSON file of the chat messages before the query.")
@dir_option
def render(name: str, query: str, history: Path | None, folder: Path) -> None:
    """Exactly the text that a base model sees: no byte more on standard output."""
    from urial.prompts.history import read_history
    from urial.prompts.library import pool_path, prompt_path, read_prompt
    from urial.prompts.rendering import render as rendered
    from urial.prompts.rendering import with_examples
    from urial.prompts.retrieval import open_retriever

    path = prompt_path(name, folder=folder)
    prompt = read_prompt(path)
    turns = read_history(history) if history else []
    if prompt.retrieval is not None:
        chosen = open_retriever(prompt.retrieval, pool_path(prompt, path)).choose(turns[0][0] if turns else query)
        prompt = with_examples(prompt, chosen.examples)
    found = rendered(prompt, query, turns)
    print_bytes(found.text, "--query or --history")
    if found.flag:
        click.echo(f"Warning: {found.flag}", err=True)


@prompts.command()
@click.argument("first")
@click.argument("second")
@dir_option
def diff(first: str, second: str, folder: Path) -> None:
    """What differs between two prompt versions as a model sees them; exits with 1 when something does."""
    from urial.prompts.library import prompt_path, read_prompt
    from urial.prompts.rendering import render as rendered

    def seen(name: str) -> list[str]:
        prompt = read_prompt(prompt_path(name, folder=folder))
        fields = prompt.model_dump(mode="json", include={"method", "dialect", "fence", "retrieval", "stop"})
        head = [f"{key}: {value}" for key, value in fields.items() if value is not None]
        return [*head, "", *rendered(prompt, "QUERY").text.split("\n")]

    lines = list(difflib.unified_diff(seen(first), seen(second), first, second, lineterm=""))
    for line in lines:
        click.echo(line)
    if lines:
        raise click.exceptions.Exit(1)


@prompts.command()
@dir_option
def lint(folder: Path) -> None:
    """Check every prompt file, and that no released one was edited."""
    from urial.prompts.library import lint_prompts, list_prompts

    if problems := lint_prompts(folder):
        raise UrialError("\n".join(problems))
    click.echo(f"{folder}: {len(list_prompts(folder))} prompt versions, no problem")


@prompts.command()
@click.argument("names", nargs=-1, required=True)
@dir_option
def release(names: tuple[str, ...], folder: Path) -> None:
    """Enter prompts into the index of versions that may be cited and are never edited again."""
    from urial.prompts.library import INDEX, resolve_prompt_name
    from urial.prompts.library import release as enter

    full = [resolve_prompt_name(name, None, folder) for name in names]
    enter(full, folder)
    click.echo(f"{folder / INDEX}: {', '.join(full)}")


@prompts.command()
@click.argument("name")
@click.option("--from", "origin", help="Begin with the texts of this prompt.")
@dir_option
def new(name: str, origin: str | None, folder: Path) -> None:
    """Begin the prompt version COLLECTION/NAME; what is still to be written says so, and no run accepts it."""
    from urial.prompts.library import prompt_path, read_prompt
    from urial.prompts.writing import scaffold, write_prompt

    path = _new_path(name, folder)
    write_prompt(path, scaffold(read_prompt(prompt_path(origin, folder=folder)) if origin else None))
    click.echo(str(path))


@prompts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the new prompt version.")
@click.option("--dialect", type=click.Choice(["auto", *get_args(DialectName)]), default="auto", show_default=True)
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Folder to write to.  [default: prompts/imported]"
)
def import_(file: Path, name: str, dialect: str, folder: Path | None) -> None:
    """Make a prompt version of a published prompt text, kept to the byte.

    A template for judges, with ${instruction} and ${candidate}, goes to prompts/judge.
    """
    from urial.prompts.importing import import_file
    from urial.prompts.library import JUDGE_COLLECTION, PROMPTS_DIR
    from urial.prompts.writing import write_prompt

    record = import_file(file, cast(DialectName | None, None if dialect == "auto" else dialect))
    collection = "imported" if isinstance(record, Prompt) else JUDGE_COLLECTION
    path = _new_path(f"{collection}/{name}", PROMPTS_DIR) if folder is None else _file(folder, name)
    write_prompt(path, record)
    if isinstance(record, Prompt):
        click.echo(f"{path}: {record.dialect}, K={len(record.examples)}, every byte kept")
    else:
        click.echo(f"{path}: a template for judges, every byte kept")


def _new_path(name: str, folder: Path) -> Path:
    collection, _, last = name.rpartition("/")
    if not collection:
        raise UrialError(f"{name!r} names no collection", expected="COLLECTION/NAME", fix=f"for example general/{name}")
    if "/" in collection:
        raise UrialError(f"{name!r} has more than two parts", expected="COLLECTION/NAME")
    return _file(folder / _checked(collection), last)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{_checked(name)}.yaml"


def _checked(name: str) -> str:
    if not re.fullmatch(NAME_PATTERN, name):
        raise UrialError(
            f"{name!r} is no name", expected="letters, digits, '.', '_' and '-', not beginning with a sign"
        )
    return name


def _token_counter(tokenizer: str) -> Callable[[Prompt], int]:
    from urial.engines.loading import encode, named_tokenizer
    from urial.prompts.rendering import constant_text

    found = named_tokenizer(tokenizer)
    return lambda prompt: len(encode(found, constant_text(prompt), True))
