"""Stage judge_safety_depth, one system: data/safety_depth/SYSTEM.jsonl -> data/safety_verdicts/SYSTEM.jsonl."""

from stages import record_environment, stage
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.judge.model.counts import judgments_line
from urial.judge.scores.run import make_judge, max_characters
from urial.records.safety_depth import PrefilledVerdict
from urial.run.paths import JUDGE_PLAN, PREFILLED, PREFILLED_VERDICTS, SAFETY_DEPTH_PLAN
from urial.run.reader import RunReader
from urial.safety_depth.verdicts.rule import Rule
from urial.safety_depth.verdicts.run import verdicts


@stage
def main(system: str) -> None:
    """Say of every answer that was begun for SYSTEM whether it refuses, and score it."""
    run = RunReader()
    plan, rows = run.record(JUDGE_PLAN), run.rows(PREFILLED, system)
    found: list[PrefilledVerdict] = []
    if rows:
        rule = Rule(run.record(SAFETY_DEPTH_PLAN).microworld_seed)
        with RowCache() as cache:
            found = verdicts(rule, make_judge(plan, cache), run.instructions, rows, max_characters(plan))
    write_jsonl(run.file(PREFILLED_VERDICTS, system), found)
    print(f"{system}: {judgments_line([row.judgment for row in found])}")
    record_environment("judge_safety_depth", system)


if __name__ == "__main__":
    main()
