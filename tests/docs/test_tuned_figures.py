"""The figures of docs/tuned-models.md are those of the runs that the page names, as the file beside it has them."""

import json

from tests.conftest import ROOT


def test_the_scores_on_the_page_are_those_of_the_run() -> None:
    page = (ROOT / "docs/tuned-models.md").read_text("utf-8")
    runs = json.loads((ROOT / "docs/tuned-models.json").read_text("utf-8"))
    names = ("helpfulness", "clarity", "factuality", "depth", "engagement", "safety")
    for system, means in runs["embedded-tuned"].items():
        assert f"| `{system}` | {' | '.join(f'{means[name]:.2f}' for name in names)} |" in page


def test_the_token_shift_on_the_page_is_that_of_the_run() -> None:
    page = (ROOT / "docs/tuned-models.md").read_text("utf-8")
    runs = json.loads((ROOT / "docs/tuned-models.json").read_text("utf-8"))
    for context, figures in runs["gemma-3-270m-tuned"].items():
        shares = [figures[name] for name in ("unshifted", "marginal", "shifted", "kl")]
        cells = " | ".join(f"{mean:.2f} [{low:.2f}, {high:.2f}]" for mean, low, high in shares)
        assert f"| `{context}` | {cells} |" in page
        for number, (name, digits) in enumerate((("shifted %", 1), ("KL", 2))):
            tenths = " | ".join(f"{tenth[number]:.{digits}f}" for tenth in figures["tenths"])
            assert f"| `{context}`, {name} | {tenths} |" in page
        for label, counts in figures["labels"].items():
            assert f"| {label} | {counts['tokens']} | " in page
            assert f"{counts['shifted']:.1f} | {counts['share']:.1f} |" in page
