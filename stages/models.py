"""Stage models: data/plan/models.json -> data/models/base and data/models/aligned."""

from stages import DATA, record_environment, stage
from urial.core.store import read_json
from urial.models.prepare import prepare_models
from urial.records.plans import ModelsPlan


@stage
def main() -> None:
    """Train the embedded pair, or fetch and record another."""
    prepare_models(read_json(DATA / "plan/models.json", ModelsPlan), DATA / "models")
    record_environment("models")


if __name__ == "__main__":
    main()
