"""Commands work in the root of the project; the paths that a user gives are relative to where the user is."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from urial.core.errors import UrialError
from urial.run.project import find_root

# Where the user is, as the root sees it; empty: in the root, or in no project.
_BELOW: ContextVar[str] = ContextVar("below", default="")


@contextmanager
def in_project() -> Iterator[None]:
    """Work in the root of the project that the current folder is in; outside of any, where the user is."""
    try:
        here = Path.cwd()
        root = find_root(here)
    except OSError:  # The folder has been removed.
        root = None
    if root is None or root == here:
        yield
        return
    token = _BELOW.set(here.relative_to(root).as_posix())
    os.chdir(root)
    try:
        yield
    finally:
        os.chdir(here)
        _BELOW.reset(token)


def below() -> str:
    """Where the user is, as the root sees it; empty: in the root, or in no project."""
    return _BELOW.get()


def given(text: str) -> str:
    """A path that a user gave, as the root sees it.

    A step up from where the user is takes the last folder away; any other one stays, since a link may stand before it.
    """
    if not below() or os.path.isabs(text) or text.startswith("~"):
        return text
    folders, rest = below().split("/"), text
    while rest == ".." or rest.startswith("../"):
        folders = folders[:-1] if folders and folders[-1] != ".." else [*folders, ".."]
        rest = rest[2:].lstrip("/")
    return "/".join([*folders, *([rest] if rest else [])]) or "."


class GivenPath(click.Path):
    """A path that a user gives. What a command takes by default is relative to the root."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as the root sees it. An empty one, as of a shell's variable that is not set, is not the folder here."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        if isinstance(value, str) and not _is_default(param, ctx):
            value = given(value)
            _refuse_pipe(value)
        return super().convert(value, param, ctx)


class NameOrPath(click.types.StringParamType):
    """A name, of a prompt, a model or a tokenizer, or the path of its file or folder, which is there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path as the root sees it, or the name. An empty one, as of a shell's variable that is not set, is not the default."""
        if _is_default(param, ctx):
            return value
        if value == "":
            self.fail("the name is empty", param, ctx)
        _refuse_pipe(name := given_name(value))
        return name


class NamedFile(click.types.StringParamType):
    """FILE or NAME=FILE."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The same, with the path as the root sees it."""
        name, equals, file = value.partition("=")
        _refuse_pipe(given(file if equals and not os.path.exists(given(value)) else value))
        return f"{name}={given(file)}" if equals and not os.path.exists(given(value)) else given(value)


def _refuse_pipe(path: str) -> None:
    """Raises UrialError for a pipe or socket: files are read several times, and an open pipe would be waited for forever."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # Whoever opens it says what is wrong.
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise UrialError(
            "a pipe, which can be read once only", path=path, expected="a file: commands look into it before they read it",
            fix="write it to a file first",
        )  # fmt: skip


def given_name(text: str) -> str:
    """What is the path of a file or folder as the root sees it, or begins as a path; all else as it is."""
    path = given(text)
    return path if text.startswith(("./", "../")) or text.endswith((".yaml", ".yml")) or os.path.lexists(path) else text


def _is_default(param: click.Parameter | None, ctx: click.Context | None) -> bool:
    known = None if param is None or ctx is None or param.name is None else ctx.get_parameter_source(param.name)
    return known in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
