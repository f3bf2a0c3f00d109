"""The option --ablation: what an ablation makes of a prompt, before a run is made with it."""

import re
from pathlib import Path

import click
from pydantic import ValidationError

from urial.cli.shared import chosen_columns
from urial.core.errors import UrialError
from urial.core.validation import explain
from urial.records.ablation import Ablation
from urial.records.prompt import Prompt

ablation_option = click.option(
    "--ablation", "changes", multiple=True, metavar="FIELD=VALUE",
    help="What this ablation makes of the prompt, such as answers=shuffled; several fields are combined.",
)  # fmt: skip


def with_ablation(prompt: Prompt, path: Path, changes: tuple[str, ...], folder: Path) -> Prompt:
    """The prompt of a file as the option changes it, with the pools of its collection. Raises UrialError where it cannot."""
    if not changes:
        return prompt
    from urial.prompts.ablations.ablate import ablated
    from urial.prompts.ablations.pools import Pools

    ablation = given_ablation(changes)
    try:
        return ablated(prompt, ablation, Pools(folder, path.absolute().parent.name))
    except UrialError as error:
        raise error.about(f"--ablation {ablation.label!r}") from error


def given_ablation(changes: tuple[str, ...]) -> Ablation:
    """The ablation that texts FIELD=VALUE say. Raises UrialError for a field or value that it has not."""
    texts = chosen_columns(changes, "answers=shuffled", "--ablation FIELD=VALUE")
    fields = {name: int(value) if re.fullmatch("[0-9]{1,19}", value) else value for name, value in texts.items()}
    try:
        return Ablation.model_validate(fields)
    except ValidationError as error:
        raise UrialError(f"--ablation: {explain(error, Ablation)}") from error
