"""Stage models: data/plan/models.json -> data/models/base and data/models/aligned."""

from stages import DATA, record_environment, stage
from urial.models import prepare_models
from urial.plans import ModelsPlan
from urial.store import read_json


@stage
def main() -> None:
    """Train the embedded pair, or fetch and record another."""
    prepare_models(read_json(DATA / "plan/models.json", ModelsPlan), DATA / "models")
    record_environment("models")


if __name__ == "__main__":
    main()
