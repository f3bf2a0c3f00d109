"""Stage models: data/plan/models.json -> data/models/base and data/models/aligned."""

from pathlib import Path

from stages import record_environment, stage
from urial.models.prepare import prepare_models
from urial.run.paths import MODELS_FOLDER, MODELS_PLAN
from urial.run.reader import RunReader


@stage
def main() -> None:
    """Train the embedded pair, or fetch and record another."""
    prepare_models(RunReader().record(MODELS_PLAN), Path(MODELS_FOLDER))
    record_environment("models")


if __name__ == "__main__":
    main()
