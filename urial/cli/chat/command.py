"""`urial chat`: talk to a base model through a prompt."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from urial.cli.shared import NAME_OR_PATH
from urial.core.errors import UrialError

if TYPE_CHECKING:
    from urial.cli.chat.models import NamedModel
    from urial.cli.chat.session import Commands, Session
    from urial.cli.chat.terminal import Terminal

DEFAULT_PROMPT = "urial-k3"
# Options that mean nothing without another one.
NEEDS = {"aligned": "base", "base_revision": "base", "aligned_revision": "aligned", "dtype": "base", "server": "base"}
NOT_ON_A_SERVER = ("base_revision", "aligned_revision", "dtype")


@click.command()
@click.option(
    "--base",
    metavar="ID",
    type=NAME_OR_PATH,
    help="Base model: a hub id, a folder, a GGUF file, or its name on the server.  [default: data/models/base]",
)
@click.option("--base-revision", metavar="REV", help="Commit, branch or tag; below a folder, a checkpoint.")
@click.option(
    "--aligned", metavar="ID", type=NAME_OR_PATH, help="Aligned model, for /compare.  [default: data/models/aligned]"
)
@click.option("--aligned-revision", metavar="REV", help="Commit, branch, tag or checkpoint of the aligned model.")
@click.option("--server", metavar="URL", help="Ask an OpenAI-compatible server; a key is taken from OPENAI_API_KEY.")
@click.option("--prompt", metavar="NAME|FILE", type=NAME_OR_PATH, default=DEFAULT_PROMPT, help="Prompt version.")
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    help="Weights' number format.  [default: auto]",
)  # fmt: skip
@click.option("--context", type=click.IntRange(1), metavar="N", help="Use at most N tokens; estimated on a server.")
@click.option("--max-new-tokens", type=int, help="Longest answer.  [default: 256 for the embedded pair, else 512]")
@click.option("--temperature", type=float, help="0: greedy.  [default: 0]")
@click.option("--top-p", type=float, help="Nucleus sampling; 1: off.  [default: 1]")
@click.option(
    "--repetition-penalty", type=float, help="1: off.  [default: 1.1 for a base model loaded by name, else 1]"
)
@click.option("--seed", type=int, help="Seed of sampling.  [default: 0]")
def chat(
    base: str | None,
    base_revision: str | None,
    aligned: str | None,
    aligned_revision: str | None,
    server: str | None,
    prompt: str,
    dtype: Literal["auto", "float32", "bfloat16", "float16"] | None,
    context: int | None,
    **decoding: object,
) -> None:
    """Talk to a base model through a prompt.

    Lines are queries; /help lists the commands. Only answers go to standard output. Where the input is no terminal,
    the first failure ends the chat with exit code 1.
    """
    _require_options_that_go_together()
    from pydantic import ValidationError

    from urial.cli.chat.models import ChatModels, open_prompt
    from urial.cli.chat.session import Commands, Session
    from urial.cli.chat.terminal import Terminal
    from urial.core.validation import explain
    from urial.records.model import Loading
    from urial.records.params.file import DecodingChange

    try:
        named = _named(base, base_revision, server), _named(aligned, aligned_revision, server)
        change = DecodingChange.model_validate(decoding)
    except ValidationError as error:
        raise click.UsageError(explain(error, DecodingChange)) from error
    with tempfile.TemporaryDirectory(prefix="urial-chat-") as scratch:
        models = ChatModels(Path(scratch), *named, Loading(dtype=dtype or "auto"), context, change)
        # The prompt first: a wrong name should not cost the loading of a model.
        opened = open_prompt(prompt, models.collection)
        session, terminal = Session(models.base(), opened), Terminal()
        if terminal.interactive:
            terminal.note(f"{base or 'data/models/base'} through {opened.name}; /help lists the commands")
        _talk(session, Commands(session, models, terminal), terminal)


def _require_options_that_go_together() -> None:
    """Raises UsageError for the first option that means nothing beside the others."""
    options = click.get_current_context().params
    given = {name for name, value in options.items() if value is not None}
    for name, needed in NEEDS.items():
        if name in given and needed not in given:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --{needed}.")
    if refused := [name for name in NOT_ON_A_SERVER if options["server"] and name in given]:
        raise click.UsageError(f"--{refused[0].replace('_', '-')} means nothing to a server.")


def _named(name: str | None, revision: str | None, server: str | None) -> "NamedModel | None":
    from urial.records.model import ServerModel
    from urial.token_shift.files.measure_file import named_model

    if name is None:
        return None
    return ServerModel(server=server, model=name) if server else named_model(name, revision)


def _talk(session: "Session", commands: "Commands", terminal: "Terminal") -> None:
    """Answer line after line. Raises UrialError and Abort at the first failure where nobody is there to react."""
    while not commands.ended:
        try:
            line = terminal.line()
            if line is None:
                return
            line = line.strip()
            if line.startswith("/") and not line.startswith("//"):
                commands.run(line)
            elif line:
                turn = session.ask(line.removeprefix("/"), terminal)
                if not terminal.interactive and (turn is None or turn.finish == "interrupted"):
                    raise click.Abort
        except UrialError as error:
            if not terminal.interactive:
                raise
            terminal.note(f"Error: {error}")
        except KeyboardInterrupt:
            if not terminal.interactive:
                raise
            terminal.note("\nstopped; Ctrl-D or /quit ends the chat")
        finally:
            terminal.end()
