"""What people and programs read of a probed run."""

import csv
import io
import json

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import ROOT
from tests.experiments.probing.runs import ZERO_SHOT_RANKS, context, probed, variant
from tests.report.conftest import IDS
from urial.experiments.probing.tables import (
    COLUMNS,
    missing_lines,
    probing_csv,
    probing_latex,
    probing_rows,
    probing_text,
)
from urial.records.ablation import Ablation
from urial.records.probing import Probing

FIVES = dict.fromkeys(IDS, 5)
LOWER = {**FIVES, "r1": 3, "s1": 1}


@pytest.fixture(scope="module")
def probing() -> Probing:
    ranks = dict.fromkeys(IDS, (1, 1))
    return probed(
        variant("full", FIVES), variant("none", LOWER, ablation=Ablation(answers="none")),
        *(variant(f"hot-s{seed}", scores, temperature=0.7, seed=seed) for seed, scores in ((1, FIVES), (2, LOWER), (3, LOWER))),
        variant("zero", LOWER, prompt="zero-shot"),
        contexts={"zero": context(ZERO_SHOT_RANKS, "zero"), "full": context(ranks, "full")},
    )  # fmt: skip


def table(text: str, title: str) -> dict[str, dict[str, str]]:
    """The Markdown table with this title, its rows by their first cell."""
    lines = text.partition(f"### {title}\n\n")[2].partition("\n\n")[0].splitlines()
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def test_a_prompt_has_a_table_of_means_and_one_of_differences(probing: Probing) -> None:
    text = probing_text(probing)
    means = table(text, "test/urial-k3 (base model)")
    assert list(means) == ["full prompt", "no answers", "temperature 0.7", "zero-shot"]
    assert means["full prompt"]["system"] == "full"
    assert means["full prompt"]["explained, %"].startswith("100.00 [")
    assert means["no answers"]["explained, %"] == means["zero-shot"]["explained, %"] == "–"
    assert means["no answers"]["helpfulness"].startswith("4.50 [")
    assert means["temperature 0.7"]["system"] == "hot-s1 and 2 more"
    assert means["temperature 0.7"]["scored/total"] == "66/66"
    differences = table(text, "test/urial-k3: differences to the full prompt")
    assert list(differences) == ["no answers", "temperature 0.7", "zero-shot"]
    assert differences["no answers"]["safety"] == "-2.00 [-4.00, 0.00] (p 1.0000)"
    assert (differences["no answers"]["n"], differences["no answers"]["explained, points"]) == ("6", "–")


def test_samples_have_a_table_of_their_variance_and_passes(probing: Probing) -> None:
    rows = table(probing_text(probing), "test/urial-k3: samples")
    assert list(rows) == ["temperature 0.7"]
    assert rows["temperature 0.7"]["samples"] == "3"
    assert rows["temperature 0.7"]["passes by"] == "full marks"
    # Four of six instructions pass always, two once in three.
    assert rows["temperature 0.7"]["pass@1"].startswith("0.78 [")
    assert rows["temperature 0.7"]["pass@2"].startswith("0.89 [")
    assert rows["temperature 0.7"]["pass@3"].startswith("1.00 [")
    assert rows["temperature 0.7"]["every sample"].startswith("0.67 [")
    assert rows["temperature 0.7"]["instructions"] == "6/6"


def test_the_caption_says_which_instructions_and_who_judged_and_lines_say_what_is_missing(probing: Probing) -> None:
    text = probing_text(probing)
    assert "6 instructions of set, study pair. Judge: rules/1 on no world." in text
    assert missing_lines(probing) == [
        "test/urial-k3: explained (no answers): token shift is not measured under this prompt; token_shift.base_systems says "
        "under which.",
        "test/urial-k3: explained (zero-shot): what prompts explain is against this one.",
    ]


def test_rows_have_numbers_or_a_reason(probing: Probing) -> None:
    rows = list(probing_rows(probing))
    read = list(csv.DictReader(io.StringIO(probing_csv(probing))))
    assert len(read) == len(rows)
    assert list(read[0]) == list(COLUMNS)
    found = {(row["variant"], row["measure"]): row for row in read}
    none = found["no answers", "helpfulness"]
    assert (none["mean"], none["n"], none["difference"], none["p"]) == ("4.5", "4", "-0.5", "1.0")
    missing = found["no answers", "explained"]
    assert (missing["mean"], missing["difference"]) == ("", "")
    assert missing["missing"].startswith("token shift is not measured")
    assert found["temperature 0.7", "pass@3, full marks"]["mean"] == "1.0"
    assert float(found["temperature 0.7", "variance of score between samples"]["mean"]) > 0.5
    assert found["temperature 0.7", "words"]["systems"] == "hot-s1 hot-s2 hot-s3"


def test_json_is_as_its_schema_says(probing: Probing) -> None:
    schema = json.loads((ROOT / "schemas/probing.json").read_text("utf-8"))
    dumped = probing.model_dump(mode="json")
    Draft202012Validator(schema).validate(dumped)
    assert Probing.model_validate_json(json.dumps(dumped)) == probing


def test_latex_has_a_table_each_and_says_what_it_is_of(probing: Probing) -> None:
    text = probing_latex(probing)
    assert text.startswith("% 6 instructions of set")
    assert text.count(r"\begin{table*}") == 3
    assert "no answers & none &" in text


def test_what_a_stranger_wrote_stays_in_its_cell() -> None:
    hostile = "n|a\x1b[2J\u202e=1+1"
    made = variant("full", FIVES), variant("none", LOWER, ablation=Ablation(answers="none"))
    plans = [system.plan.model_copy(update={"prompt_name": f"x/{hostile}"}) for system in made]
    found = probed(
        *(
            type(system)(plan, system.prompts, system.completions, system.judgments)
            for system, plan in zip(made, plans, strict=True)
        )
    )
    text = probing_text(found)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x1b" not in probing_csv(found)
