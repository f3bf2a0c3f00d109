"""The full prompt of a system, its ablations and the bare query, as the systems of one experiment."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from urial.core.errors import UrialError, did_you_mean
from urial.core.validation import explain
from urial.experiments.sweep.selection import only_systems
from urial.experiments.sweep.variants import Variant
from urial.prompts.ablations.ablate import ablated
from urial.prompts.ablations.pools import Pools
from urial.prompts.versions.library import load_prompt, resolve_prompt_name
from urial.prompts.versions.rendering import render
from urial.records.ablation import Ablation, Choice
from urial.records.base import MAX_NAME, Name
from urial.records.params.file import MicroworldStudy, ParamsFile, System, lookup, study_of
from urial.records.prompt import Prompt

ZERO_SHOT = "zero-shot"
Settings = dict[str, object]
# The default set, by the end of the system's name.
ABLATIONS: Mapping[str, Ablation] = MappingProxyType(
    {
        "answers-shuffled": Ablation(answers="shuffled"),
        "answers-in-domain": Ablation(answers="in-domain"),
        "answers-out-of-domain": Ablation(answers="out-of-domain"),
        "answers-plain": Ablation(answers="plain"),
        "answers-none": Ablation(answers="none"),
        "queries-none": Ablation(queries="none"),
        "order-reversed": Ablation(order="reversed"),
        "order-permuted": Ablation(order="permuted"),
        "examples-0": Ablation(examples=0),
        "system-0": Ablation(system_sentences=0),
        "system-1": Ablation(system_sentences=1),
    }
)


@dataclass(frozen=True)
class Wanted:
    """Which ablations to make."""

    # Names of the default set; empty: all of it.
    only: Sequence[str] = ()
    # Numbers of examples: the first ones of the prompt, or with choices so many of a pool by each of them.
    examples: Sequence[int] = ()
    choices: Sequence[Choice] = ()
    pool: str | None = None
    # Of what is random; each is a system of its own.
    seeds: Sequence[int] = (0,)

    def named(self) -> Iterator[tuple[str, Ablation]]:
        """The ablations by the end of their systems' names. Raises UrialError for an unknown name, and what no record can be."""
        for name in self.only:
            if name not in ABLATIONS:
                raise UrialError(f"no ablation {name!r}", fix=did_you_mean(name, ABLATIONS))
        if (self.choices or self.pool) and not any(self.examples):
            raise UrialError("a choice or a pool of examples is of no use without their number", fix="name --examples")
        yield from self._drawn({name: ABLATIONS[name] for name in self.only or ABLATIONS})
        for count in self.examples:
            for choice in (self.choices if count else ()) or (None,):
                name = f"examples-{count}-{choice}" if choice else f"examples-{count}"
                fields = {"examples": count, "choice": choice, "pool": self.pool if choice else None}
                try:
                    ablation = Ablation.model_validate(fields)
                except ValidationError as error:
                    raise UrialError(explain(error, Ablation)) from error
                yield from self._drawn({name: ablation})

    def _drawn(self, ablations: Mapping[str, Ablation]) -> Iterator[tuple[str, Ablation]]:
        """Each with each seed, where it draws anything."""
        for name, ablation in ablations.items():
            for seed in dict.fromkeys(self.seeds if ablation.draws else (0,)):
                yield f"{name}-seed{seed}" if seed else name, ablation.model_copy(update={"seed": seed})


@dataclass
class AblationSweep:
    """The systems of the experiment, and what is left out of it."""

    system: Name
    # As params.yaml has it: COLLECTION/NAME.
    prompt: str
    # The prompt of each: the full one, the bare query, the ablations.
    prompts: dict[Name, Prompt] = field(default_factory=dict)
    added: dict[Name, Settings] = field(default_factory=dict)
    # Why, by name.
    left_out: dict[str, str] = field(default_factory=dict)
    # Why the token shift is not measured; None: it is, under every prompt.
    no_shift: str | None = None

    def variant(self, params: ParamsFile) -> Variant:
        """The experiment."""
        contexts = [] if self.no_shift else list(self.prompts)
        known = [name for name in self.prompts if name not in self.added]
        settings = {
            **only_systems(params, [*known, *([params.token_shift.answer_system] if contexts else [])]),
            **{f"systems.{name}": system for name, system in self.added.items()},
            "token_shift.base_systems": contexts,
            # A prompt is compared with its ablations by what `urial probe` shows, not by a judge of pairs.
            "preferences.systems": [],
            "preferences.baseline": None,
        }
        return Variant(f"ablations-{self.system}", f"ablations of {self.prompt}", settings)

    def leave_out(self, name: Name, why: str) -> None:
        """Without a system of the sweep after all."""
        del self.prompts[name]
        self.added.pop(name, None)
        self.left_out[name] = why


