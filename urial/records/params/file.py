"""Typed params.yaml: the one file that a user edits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from urial.core.errors import UrialError, did_you_mean
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import MAX_SEED, Name, Record
from urial.records.params.instruction_sets import InstructionSet
from urial.records.params.judges import Judge, Price
from urial.records.params.studies import Study
from urial.records.params.systems import CommonDecoding, Generation, System
from urial.records.params.token_shift import TokenShiftParams

Entry = TypeVar("Entry")


class Run(Record):
    """What this run measures."""

    study: Name = Field(description="a key of studies")
    instructions: Name | None = Field(description="a key of instruction_sets; null: the study's own")
    judge: Name = Field(description="a key of judges")
    limit: int | None = Field(ge=1, description="use only the first N instructions; null: all")
    threads: int = Field(ge=1, le=1024, description="CPU threads; a different number can change the last bits")


class ReportParams(Record):
    """How numbers are summarized."""

    resamples: int = Field(ge=100, le=1_000_000, description="bootstrap resamples over instructions")
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(description="coverage of the intervals")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of the bootstrap")
    examples: int = Field(ge=0, le=1_000, description="instructions shown side by side on the page")


class ParamsFile(Record):
    """All of params.yaml."""

    run: Run = Field(description="what this run measures")
    systems: Annotated[dict[Name, System], Field(min_length=1)] = Field(description="systems by name")
    decoding: CommonDecoding = Field(description="decoding common to the systems")
    generation: Generation = Field(description="how answers are computed")
    token_shift: TokenShiftParams = Field(description="the token distribution shift measurement")
    report: ReportParams = Field(description="how numbers are summarized")
    studies: dict[Name, Study] = Field(
        description="catalogue of studies: a base model, and its aligned version where there is one"
    )
    instruction_sets: dict[Name, InstructionSet] = Field(description="catalogue of instruction sets")
    judges: dict[Name, Judge] = Field(description="catalogue of judges")
    prices: dict[str, Price] = Field(default={}, description="prices by a model's name, all in one currency")


def read_params(path: Path) -> ParamsFile:
    """params.yaml, typed. Raises UrialError naming file, line and field of the first problems."""
    return parse_yaml_record(path, ParamsFile)


def lookup(catalogue: Mapping[str, Entry], name: str, field: str, section: str) -> Entry:
    """What a field of params.yaml names in a catalogue. Raises UrialError with the nearest known name."""
    if name not in catalogue:
        raise UrialError(f"{field}: no {name!r} in {section}", where="params.yaml", fix=did_you_mean(name, catalogue))
    return catalogue[name]
