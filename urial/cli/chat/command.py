"""`urial chat`: talk to a base model through a prompt."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import click

from urial.core.errors import UrialError

if TYPE_CHECKING:
    from urial.cli.chat.commands import Commands
    from urial.cli.chat.models import Choice, NamedModel
    from urial.cli.chat.session import Session
    from urial.cli.chat.terminal import Terminal

DEFAULT_PROMPT = "urial-k3"
# Options that mean nothing without another one.
NEEDS = {"aligned": "base", "base_revision": "base", "aligned_revision": "aligned", "dtype": "base", "server": "base"}
NOT_ON_A_SERVER = ("base_revision", "aligned_revision", "dtype")


class _ChatOptions(TypedDict):
    """Options of `urial chat`; None: its default."""

    base: str | None
    base_revision: str | None
    aligned: str | None
    aligned_revision: str | None
    server: str | None
    prompt: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"] | None
    context: int | None
    max_new_tokens: int | None
    temperature: float | None
    top_p: float | None
    repetition_penalty: float | None
    seed: int | None


@click.command()
@click.option(
    "--base",
    metavar="ID",
    help="Base model: a hub id, a folder, or its name on the server.  [default: data/models/base]",
)
@click.option("--base-revision", metavar="REV", help="Commit, branch or tag; below a folder, a checkpoint.")
@click.option("--aligned", metavar="ID", help="Aligned model, for /compare.  [default: data/models/aligned]")
@click.option("--aligned-revision", metavar="REV", help="Commit, branch, tag or checkpoint of the aligned model.")
@click.option("--server", metavar="URL", help="Ask an OpenAI-compatible server; a key is taken from OPENAI_API_KEY.")
@click.option("--prompt", metavar="NAME|FILE", default=DEFAULT_PROMPT, show_default=True, help="Prompt version.")
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    help="Weights' number format.  [default: auto]",
)
@click.option("--context", type=click.IntRange(1), metavar="N", help="Use at most N tokens; estimated on a server.")
@click.option("--max-new-tokens", type=int, help="Longest answer.  [default: 256 for the embedded pair, else 512]")
@click.option("--temperature", type=float, help="0: greedy.  [default: 0]")
@click.option("--top-p", type=float, help="Nucleus sampling; 1: off.  [default: 1]")
@click.option(
    "--repetition-penalty", type=float, help="1: off.  [default: 1.1 for a base model loaded by name, else 1]"
)
@click.option("--seed", type=int, help="Seed of sampling.  [default: 0]")
def chat(**options: Unpack[_ChatOptions]) -> None:
    """Talk to a base model through a prompt.

    Lines are queries; /help lists the commands. Only answers go to standard output. Where the input is no terminal,
    the first failure ends the chat with exit code 1.
    """
    choice = _choice(options)
    from urial.cli.chat.commands import Commands
    from urial.cli.chat.models import ChatModels
    from urial.cli.chat.prompts import open_prompt
    from urial.cli.chat.session import Session
    from urial.cli.chat.terminal import Terminal

    with tempfile.TemporaryDirectory(prefix="urial-chat-") as scratch:
        models = ChatModels(choice, Path(scratch))
        # The prompt first: a wrong name should not cost the loading of a model.
        prompt = open_prompt(options["prompt"], models.collection)
        session, terminal = Session(models.base(), prompt), Terminal()
        if terminal.interactive:
            terminal.note(f"{options['base'] or 'data/models/base'} through {prompt.name}; /help lists the commands")
        _talk(session, Commands(session, models, terminal), terminal)


def _talk(session: "Session", commands: "Commands", terminal: "Terminal") -> None:
    """Answer line after line. Raises UrialError and Abort at the first failure where nobody is there to react."""
    while not commands.ended:
        try:
            line = terminal.line()
            if line is None:
                return
            _answer(line.strip(), session, commands, terminal)
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


def _answer(line: str, session: "Session", commands: "Commands", terminal: "Terminal") -> None:
    if line.startswith("/") and not line.startswith("//"):
        commands.run(line)
    elif line:
        turn = session.ask(line.removeprefix("/") if line.startswith("//") else line, terminal)
        if turn is not None and not turn.answer:
            terminal.note("the answer is empty")
        if not terminal.interactive and (turn is None or turn.finish == "interrupted"):
            raise click.Abort


def _choice(options: _ChatOptions) -> "Choice":
    """The options as a record. Raises UsageError for options that do not go together."""
    from pydantic import ValidationError

    from urial.cli.chat.models import Choice
    from urial.core.validation import explain
    from urial.records.model import Loading, ServerModel
    from urial.records.params.file import DecodingChange
    from urial.token_shift.files.named_models import named_model

    given = {name for name, value in options.items() if value is not None}
    for name, needed in NEEDS.items():
        if name in given and needed not in given:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --{needed}.")
    server = options["server"]
    if refused := [name for name in NOT_ON_A_SERVER if server and name in given]:
        raise click.UsageError(f"--{refused[0].replace('_', '-')} means nothing to a server.")

    def named(name: str | None, revision: str | None) -> "NamedModel | None":
        if name is None:
            return None
        return ServerModel(server=server, model=name) if server else named_model(name, revision)

    try:
        base = named(options["base"], options["base_revision"])
        aligned = named(options["aligned"], options["aligned_revision"])
        decoding = DecodingChange(
            max_new_tokens=options["max_new_tokens"],
            temperature=options["temperature"],
            top_p=options["top_p"],
            repetition_penalty=options["repetition_penalty"],
            seed=options["seed"],
        )
    except ValidationError as error:
        raise click.UsageError(explain(error, DecodingChange)) from error
    return Choice(base, aligned, Loading(dtype=options["dtype"] or "auto"), options["context"], decoding)
