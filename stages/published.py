"""Stage published, one file of published outputs: SOURCE -> data/generations/NAME.jsonl, the answers to this run's instructions."""

from pathlib import Path

from stages import record_environment, stage
from urial.core.store import write_jsonl
from urial.run.paths import PUBLISHED
from urial.run.published import published_completions
from urial.run.reader import RunReader


@stage
def main(name: str, source: str) -> None:
    """Take the answers in SOURCE to this run's instructions, by their texts, as those of NAME."""
    run = RunReader()
    write_jsonl(run.file(PUBLISHED, name), published_completions(Path(source), name, run.instructions))
    record_environment("published", name)


if __name__ == "__main__":
    main()
