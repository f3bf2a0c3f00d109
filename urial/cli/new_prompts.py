"""`urial prompts new` and `import`: begin prompt versions, and take over published ones and templates for judges."""

import re
from pathlib import Path
from typing import Any, cast, get_args

import click

from urial.core.errors import UrialError
from urial.records.base import NAME_PATTERN
from urial.records.prompt import JUDGE_COLLECTION, PROMPTS_DIR, DialectName, Prompt, Rubric

dir_option = click.option(
    "--dir",
    "folder",
    default="prompts",
    type=click.Path(path_type=Path),
    show_default=True,
    help="Folder of the collections.",
)


@click.command()
@click.argument("name")
@click.option("--from", "origin", help="Begin with the texts of this prompt.")
@dir_option
def new(name: str, origin: str | None, folder: Path) -> None:
    """Begin the prompt version COLLECTION/NAME; what is still to be written says so, and no run accepts it."""
    from urial.prompts.authoring.writing import scaffold, write_prompt
    from urial.prompts.versions.library import prompt_path, read_prompt

    path = _new_path(name, folder)
    write_prompt(path, scaffold(read_prompt(prompt_path(origin, folder=folder)) if origin else None))
    click.echo(str(path))


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--name", required=True, help="Name of the new prompt version; a rubric's is NAME (for NAME/1) or NAME/VERSION."
)
@click.option("--dialect", type=click.Choice(["auto", *get_args(DialectName)]), default="auto", show_default=True)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder to write to.  [default: prompts/imported, or prompts/judge]",
)
def import_(file: Path, name: str, dialect: str, folder: Path | None) -> None:
    """Make a prompt version of a published prompt text, kept to the byte.

    A template for judges, with ${instruction} and ${candidate}, becomes a rubric: VERSION.yaml, and VERSION.schema.json
    for the reply that its JSON format asks for. No file is ever replaced.
    """
    from urial.prompts.authoring.importing import import_file
    from urial.prompts.authoring.writing import write_prompt

    imported = import_file(file, cast(DialectName | None, None if dialect == "auto" else dialect))
    if not isinstance(imported, Prompt):
        click.echo(_write_rubric(*imported, name, PROMPTS_DIR / JUDGE_COLLECTION if folder is None else folder))
        return
    path = _file(PROMPTS_DIR / "imported" if folder is None else folder, name)
    write_prompt(path, imported)
    click.echo(f"{path}: {imported.dialect}, K={len(imported.examples)}, every byte kept")


def _write_rubric(rubric: Rubric, schema: dict[str, Any], name: str, folder: Path) -> str:
    from urial.prompts.authoring.writing import write_rubric

    first, _, version = name.partition("/")
    path = _file(folder / _checked(first), version or "1")
    write_rubric(path, rubric, schema)
    return f"{path}: a rubric of {', '.join(rubric.aspects)}, every byte kept"


def _new_path(name: str, folder: Path) -> Path:
    collection, _, last = name.rpartition("/")
    if name.startswith(f"{JUDGE_COLLECTION}/"):
        raise UrialError(f"{name!r} would be a rubric", fix="copy the two files of a rubric to a new version")
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
