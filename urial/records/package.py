"""The record of the urial that computes a project without code of its own."""

from pydantic import Field

from urial.records.base import Hash, Record


class InstalledPackage(Record):
    """urial-package.json, as `urial init` writes it: every stage of the project depends on it, and runs this urial alone."""

    version: str = Field(min_length=1, description="the version of urial")
    rooms: dict[str, Hash] = Field(min_length=1, description="content hash of all files in each folder of code")
