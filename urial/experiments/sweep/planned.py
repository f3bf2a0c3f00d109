"""What each variant of a sweep will take, before anything is computed: the answers that the row cache lacks, and the judge's price."""

import io
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.core.tables import Cell, Table
from urial.experiments.sweep.start import Start
from urial.experiments.sweep.variants import Variant, VariantParams
from urial.generate.run import generate, lacking
from urial.instructions.sets import load_instructions
from urial.judge.files.estimate import Reckoning, total
from urial.judge.files.run_estimate import estimates_of_run
from urial.models.prepare import prepare_models
from urial.models.trained import pair_folder, read_pair
from urial.plan.planning import Plans, make_plans
from urial.prompts.versions.assembly import assemble
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.base import ROLES
from urial.records.instruction import Instruction
from urial.records.model import BYTES_A_TOKEN, MANIFEST, FolderWeights, ModelManifest, ServerModel
from urial.records.plans import LoadedModels, ModelsPlan, SystemPlan
from urial.run.paths import COMPLETIONS

COLUMNS = ("experiment", "", "answers", "to compute", "judged anew", "price of the judge")
AT_MOST = "At most: which answers are in the row cache is known when all files of the model are here."
PRICE = "The price is without asking again, for what the judge has not judged; answers that are not there yet count as 200 words."


@dataclass(frozen=True)
class Planned:
    """A variant that can be run."""

    variant: Variant
    # Of the experiment; where another one has the variant's name already, with some digits behind it.
    name: str
    params: VariantParams
    plans: Plans
    instructions: Sequence[Instruction]

    @property
    def systems(self) -> list[SystemPlan]:
        """Those that answer."""
        return [plan for plan in self.plans.systems if plan.system in self.plans.report.systems]


@dataclass(frozen=True)
class Work:
    """What a variant takes."""

    answers: int
    to_compute: int
    # Whether that is known; else it is at most as much.
    exact: bool
    # Answers to judge; requests, of a judge on a server.
    judged: int
    # Of a judge on a server that has a price, in the currency of the price.
    price: float | None


def plan_variant(variant: Variant, params: VariantParams, start: Start) -> Planned:
    """Resolve what the variant names. Raises UrialError for the first thing that cannot work."""
    with redirect_stdout(io.StringIO()):
        plans = make_plans(params.params, PROMPTS_DIR)
        instructions = load_instructions(plans.instructions) if plans.asked is None else plans.asked
    name = f"{variant.name}-{params.digest}" if start.is_taken(variant.name) else variant.name
    return Planned(variant, name, params, plans, instructions)


def work_of(planned: Planned, cache: RowCache) -> Work:
    """What a variant takes, as far as it can be known without fetching, training or asking anything."""
    turns = sum(len(row.turns) for row in planned.instructions)
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="urial-sweep-") as scratch, redirect_stdout(io.StringIO()):
        folder = Path(scratch)
        try:
            _put_known_models(planned.plans.models, folder / "models")
            for plan in planned.systems:
                model = folder / "models" / plan.model
                if model.is_dir():
                    prompts = assemble(plan, planned.instructions, model)
                    counts[plan.system] = lacking(plan, planned.instructions, prompts, model, cache)
                    if not counts[plan.system]:
                        rows = generate(plan, planned.instructions, prompts, model, cache)
                        write_jsonl(folder / COMPLETIONS.below(plan.system), rows)
        except UrialError:
            # Whatever it is, the variant fails by it when its turn has come.
            pass
        requests, price = _judging(planned, folder, cache)
    answers = turns * len(planned.systems)
    to_compute = sum(counts.get(plan.system, turns) for plan in planned.systems)
    judged = answers if requests is None and planned.plans.judge.judge else requests or 0
    return Work(answers, to_compute, len(counts) == len(planned.systems), judged, price)


def work_table(rows: Sequence[tuple[str, str, Work | None]]) -> Table:
    """Of variants by name and label; None: the experiment is there."""
    cells: list[list[Cell]] = []
    for name, label, work in rows:
        if work is None:
            cells.append([name, label, None, "there already", None, None])
        else:
            count = f"{work.to_compute:,}" if work.exact else f"at most {work.to_compute:,}"
            price = None if work.price is None else f"{work.price:,.2f}"
            cells.append([name, label, f"{work.answers:,}", count, f"{work.judged:,}", price])
    takes = [work for _, _, work in rows if work is not None]
    priced = any(work.price is not None for work in takes)
    remarks = [*([] if all(work.exact for work in takes) else [AT_MOST]), *([PRICE] if priced else [])]
    shown = len(COLUMNS) if priced else len(COLUMNS) - 1
    return Table("Experiments", COLUMNS[:shown], [line[:shown] for line in cells], " ".join(remarks) or None)


def _put_known_models(plan: ModelsPlan, out: Path) -> None:
    """The folders of those models of which the files are here and can be had at once."""
    if not isinstance(plan.models, LoadedModels):
        if read_pair(pair_folder(plan.models, plan.threads)):
            prepare_models(plan, out)
        return
    for role in ROLES:
        planned = getattr(plan.models, role)
        if isinstance(planned, FolderWeights | ServerModel):
            write_json(out / role / MANIFEST, ModelManifest(role=role, source=planned))


def _judging(planned: Planned, data: Path, cache: RowCache) -> tuple[int | None, float | None]:
    """Requests that a judge on a server has not answered yet, and their price; None where no server judges."""
    plans = planned.plans
    reckoning = Reckoning(cache, lambda text: -(-len(text.encode()) // BYTES_A_TOKEN))
    found = estimates_of_run(
        planned.params.params,
        plans.judge,
        plans.preferences,
        data,
        instructions=planned.instructions,
        reckoning=reckoning,
    )
    parts = [*found.systems.values(), *found.preferences.values()]
    if not parts:
        return None, None
    whole = total(parts)
    return whole.requests - whole.on_record, whole.cost
