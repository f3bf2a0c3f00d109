"""Stage judge, one system: data/generations/SYSTEM.jsonl -> data/judgments/SYSTEM.jsonl."""

from stages import record_environment, say_left_out, stage
from urial.core.row_cache import RowCache
from urial.core.store import write_jsonl
from urial.judge.model.counts import judgments_line
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.records.judgment import Judgment
from urial.run.paths import COMPLETIONS, JUDGE_PLAN, JUDGMENTS
from urial.run.reader import RunReader


@stage
def main(system: str) -> None:
    """Score every answer of SYSTEM."""
    judge_system(RunReader(), system)
    record_environment("judge", system)


def judge_system(run: RunReader, system: str) -> None:
    """Score every answer of a system, or of a blend."""
    plan, completions = run.record(JUDGE_PLAN), run.rows(COMPLETIONS, system)
    judgments: list[Judgment] = []
    if completions:
        with RowCache() as cache:
            judge = make_judge(plan, cache)
            judgments = judge_completions(judge, run.instructions, completions, max_characters(plan))
    else:
        say_left_out(system)
    write_jsonl(run.file(JUDGMENTS, system), judgments)
    print(f"{system}: {judgments_line(judgments)}")


if __name__ == "__main__":
    main()
