"""Stage plan: params.yaml and prompts/ -> data/plan/, one resolved file a later stage."""

from pathlib import Path

from stages import record_environment, stage
from urial.core.errors import UrialError
from urial.core.store import write_json
from urial.plan.experiments import of_experiment
from urial.plan.outlook import print_outlook
from urial.plan.planning import make_plans
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.params.file import read_params
from urial.run.paths import (
    INSTRUCTIONS_PLAN,
    JUDGE_PLAN,
    MODELS_PLAN,
    PREFERENCES_PLAN,
    REPORT_PLAN,
    SAFETY_DEPTH_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT_PLAN,
)


@stage
def main() -> None:
    """Validate and resolve everything that a run needs."""
    path = Path("params.yaml")
    try:
        params = read_params(path)
        plans = make_plans(params, PROMPTS_DIR)
    except UrialError as error:
        raise of_experiment(error, path) from error
    for system in (*plans.systems, *plans.blends):
        write_json(Path(SYSTEM_PLAN.path(system.system)), system)
    write_json(Path(MODELS_PLAN.path()), plans.models)
    write_json(Path(INSTRUCTIONS_PLAN.path()), plans.instructions)
    write_json(Path(TOKEN_SHIFT_PLAN.path()), plans.token_shift)
    write_json(Path(JUDGE_PLAN.path()), plans.judge)
    write_json(Path(PREFERENCES_PLAN.path()), plans.preferences)
    write_json(Path(SAFETY_DEPTH_PLAN.path()), plans.safety_depth)
    write_json(Path(REPORT_PLAN.path()), plans.report)
    print_outlook(plans, params)
    record_environment("plan")


if __name__ == "__main__":
    main()
