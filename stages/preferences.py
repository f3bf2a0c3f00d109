"""Stage preferences, one system: its answers and the baseline's -> data/preferences/SYSTEM.jsonl."""

from stages import record_environment, say_left_out, stage
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.judge.model.counts import preferences_line
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.records.preference import Preference
from urial.run.paths import COMPLETIONS, PREFERENCES, PREFERENCES_PLAN
from urial.run.reader import RunReader


@stage
def main(system: str) -> None:
    """Compare every answer of SYSTEM with the baseline's."""
    run = RunReader()
    plan = run.record(PREFERENCES_PLAN)
    completions = run.rows(COMPLETIONS, system)
    preferences: list[Preference] = []
    if completions and plan.baseline is not None:
        baseline = run.rows(COMPLETIONS, plan.baseline)
        with RowCache() as cache:
            judge = make_preference_judge(plan, cache)
            preferences = compare_completions(judge, plan, run.instructions, completions, baseline)
    else:
        say_left_out(f"{system} against the baseline")
    write_jsonl(run.file(PREFERENCES, system), preferences)
    print(f"{system}: {preferences_line(preferences)}")
    record_environment("preferences", system)


if __name__ == "__main__":
    main()
