"""What is printed, whole."""

from pathlib import Path

from tests.conftest import make_query
from tests.judge.files.rows import BOOTSTRAP, file_of, in_words, judgment, summary_of, systems_of, who
from urial.judge.files.agreement import compare_judges
from urial.judge.files.raters_files import agreement_of
from urial.judge.files.records import Agreement
from urial.judge.files.tables import agreement_text, summary_text

ROWS = [judgment("1", {"depth": 4, "clarity": "not_applicable"}), judgment("2", {"depth": 4, "clarity": 2})]
SCORES_HEAD = (
    "| system | helpfulness | clarity | factuality | depth | engagement | safety | average | words | scored/total |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
COUNTS = "scored | not applicable | invalid | refused | filtered | failed | no completion | total |\n"
INTERVALS = "In brackets: 95 % bootstrap intervals (200 resamples of instructions, seed 0).\n"


def test_one_system(tmp_path: Path) -> None:
    line = "| a | – | 2.00 | – | 4.00 [4.00, 4.00] | – | – | – | 10.00 [10.00, 10.00] | 3/4 |\n"
    assert summary_text(summary_of(systems_of(tmp_path, a=ROWS))) == (
        f"### Scores (1-5)\n\n{SCORES_HEAD}{line}\n"
        f"### Rows\n\n| system | aspect | {COUNTS}"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| a | clarity | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 2 |\n| a | depth | 2 | 0 | 0 | 0 | 0 | 0 | 0 | 2 |\n\n"
        f"Judge of regular instructions: {in_words('j')}.\n\nNot applicable is left out of every mean.\n\n{INTERVALS}"
    )


def test_two_systems_by_task_with_a_convention(tmp_path: Path) -> None:
    known = [make_query("1", task=("a\x1b[2Jb",)), make_query("2"), make_query("3")]
    text = summary_text(summary_of(systems_of(tmp_path, a=ROWS, b=ROWS), known, by="task", not_applicable=5))
    assert "| a | – | 3.50 [2.00, 5.00] | – | 4.00 [4.00, 4.00] |" in text
    assert (
        "### Paired differences\n\n| A | B | aspect | n | A - B | p | p (Holm) |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| a | b | clarity | 2 | 0.00 [0.00, 0.00] | 1.0000 | 1.0000 |\n"
        "| a | b | depth | 2 | 0.00 [0.00, 0.00] | 1.0000 | 1.0000 |\n"
    ) in text
    assert "### Scores (1-5), by task\n\n| task | instructions | system | helpfulness |" in text
    assert "| a␛[2Jb | 1 | b | – | 5.00 | – | 4.00 |" in text
    assert text.endswith(
        f"Not applicable counts as 5 in every mean, though not as scored.\n\n{INTERVALS}\n"
        "Paired differences are over the n instructions on which both systems have a score; p is of a two-sided "
        "permutation test by sign flips (9,999 draws, or all), p (Holm) the same corrected for the 2 tests of the table."
        "\n\nInstructions without a task, in no row by task: 1.\n\n"
        "Instructions in the file of instructions that were not judged: 1.\n"
    )


def test_different_judges_stand_in_every_table(tmp_path: Path) -> None:
    other = [row.model_copy(update={"judge": who("k|\x1b[31m")}) for row in ROWS]
    known = [make_query("1", task=("math",)), make_query("2")]
    found = summary_of(systems_of(tmp_path, a=ROWS, b=other), known, mixed_judges=True, by="task")
    text = summary_text(found)
    lines = [line for line in text.replace("| math | 1 | ", "| ").splitlines() if line.startswith(("| a ", "| b "))]
    lines = [line for line in lines if "(judge" not in line]
    assert len(lines) == 2 + 4 + 2
    hostile = in_words("k\\|␛[31m")
    assert all(line.startswith((f"| a | {in_words('j')} | ", f"| b | {hostile} | ")) for line in lines)
    assert f"| a (judge: {in_words('j')}) | b (judge: {hostile}) | clarity | 1 | 0.00 | 1.0000 | 1.0000 |" in text
    assert "Judge of" not in text


def test_agreement(tmp_path: Path) -> None:
    hostile = judgment("2", {"depth": 1}, judge="k\x1b[31m", words=None)
    score = hostile.scores[0].model_copy(update={"rationale": "bad\n\x1b[2J|" + "x" * 500})
    first = file_of(tmp_path / "a.jsonl", *ROWS)
    second = file_of(tmp_path / "b.jsonl", hostile.model_copy(update={"scores": (score,)}))
    assert agreement_text(compare_judges(first, second, 10, BOOTSTRAP)) == (
        "### Agreement on the answers of a\n\n"
        "| aspect | scored by both | only A | only B | Spearman | Pearson | quadratic kappa | kappa | A - B | equal |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| clarity | 0 | 1 | 0 | – | – | – | – | – | – |\n| depth | 1 | 1 | 0 | – | – | 0.00 | 0.00 | 3.00 | 0.0 % |\n\n"
        "### Largest disagreements\n\n| instruction | aspect | A | B | A says | B says |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        f"| 2 | depth | 4 | 1 | depth is 4 | bad↵␛[2J\\|{'x' * 151}… |\n\n"
        f"A: {in_words('j')}.\n\nB: {in_words('k␛[31m')}.\n\n"
        "Kappa is Cohen's, quadratic with squared distances as weights; for both and for equal scores, scores are made whole, "
        "halves upwards. "
        f"{INTERVALS}"
    )
    path = tmp_path / "p.csv"
    path.write_text("instruction_id,aspect,score\n1,depth,4\n")
    text = agreement_text(compare_judges(first, path, 10, BOOTSTRAP))
    assert "\nB: people.\n" in text
    assert "Largest" not in text


def test_people_alone(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("instruction_id,aspect,score:ann,score:ben\n1,depth,4,5\n2,depth,2,2\n")
    found = agreement_of([path], 10, BOOTSTRAP)
    assert isinstance(found, Agreement)
    assert agreement_text(found) == (
        "### Agreement of people with each other (Krippendorff's alpha)\n\n"
        "| aspect | scored by several | alpha, nominal | ordinal | interval |\n| --- | --- | --- | --- | --- |\n"
        "| depth | 2 | 0.40 | 0.83 | 0.89 |\n\nPeople: ann, ben.\n"
    )
    judged = file_of(tmp_path / "a.jsonl", judgment("1", {"depth": 4}), judgment("2", {"depth": 2}))
    text = agreement_text(compare_judges(judged, path, 10, BOOTSTRAP))
    assert "| depth | 2 | 0 | 0 | 1.00 | 1.00 | " in text
    assert "\nB: people: ann, ben; of several the mean.\n" in text
