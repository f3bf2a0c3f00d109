"""The record of prompts/released.json: which prompt versions and rubrics numbers may cite."""

from pydantic import Field

from urial.records.base import Hash, Record


class Released(Record):
    """What a released prompt version or rubric is, so that an edit is noticed."""

    file: Hash = Field(description="hash of the bytes of the YAML file")
    prompt: Hash = Field(description="content hash of the prompt version or rubric, the one that reports cite")


class ReleasedIndex(Record):
    """prompts/released.json: every prompt version and rubric that numbers may cite."""

    prompts: dict[str, Released] = Field(description="by COLLECTION/NAME; a rubric by judge/NAME/VERSION")