def ablation_sweep(params: ParamsFile, system: Name, wanted: Wanted, prompts_dir: Path) -> AblationSweep:
    """The sweep of one system. What its prompt does not allow is left out with the reason.

    Raises UrialError for an unknown system or name, one without a prompt, and where nothing is left.
    """
    full = lookup(params.systems, system, "SYSTEM", "systems")
    if full.prompt is None:
        raise UrialError(
            f"{system}: a chat template has no examples and no system text", fix="name a system with a prompt"
        )
    if full.ablation is not None:
        raise UrialError(f"{system}: its prompt is ablated already", fix="name the system of the full prompt")
    name = resolve_prompt_name(full.prompt, study_of(params).prompts, prompts_dir)
    prompt, pools = load_prompt(name, prompts_dir), Pools(prompts_dir, name.partition("/")[0])
    sweep = AblationSweep(system, name, {system: prompt}, no_shift=_why_no_shift(params, system))
    bare = _add_zero_shot(sweep, params, pools)
    names = {_text(known): own for own, known in sweep.prompts.items()}
    for ending, ablation in _of_every_domain(wanted.named(), pools):
        own = f"{system}-{ending}"
        if own in sweep.prompts or own in sweep.left_out:
            continue
        try:
            changed = ablated(prompt, ablation, pools)
            added = _added(own, params, _as_setting(params, system, name, ablation))
        except UrialError as error:
            sweep.left_out[own] = "; ".join(filter(None, (error.what, error.fix)))
            continue
        if (same := names.setdefault(_text(changed), own)) != own:
            sweep.left_out[own] = f"its text is that of {same}"
            continue
        sweep.prompts[own] = changed
        sweep.added |= added
    if not sweep.prompts.keys() - {system, bare}:
        reasons = "; ".join(dict.fromkeys(sweep.left_out.values()))
        raise UrialError(
            f"{system}: no ablation of its prompt {name} can be made: {reasons}",
            fix="name a system whose prompt has examples",
        )
    return sweep


def _text(prompt: Prompt) -> str:
    """What tells prompts apart: systems of the same text would give the same answers."""
    return render(prompt, "").text


def _of_every_domain(named: Iterator[tuple[str, Ablation]], pools: Pools) -> Iterator[tuple[str, Ablation]]:
    """The same, with answers of each of the other domains where there are several."""
    others = pools.of_other_domains()
    for name, ablation in named:
        if ablation.answers != "out-of-domain" or len(others) < 2:
            yield name, ablation
            continue
        for pool in others:
            yield f"{name}-{Path(pool).stem}", ablation.model_copy(update={"answer_pool": pool})


def _as_setting(params: ParamsFile, system: Name, prompt: str, ablation: Ablation | None) -> Settings:
    """A system like another one, with this prompt and ablation, as params.yaml has it."""
    like = params.systems[system].model_dump(mode="json", exclude={"ablation"}, exclude_defaults=True)
    changed = {} if ablation is None else {"ablation": ablation.model_dump(mode="json")}
    return {**like, "prompt": prompt, **changed}


def _add_zero_shot(sweep: AblationSweep, params: ParamsFile, pools: Pools) -> Name:
    """The bare query: a system that has it as the full prompt's system would, or a new one of the collection's prompt."""
    full, name = params.systems[sweep.system], f"{pools.collection}/{ZERO_SHOT}"
    same = [
        other
        for other, known in params.systems.items()
        if known.prompt is not None
        and (known.model, known.decoding, known.ablation) == (full.model, full.decoding, None)
        and resolve_prompt_name(known.prompt, study_of(params).prompts, pools.folder) == name
    ]
    own = same[0] if same else f"{sweep.system}-{ZERO_SHOT}"
    try:
        sweep.prompts.setdefault(own, load_prompt(resolve_prompt_name(name, None, pools.folder), pools.folder))
        if not same:
            sweep.added |= _added(own, params, _as_setting(params, sweep.system, name, None))
    except UrialError as error:
        sweep.prompts.pop(own, None)
        sweep.left_out[own] = error.what
    return own


def _added(name: Name, params: ParamsFile, setting: Settings) -> dict[Name, Settings]:
    """What is to be added for a system; nothing where params.yaml has the very same, as after an earlier sweep was applied.

    Raises UrialError where it has another one of the name.
    """
    if len(name) > MAX_NAME:
        raise UrialError(
            f"its name would be longer than {MAX_NAME} characters", fix="rename the system that is ablated"
        )
    if name not in params.systems:
        return {name: setting}
    if params.systems[name] != System.model_validate_json(json.dumps(setting)):
        raise UrialError(f"params.yaml has another system of the name {name}", fix="rename it")
    return {}


def _why_no_shift(params: ParamsFile, system: Name) -> str | None:
    """Why the token shift cannot be measured under variants of a system; None: it can."""
    study, answers = study_of(params), params.systems.get(params.token_shift.answer_system)
    if not isinstance(study, MicroworldStudy) and study.aligned is None:
        return f"the study {params.run.study} has no aligned model"
    if params.systems[system].model != "base":
        return f"{system} uses the aligned model"
    if answers is None or answers.model != "aligned":
        return f"token_shift.answer_system, {params.token_shift.answer_system}, is no system of the aligned model"
    return None
