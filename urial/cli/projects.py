"""`urial init`: a project of one's own, anywhere."""

import shlex
from pathlib import Path

import click

from urial.cli.shared import FILE, NAME_OR_PATH
from urial.core.errors import UrialError


@click.command()
@click.argument("folder", metavar="[DIR]", type=FILE, required=False)
@click.option(
    "--base", metavar="ID", type=NAME_OR_PATH,
    help="Study this base model: a hub id, a folder or a GGUF file.  [default: the embedded pair]",
)  # fmt: skip
@click.option(
    "--aligned",
    metavar="ID",
    type=NAME_OR_PATH,
    help="Its aligned version; without one, the base model is studied alone.",
)
@click.option(
    "--update", is_flag=True, help="Take up the installed urial in the project here: dvc.yaml and urial-package.json."
)
def init(folder: Path | None, base: str | None, aligned: str | None, update: bool) -> None:
    """Make DIR a project: params.yaml, prompts, sets of instructions, and a pipeline that the installed urial runs.

    It is put under git and DVC; nothing is committed. Files that are there stay.
    """
    from urial.exchange.new_project import OwnModels, make_project, update_package
    from urial.run.package import PACKAGE, installed_package
    from urial.run.project import root_of
    from urial.token_shift.files.measure_file import named_model

    version = installed_package().version
    if update:
        if folder or base or aligned:
            raise click.UsageError("--update is for the project here, and stands alone.")
        root = root_of(Path())
        if not (root / PACKAGE).is_file():
            raise UrialError(
                f"no {PACKAGE}: this project is a checkout of urial, with code of its own", path=root,
                fix="change its code, which its stages depend on",
            )  # fmt: skip
        update_package(root)
        click.echo(f"{root}: is run by urial {version} now; `git diff` shows what changed, `dvc repro` computes it")
        return
    if folder is None:
        raise click.UsageError("Name the folder: urial init DIR.")
    if aligned and not base:
        raise click.UsageError("--aligned needs --base.")
    models = OwnModels(named_model(base, None), named_model(aligned, None) if aligned else None) if base else None
    make_project(folder, models)
    click.echo(
        f"{folder}: a project that urial {version} runs\n\n"
        f"  cd {shlex.quote(str(folder))}\n"
        "  git add --all && git commit --quiet --message 'A study'\n"
        "  dvc repro && urial report\n\n"
        "params.yaml says what is measured."
    )
