"""Whether a command in the documentation is one that exists, with options that exist; nothing is run here."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import click
from hydra.core.override_parser.overrides_parser import OverridesParser
from ruamel.yaml import YAML

from tests.conftest import ROOT
from urial.cli import main
from urial.records.params.file import ParamsFile

# Programs of others, whose options nothing here knows.
FOREIGN = {
    "cd",
    "cut",
    "echo",
    "eval",
    "every_eval_ever",
    "export",
    "git",
    "inspect",
    "python3",
    "ray",
    "rocrate-validator",
    "sed",
    "source",
    "vllm",
}


def check(words: list[str]) -> None:
    """Fail for a command that does not exist as it is shown."""
    program, arguments = words[0], words[1:]
    if program in FOREIGN:
        return
    checks = {"urial": _urial, "dvc": _dvc, "make": _make, "python": _python, "pip": _pip, "sh": _sh}
    assert program in checks, f"unknown program {program}"
    checks[program](arguments)


def command_of(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """The command of `urial` that words name, and its arguments."""
    command: click.Command = main
    while isinstance(command, click.Group) and arguments and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
    return command, arguments


def options_of(command: click.Command) -> set[str]:
    """The names of its options."""
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*map(options_of, command.commands.values())) if isinstance(command, click.Group) else own


def params_with(*changes: str) -> ParamsFile:
    """params.yaml with changes of `dvc exp run -S`: KEY=VALUE, or +KEY=VALUE for a key that is not there yet."""
    tree = _committed()
    for change in changes:
        key, equals, _ = change.removeprefix("+").partition("=")
        assert equals, change
        *path, last = key.split(".")
        section = tree
        for name in path:
            assert name in section, f"{change}: no {name}"
            section = section[name]
        assert (last in section) != change.startswith("+"), f"{change}: + is for keys that are not in params.yaml"
        # As DVC reads it, which is no YAML: a mapping needs no space behind a colon.
        section[last] = OverridesParser.create().parse_override(change).value()
    return ParamsFile.model_validate_json(json.dumps(tree))


def params_with_block(text: str) -> ParamsFile:
    """params.yaml with the sections of a block of YAML; of catalogs, its entries in addition to the committed ones."""
    tree = _committed()
    for name, section in _yaml(text).items():
        tree[name] = {**tree[name], **section}
    return ParamsFile.model_validate_json(json.dumps(tree, default=str))


def _committed() -> dict[str, Any]:
    tree: dict[str, Any] = _yaml((ROOT / "params.yaml").read_text("utf-8"))
    return tree


def _yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _urial(arguments: list[str]) -> None:
    command, rest = command_of(arguments)
    # Parses options, choices and numbers, and calls nothing.
    command.make_context(command.name, rest)


def _dvc(arguments: list[str]) -> None:
    from dvc.cli import parse_args

    told = parse_args(arguments)
    for change in getattr(told, "set_param", None) or []:
        key, _, values = change.partition("=")
        for value in values.split(",") if told.queue else [values]:
            params_with(*_earlier(told.set_param, change), f"{key}={value}")


def _earlier(changes: list[str], change: str) -> list[str]:
    return [other for other in changes if other != change and "," not in other]


def _make(arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(arguments) <= targets


def _python(arguments: list[str]) -> None:
    name = arguments[1].replace(".", "/") + ".py" if arguments[0] == "-m" else arguments[0]
    text = (ROOT / name).read_text("utf-8")
    for option in (word for word in arguments[1:] if word.startswith("--")):
        assert f'"{option}"' in text, f"{name} has no {option}"


def _pip(arguments: list[str]) -> None:
    assert arguments[0] in ("install", "wheel")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for extra in re.findall(r"^\.\[(.*)\]$", "\n".join(arguments), re.MULTILINE):
        assert extra in extras


def _sh(arguments: list[str]) -> None:
    assert (ROOT / Path(arguments[0])).is_file()
