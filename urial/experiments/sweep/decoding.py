"""Systems that differ in their decoding, and samples of one, as one experiment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from urial.core.errors import UrialError, shorten
from urial.experiments.sweep.selection import experiment_name, only_systems
from urial.experiments.sweep.variants import Variant
from urial.records.base import MAX_NAME
from urial.records.params.file import ParamsFile, System, lookup, study_of

# Letters that stand before a value in a system's name.
LETTERS = {"temperature": "t", "top_p": "p", "repetition_penalty": "r", "seed": "s"}
Change = Mapping[str, float | int]


@dataclass(frozen=True)
class DecodingAxes:
    """Values to try, each with each; empty: the system's own. Samples have the seeds 1, 2 and so on."""

    temperatures: Sequence[float] = ()
    top_ps: Sequence[float] = ()
    repetition_penalties: Sequence[float] = ()
    samples: int = 1

    def changes(self, own: Change) -> Iterator[Change]:
        """The changes of a system's own decoding, each that decodes differently once; the own one is none.

        At temperature 0 neither seed nor top_p has an effect.
        """
        seeds = list(range(1, self.samples + 1)) if self.samples > 1 else [own["seed"]]
        seen: list[Change] = [{}]
        for values in product(
            self.temperatures or [own["temperature"]],
            self.top_ps or [own["top_p"]],
            self.repetition_penalties or [own["repetition_penalty"]],
            seeds,
        ):
            change = {name: value for name, value in zip(own, values, strict=True) if value != own[name]}
            if not values[0]:
                change = {name: value for name, value in change.items() if name not in ("top_p", "seed")}
            if change not in seen:
                seen.append(change)
                yield change


def decoding_variant(params: ParamsFile, names: Sequence[str], axes: DecodingAxes) -> Variant:
    """One experiment of some systems and of the same with other decodings. Raises UrialError as ``decoded_systems``.

    The base systems of the token shift stay with the system whose answers it measures: a prompt explains as much of it however
    answers are decoded.
    """
    added = decoded_systems(params, names, axes)
    shift = params.token_shift
    of_shift = (*shift.base_systems, shift.answer_system) if shift.base_systems else ()
    settings = {
        **only_systems(params, [*names, *(name for name in of_shift if name in params.systems)]),
        **{f"systems.{name}": system for name, system in added.items()},
        # What differs between decodings is what `urial probe` shows, not a judge of pairs.
        "preferences.systems": [],
        "preferences.baseline": None,
    }
    return Variant(experiment_name("-".join(["decoding", *names])), f"decoding of {', '.join(names)}", settings)


def decoded_systems(params: ParamsFile, names: Sequence[str], axes: DecodingAxes) -> dict[str, dict[str, object]]:
    """The systems to add, by name, as params.yaml has them.

    Raises UrialError for an unknown system, where all samples would be the same answers, where nothing is changed, and for a name
    that is too long or taken.
    """
    added: dict[str, dict[str, object]] = {}
    for name in names:
        system = lookup(params.systems, name, "SYSTEM", "systems")
        own = _own_decoding(params, system)
        if axes.samples > 1 and not any(axes.temperatures or [own["temperature"]]):
            raise UrialError(
                f"{name}: {axes.samples} samples at temperature 0 would be the same answers",
                expected="one sample, or a temperature above 0",
                fix="add --temperature 0.7",
            )
        changes = list(axes.changes(own))
        if not changes:
            raise UrialError(
                f"{name}: no decoding is named but its own",
                fix="add --temperature, --top-p, --repetition-penalty or --samples with another value",
            )
        for change in changes:
            new = "-".join([name, *(_part(*item) for item in change.items())])
            _require_free(new, {**params.systems, **added})
            added[new] = _changed(params, system, change)
    return added


def _own_decoding(params: ParamsFile, system: System) -> dict[str, float | int]:
    """What a system's answers are decoded with, of the values that can be tried; in the order of their parts in names."""
    values = params.decoding.model_dump(exclude_none=True) | system.decoding.model_dump(exclude_none=True)
    penalty = study_of(params).base_repetition_penalty if system.model == "base" else 1.0
    return {name: values.get(name, penalty) for name in LETTERS}


def _part(field: str, value: float) -> str:
    """A value in a name, without its dot: 0.7 of temperature is t07.

    >>> _part("temperature", 0.7), _part("repetition_penalty", 1.15), _part("top_p", 1.0), _part("seed", 12)
    ('t07', 'r115', 'p1', 's12')
    """
    return f"{LETTERS[field]}{format(Decimal(str(value)).normalize(), 'f').replace('.', '')}"


def _require_free(name: str, systems: Mapping[str, object]) -> None:
    if name in systems:
        raise UrialError(
            f"systems: there is a {name!r} already", where="params.yaml", fix="rename it, or leave this decoding out"
        )
    if len(name) > MAX_NAME:
        raise UrialError(
            f"{shorten(name)}: the name is longer than {MAX_NAME} characters", fix="give the system a shorter name"
        )


def _changed(params: ParamsFile, system: System, change: Change) -> dict[str, object]:
    """The system with the change, as in params.yaml. One temperature replaces those by task."""
    decoding = system.decoding.model_dump(mode="json", exclude_none=True) | dict(change)
    if "temperature" in change and (decoding.get("temperature_by_task") or params.decoding.temperature_by_task):
        decoding["temperature_by_task"] = {}
    kept = system.model_dump(mode="json", exclude={"decoding"})
    return {**kept, "decoding": decoding}
