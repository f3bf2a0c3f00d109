"""How many requests a server gets; nothing here changes an answer."""

from typing import Annotated

from pydantic import Field

from urial.records.base import Record

# The name of an environment variable.
KeyVariable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]


# English text has about so many; a server's own tokenizer is unknown.
BYTES_A_TOKEN = 4


class Limits(Record):
    """How many requests a server gets at a time, and when one is given up."""

    concurrency: int = Field(default=16, ge=1, le=4096, description="requests under way at a time")
    requests_per_minute: int | None = Field(default=None, ge=1, description="null: no limit")
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description=f"input and largest possible output, at {BYTES_A_TOKEN} bytes a token; null: no limit",
    )
    retries: int = Field(
        default=8, ge=0, le=100, description="further attempts after 408, 409, 429, 5xx and broken connections"
    )
    timeout_seconds: float = Field(default=120, gt=0, le=86_400, description="for one attempt")
    total_seconds: float = Field(
        default=900, gt=0, le=604_800, description="for a request with all its attempts and waits"
    )
