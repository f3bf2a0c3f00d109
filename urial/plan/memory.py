"""The memory that stages need for their models, by arithmetic that is shown, and the memory that is here.

Rows in the row cache need no model, and a run can be planned on one machine and computed on another: this stops nobody.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from urial.plan.sizes import ModelSize, cache_bytes, size_of, weights_bytes
from urial.prompts.versions.rendering import constant_text
from urial.records.base import ROLES, Role
from urial.records.instruction import Instruction
from urial.records.model import BYTES_A_TOKEN, FolderWeights, GgufWeights, Loading, PlannedHub, PlannedLocal
from urial.records.plans import LoadedModels, PlannedTuned, SystemPlan, TrainedStudy, TransformersPlan

if TYPE_CHECKING:
    from urial.plan.planning import Plans

GB = 1e9
# What a machine without the tool has no GPUs for.
_GPUS = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Need:
    """What a stage holds in memory at a time: what for, and how many bytes."""

    stage: str
    parts: Sequence[tuple[str, int]]
    loading: Loading

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return sum(size for _, size in self.parts)

    def __str__(self) -> str:
        parts = " + ".join(f"{size / GB:,.1f} GB for {what}" for what, size in self.parts)
        return f"{self.stage} needs about {self.total / GB:,.1f} GB: {parts}"


@dataclass(frozen=True)
class Machine:
    """The memory of this machine, in bytes."""

    main: int
    gpus: Sequence[int] = ()

    def room(self, device_map: str) -> tuple[str, int]:
        """What a model is loaded into, in words, and how large that is."""
        device, _, number = device_map.partition(":")
        if device == "cpu" or not self.gpus:
            return "of memory", self.main
        if number.isdecimal() and int(number) < len(self.gpus):
            return f"on GPU {number}", self.gpus[int(number)]
        return f"on its {len(self.gpus)} GPUs" if len(self.gpus) > 1 else "on its GPU", sum(self.gpus)


def memory_remarks(needs: Sequence[Need], machine: Machine) -> list[str]:
    """A line for every stage that needs more than there is, with the arithmetic."""
    remarks = []
    for need in needs:
        where, room = machine.room(need.loading.device_map)
        if need.total > room:
            fix = (
                "lower generation.batch_size, set loading.dtype to bfloat16 or loading.quantization, or serve the model"
            )
            remarks.append(f"this machine has {room / GB:,.1f} GB {where}, and {need}; {fix} (docs/models.md)")
    return remarks


def needs(plans: "Plans") -> Iterator[Need]:
    """The stages of a run that load models whose size is known, with the most that each holds at a time."""
    sizes = dict(_sizes(plans.models.models))
    if tuning := _tuning_need(plans.models.models, sizes["base"][1] if "base" in sizes else None):
        yield tuning
    for role, (local, size) in sizes.items():
        own = [plan for plan in plans.systems if plan.model == role and plan.server is None]
        if own:
            tokens = max(_tokens(plan, plans.asked or ()) for plan in own)
            rows = f"the keys and values of {own[0].generation.batch_size} answers ({tokens:,} tokens)"
            cache = [(rows, cache_bytes(size, tokens, local.loading.dtype))] if size.cached else []
            yield Need(f"stage generate, {role} model,", [_weights(local, size), *cache], local.loading)
    yield from _of_blends(plans, sizes)
    shift = plans.token_shift
    if plans.report.measurements and len(sizes) == len(ROLES):
        held = [_weights(model, size) for model, size in sizes.values()]
        held = [max(held, key=lambda part: part[1])] if shift.token_shift.sequential else held
        loading = next(iter(sizes.values()))[0].loading
        yield Need("stage token_shift", [*held, ("its passes", shift.token_shift.memory_mib << 20)], loading)
    judge = plans.judge.judge
    judge_size = size_of(judge.model) if isinstance(judge, TransformersPlan) else None
    if isinstance(judge, TransformersPlan) and judge_size:
        settings, tokens = judge.judge, judge.judge.batch_size * judge.judge.max_tokens
        rows = f"the keys and values of {settings.batch_size} replies ({tokens:,} tokens)"
        cache = [(rows, cache_bytes(judge_size, tokens, judge.model.loading.dtype))] if judge_size.cached else []
        yield Need("stage judge", [_weights(judge.model, judge_size), *cache], judge.model.loading)


def _of_blends(plans: "Plans", sizes: Mapping[Role, tuple[PlannedLocal, ModelSize]]) -> Iterator[Need]:
    """What the blend that needs most holds, of those of which the size of every model is known: all models at a time."""
    found = []
    for plan in plans.blends:
        if plan.blend is None or plan.system not in plans.report.blends:
            continue
        own = [plan.blend.helper.model, *([plan.blend.untuned] if plan.blend.untuned else [])]
        named = [sizes.get("base"), *(sizes.get("aligned") if model is None else _sized(model) for model in own)]
        held = [each for each in named if each is not None]
        if len(held) == len(named):
            tokens = _tokens(plan, plans.asked or ())
            rows = [
                (f"the keys and values of {plan.generation.batch_size} answers ({tokens:,} tokens)", size)
                for size in (cache_bytes(size, tokens, model.loading.dtype) for model, size in held if size.cached)
            ]
            found.append(Need("stage blend", [*(_weights(*each) for each in held), *rows], held[0][0].loading))
    if found:
        yield max(found, key=lambda need: need.total)


def _sized(model: PlannedLocal) -> tuple[PlannedLocal, ModelSize] | None:
    size = size_of(model)
    return (model, size) if size else None


def _sizes(models: TrainedStudy | LoadedModels) -> Iterator[tuple[Role, tuple[PlannedLocal, ModelSize]]]:
    """The models of a study that are loaded here and whose size is known."""
    base = getattr(models, "base", None)
    for role in ROLES:
        model = getattr(models, role, None)
        # A tuned one is called by its base, which it is as large as.
        measured = base if isinstance(model, PlannedTuned) else model
        if isinstance(measured, PlannedHub | FolderWeights | GgufWeights) and (size := size_of(measured)):
            yield role, (measured, size)


def _tuning_need(models: TrainedStudy | LoadedModels, size: ModelSize | None) -> Need | None:
    """What the stage models holds while it tunes: weights in float32, and in full their gradients and two moments."""
    if not isinstance(models.aligned, PlannedTuned) or size is None:
        return None
    recipe, weights = models.aligned.tuned, weights_bytes(size, "float32")
    parts = [(f"the base model in float32 ({size.numbers / 1e9:,.2f} billion weights)", weights)]
    if recipe.method == "full":
        parts.append(("gradients and moments", 3 * weights))
    return Need("stage models, tuning,", parts, models.aligned.loading)


def _weights(model: PlannedLocal, size: ModelSize) -> tuple[str, int]:
    """What the weights of a model are, in words, and their bytes."""
    loading = model.loading
    form = loading.quantization or (size.dtype if loading.dtype == "auto" else loading.dtype)
    packed = f", and {size.packed_bytes / GB:,.1f} GB packed" if size.packed_bytes else ""
    what = f"{model.label} ({size.numbers / 1e9:,.2f} billion weights, {form}{packed})"
    return what, weights_bytes(size, loading.dtype, loading.quantization)


def _tokens(plan: SystemPlan, asked: Sequence[Instruction]) -> int:
    """Tokens of a full batch: what all prompts begin with once, and each row's own query and answer."""
    constant = constant_text(plan.prompt) if plan.prompt else ""
    longest = max((len(turn.encode()) for row in asked for turn in row.turns), default=0)
    own = longest // BYTES_A_TOKEN + plan.decoding.max_new_tokens
    return len(constant.encode()) // BYTES_A_TOKEN + plan.generation.batch_size * own


def this_machine() -> Machine:
    """The memory of this machine, as far as this process may have it."""
    main = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _LIMITS:
        with suppress(OSError, ValueError):
            main = min(main, int(path.read_text("ascii")))
    return Machine(main, _gpus())


def _gpus() -> list[int]:
    """The memory of each GPU that torch would use, in bytes; torch itself would take seconds to say."""
    program = shutil.which(_GPUS[0])
    try:
        if program is None or version("torch").endswith("+cpu"):
            return []
        done = subprocess.run([program, *_GPUS[1:]], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 (of this machine)
        memory = [int(line) << 20 for line in done.stdout.splitlines()]
    except (OSError, subprocess.SubprocessError, ValueError, PackageNotFoundError):
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return memory
    # A device can be named by its id, too: then it is only counted.
    chosen = [item.strip() for item in named.split(",") if item.strip() not in ("", "-1")]
    return [
        memory[int(item)] if item.isdecimal() and int(item) < len(memory) else max(memory) for item in chosen if memory
    ]
