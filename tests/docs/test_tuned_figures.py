"""The figures of docs/tuned-models.md are those of the runs that the page names, as the file beside it has them."""

import json

from tests.conftest import ROOT


def test_the_scores_on_the_page_are_those_of_the_run() -> None:
    page = (ROOT / "docs/tuned-models.md").read_text("utf-8")
    runs = json.loads((ROOT / "docs/tuned-models.json").read_text("utf-8"))
    names = ("helpfulness", "clarity", "factuality", "depth", "engagement", "safety")
    for system, means in runs["embedded-tuned"].items():
        assert f"| `{system}` | {' | '.join(f'{means[name]:.2f}' for name in names)} |" in page
