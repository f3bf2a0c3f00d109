"""The record of every file that passes between stages; ``schemas/`` is generated from here."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MAX_NAME = 100
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=MAX_NAME)]
PromptName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$", max_length=200)
]
Text = Annotated[str, Field(min_length=1)]
Hash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Role = Literal["base", "aligned"]
ROLES: tuple[Role, Role] = ("base", "aligned")
# What was asked, in a row of another tool's file: a run has its instructions, and its rows do without.
Query = Annotated[str | None, Field(exclude_if=lambda value: value is None)]
# For a chat template that tells the model the date: rows are the same whenever they are made.
Day = date
DAY = date(2025, 1, 1)
# The largest that torch takes.
MAX_SEED = 2**63 - 1


class Record(BaseModel):
    """A frozen record: unknown fields are refused and nothing is converted silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
