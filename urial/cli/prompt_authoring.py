"""The commands of `urial prompts` by which prompt versions and rubrics are begun, imported, checked and released."""

import re
from pathlib import Path
from typing import cast, get_args

import click

from urial.cli.shared import FILE, NAME_OR_PATH
from urial.core.errors import UrialError
from urial.core.text import counted
from urial.prompts.authoring import released as index
from urial.prompts.authoring.writing import scaffold, write_prompt, write_rubric
from urial.prompts.rubrics.rubrics import rubric_names
from urial.prompts.versions.library import list_prompts, prompt_path, read_prompt
from urial.records.base import NAME_PATTERN
from urial.records.prompt import JUDGE_COLLECTION, DialectName, Prompt
from urial.run.project import own_prompts, prompts_folder

dir_option = click.option(
    "--dir", "folder", type=FILE, default=prompts_folder, show_default=False,
    help="Folder of the collections.  [default: the project's, or outside of any those that came with urial]",
)  # fmt: skip
# Of what writes into it: nothing is written into the installed package.
own_dir_option = click.option(
    "--dir", "folder", type=FILE, default=own_prompts, show_default=False,
    help="Folder of the collections.  [default: the project's]",
)  # fmt: skip


@click.command()
@dir_option
def lint(folder: Path) -> None:
    """Check every prompt version and rubric, and that no released one was edited."""
    if problems := index.lint_prompts(folder):
        raise UrialError("\n".join(problems))
    counts = f"{counted(len(list_prompts(folder)), 'prompt version')}, {counted(len(rubric_names(folder)), 'rubric')}"
    click.echo(f"{folder}: {counts}, no problem")


@click.command()
@click.argument("names", nargs=-1, required=True)
@own_dir_option
def release(names: tuple[str, ...], folder: Path) -> None:
    """Enter prompts and rubrics into the index of what may be cited and is never edited again."""
    click.echo(f"{folder / index.INDEX}: {', '.join(index.release(list(names), folder))}")


@click.command()
@click.argument("name")
@click.option("--from", "origin", type=NAME_OR_PATH, help="Begin with the texts of this prompt.")
@own_dir_option
def new(name: str, origin: str | None, folder: Path) -> None:
    """Begin the prompt version COLLECTION/NAME; what is still to be written says so, and no run accepts it."""
    collection, _, last = name.rpartition("/")
    if name.startswith(f"{JUDGE_COLLECTION}/"):
        raise UrialError(f"{name!r} would be a rubric", fix="copy the two files of a rubric to a new version")
    if not collection:
        raise UrialError(f"{name!r} names no collection", expected="COLLECTION/NAME", fix=f"for example general/{name}")
    if "/" in collection:
        raise UrialError(f"{name!r} has more than two parts", expected="COLLECTION/NAME")
    path = _file(folder, collection, last)
    write_prompt(path, scaffold(read_prompt(prompt_path(origin, folder=folder)) if origin else None))
    click.echo(str(path))


@click.command("import")
@click.argument("file", type=FILE)
@click.option(
    "--name", required=True, help="Name of the new prompt version; a rubric's is NAME (for NAME/1) or NAME/VERSION."
)
@click.option("--dialect", type=click.Choice(["auto", *get_args(DialectName)]), default="auto")
@click.option("--verbatim", is_flag=True, help="Look for no structure: the whole text stands before the query.")
@click.option("--dir", "folder", type=FILE, help="Folder to write to.  [default: prompts/imported, or prompts/judge]")
def import_(file: Path, name: str, dialect: str, verbatim: bool, folder: Path | None) -> None:
    """Make a prompt version of a published prompt text, kept to the byte.

    A template for judges, with ${instruction} and ${candidate}, becomes a rubric: VERSION.yaml, and VERSION.schema.json
    for the reply that its JSON format asks for. No file is ever replaced.
    """
    from urial.prompts.authoring.importing import import_file

    named = cast(DialectName | None, None if dialect == "auto" else dialect)
    try:
        imported = import_file(file, named, verbatim=verbatim)
    except UrialError as error:
        # A line of a prompt's text is wrong; what is no text at all has no line.
        whole = "correct the line, or keep the whole text before the query with --verbatim"
        raise error.but(fix=error.fix or (whole if error.line else None)) from error
    if isinstance(imported, Prompt):
        path = _file(folder or own_prompts() / "imported", name)
        write_prompt(path, imported)
        click.echo(f"{path}: {imported.dialect}, K={len(imported.examples)}, every byte kept")
        return
    rubric, schema = imported
    first, _, version = name.partition("/")
    path = _file(folder or own_prompts() / JUDGE_COLLECTION, first, version or "1")
    write_rubric(path, rubric, schema)
    click.echo(f"{path}: a rubric of {', '.join(rubric.aspects)}, every byte kept")


def _file(folder: Path, *names: str) -> Path:
    """The file of these names below a folder. Raises UrialError for what can be no name."""
    if wrong := [name for name in names if not re.fullmatch(NAME_PATTERN, name)]:
        expected = "letters, digits, '.', '_' and '-', not beginning with a sign"
        raise UrialError(f"{wrong[0]!r} is no name", expected=expected)
    return folder.joinpath(*names[:-1], f"{names[-1]}.yaml")
