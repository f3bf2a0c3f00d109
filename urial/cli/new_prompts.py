"""`urial prompts new` and `import`: begin prompt versions, and take over published ones and templates for judges."""

import re
from pathlib import Path
from typing import cast, get_args

import click

from urial.cli.shared import FILE
from urial.core.errors import UrialError
from urial.prompts.authoring.writing import scaffold, write_prompt, write_rubric
from urial.prompts.versions.library import prompt_path, read_prompt
from urial.records.base import NAME_PATTERN
from urial.records.prompt import JUDGE_COLLECTION, PROMPTS_DIR, DialectName, Prompt

dir_option = click.option("--dir", "folder", default="prompts", type=FILE, help="Folder of the collections.")


@click.command()
@click.argument("name")
@click.option("--from", "origin", help="Begin with the texts of this prompt.")
@dir_option
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
@click.option("--dir", "folder", type=FILE, help="Folder to write to.  [default: prompts/imported, or prompts/judge]")
def import_(file: Path, name: str, dialect: str, folder: Path | None) -> None:
    """Make a prompt version of a published prompt text, kept to the byte.

    A template for judges, with ${instruction} and ${candidate}, becomes a rubric: VERSION.yaml, and VERSION.schema.json
    for the reply that its JSON format asks for. No file is ever replaced.
    """
    from urial.prompts.authoring.importing import import_file

    imported = import_file(file, cast(DialectName | None, None if dialect == "auto" else dialect))
    if isinstance(imported, Prompt):
        path = _file(folder or PROMPTS_DIR / "imported", name)
        write_prompt(path, imported)
        click.echo(f"{path}: {imported.dialect}, K={len(imported.examples)}, every byte kept")
        return
    rubric, schema = imported
    first, _, version = name.partition("/")
    path = _file(folder or PROMPTS_DIR / JUDGE_COLLECTION, first, version or "1")
    write_rubric(path, rubric, schema)
    click.echo(f"{path}: a rubric of {', '.join(rubric.aspects)}, every byte kept")


def _file(folder: Path, *names: str) -> Path:
    """The file of these names below a folder. Raises UrialError for what can be no name."""
    for name in names:
        if not re.fullmatch(NAME_PATTERN, name):
            raise UrialError(
                f"{name!r} is no name", expected="letters, digits, '.', '_' and '-', not beginning with a sign"
            )
    return folder.joinpath(*names[:-1], f"{names[-1]}.yaml")
