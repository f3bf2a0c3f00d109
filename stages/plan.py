"""Stage plan: params.yaml and prompts/ -> data/plan/, one resolved file a later stage."""

from pathlib import Path

from stages import DATA, record_environment, stage
from urial.core.store import write_json
from urial.plan.planning import make_plans
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.params.file import read_params


@stage
def main() -> None:
    """Validate and resolve everything that a run needs."""
    plans = make_plans(read_params(Path("params.yaml")), PROMPTS_DIR)
    out = DATA / "plan"
    for system in plans.systems:
        write_json(out / "systems" / f"{system.system}.json", system)
    write_json(out / "models.json", plans.models)
    write_json(out / "instructions.json", plans.instructions)
    write_json(out / "token_shift.json", plans.token_shift)
    write_json(out / "judge.json", plans.judge)
    write_json(out / "report.json", plans.report)
    record_environment("plan")


if __name__ == "__main__":
    main()
