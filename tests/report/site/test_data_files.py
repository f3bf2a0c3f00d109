"""Every value in the site's data files is the one of the row it is of: read back, as the scripts do, and compared."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.report.conftest import IDS, empty_run, small_run
from tests.report.preference_runs import compared_run
from tests.report.site.random_runs import is_bound, measured_runs, runs
from tests.report.site.reading import candidates_of, read_data, shard_of, tokens_of
from urial.core.errors import UrialError
from urial.core.text import one_line, visible
from urial.records.report import Report
from urial.records.token_shift import LABELS
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.site import data
from urial.report.site.data_files import shard_size

CATEGORIES = {"u": "unshifted", "m": "marginal", "s": "shifted"}
# Rounded to four decimals, of a number of 32 bits.
CLOSE = 0.000_051


@cache
def any_report() -> Report:
    return build_report(small_run())


@contextmanager
def site_of(run: ReportInputs) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        data.write_data_files(Path(folder), run, any_report())
        yield Path(folder)


@pytest.fixture(autouse=True, scope="module")
def _small_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "MOST_TOKENS", 3)
        patch.setattr(data, "MOST_CHARACTERS", 60)
        yield


def is_same(shown: float | None, value: float | None) -> bool:
    return (shown is None) == (value is None) and abs((shown or 0) - (value or 0)) <= CLOSE


def named(text: str, number: int | None) -> str:
    return visible(text) or (f"⟨token {number}⟩" if number is not None else "⟨token without text⟩")


@given(measured_runs())
def test_the_token_shift_is_that_of_the_rows(run: ReportInputs) -> None:
    with site_of(run) as site:
        index = read_data(site, "index")
        assert index["contexts"] == list(run.contexts)
        for number, instruction in enumerate(run.instructions):
            for name, context in run.contexts.items():
                rows = [row for row in context.table.to_pylist() if row["instruction_id"] == instruction.id]
                compare_tokens(site, index, number, name, rows)
                compare_counts({key: values[number] for key, values in index["shift"][name].items()}, rows)
                coverage = context.coverage[number]
                tokens, at = shard_of(site, index, "tokens", number)
                shown = tokens["answers"][at]["contexts"][name]
                reason = None if coverage.reason is None else visible(coverage.reason)
                assert (shown["status"], shown["reason"], shown.get("unmatched", 0)) == (
                    coverage.status,
                    reason,
                    coverage.unmatched,
                )
                assert shown.get("end_token") == (coverage.end if coverage.end in ("base", "dropped") else None)
                assert index["shift"][name]["status"][number] == coverage.status
                assert tokens["instructions"][at] == visible(instruction.turns[0])


def compare_tokens(site: Path, index: Any, number: int, context: str, rows: Sequence[dict[str, Any]]) -> None:
    tokens, at = shard_of(site, index, "tokens", number)
    shown = tokens_of(tokens, at, context)
    assert len(shown) == len(rows)
    for one, row in zip(shown, rows, strict=True):
        assert (one["position"], one["token"], one["id"], one["is_end"]) == (
            row["position"], named(row["token"], row["token_id"]), row["token_id"], row["is_end"],
        )  # fmt: skip
        assert (one["rank"], one["ties"], one["aligned_rank"]) == (
            row["base_rank"],
            row["base_ties"],
            row["aligned_rank"],
        )
        assert (CATEGORIES[one["category"]], index["labels"][one["label"]]) == (row["category"], row["label"])
        assert (index["kinds"][one["kind"]] if one["kind"] >= 0 else None, one["is_bound"]) == (
            row["kind"],
            is_bound(row),
        )
        for name, column in (("logprob", "base_logprob"), ("kl", "kl"), ("kl_at_least", "kl_lower_bound"),
                             ("base_entropy", "base_entropy"), ("aligned_logprob", "aligned_logprob")):  # fmt: skip
            assert is_same(one[name], row[column]), (name, one[name], row[column])
    candidates, at = shard_of(site, index, "candidates", number)
    if not rows:
        return
    answer = tokens["answers"][at]
    places = answer["contexts"][context]["position"] or range(len(answer["token"]))
    for both, row in zip(candidates_of(candidates, at, context, places), rows, strict=True):
        for role, pairs in both.items():
            top, ids = row[f"{role}_top_tokens"], row[f"{role}_top_ids"]
            assert [text for text, _ in pairs] == [
                named(text, ids[place] if ids else None) for place, text in enumerate(top)
            ]
            assert all(map(is_same, [logprob for _, logprob in pairs], row[f"{role}_top_logprobs"]))


def parted(rows: Sequence[dict[str, Any]]) -> int | None:
    """The first divergence where the ranks alone tell it: -1, never; None: they do not, which says nothing of the candidates."""
    for place, row in enumerate(rows):
        alone = {role: row[f"{role}_rank"] == 1 and row[f"{role}_ties"] == 0 for role in ("base", "aligned")}
        if row["position"] != place or row["kl"] is None or not alone["aligned"] or row["base_rank"] is None:
            return None
        if row["base_rank"] > 1 and not is_bound(row):
            return place
        if not alone["base"]:
            return None
    return -1 if rows else None


def compare_counts(shown: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    shifted = [row for row in rows if row["category"] == "shifted"]
    kl = [row["kl"] for row in rows if row["kl"] is not None]
    assert shown["positions"] == len(rows)
    for category in CATEGORIES.values():
        assert shown[category] == sum(row["category"] == category for row in rows)
    style = sum(row["kind"] == "style" for row in shifted)
    assert shown["style"] == (style if any(row["kind"] for row in rows) else None)
    assert is_same(shown["kl"], sum(kl) / len(kl) if kl else None) or abs(shown["kl"] - sum(kl) / len(kl)) < 1e-3
    assert shown["parted"] in (None, -1, *(row["position"] for row in rows))
    if (known := parted(rows)) is not None:
        assert shown["parted"] == known
    assert {place for place in range(11) if shown["labels"] >> place & 1} == {
        LABELS.index(row["label"]) for row in shifted
    }
    kinds = {row["kind"] for row in shifted} - {None}
    assert {kind for place, kind in enumerate(("style", "knowledge")) if shown["kinds"] >> place & 1} == kinds


@given(runs())
def test_answers_judgments_and_preferences_are_those_of_the_rows(run: ReportInputs) -> None:
    with site_of(run) as site:
        index = read_data(site, "index")
        for number, instruction in enumerate(run.instructions):
            shard, at = shard_of(site, index, "answers", number)
            shown = shard["instructions"][at]
            assert shown["turns"] == list(map(visible, instruction.turns))
            assert (shown["id"], shown["category"], shown["tasks"], shown["reference"]) == (
                visible(instruction.id), instruction.category, list(map(visible, instruction.task)),
                None if instruction.reference is None else visible(instruction.reference),
            )  # fmt: skip
            for name, system in run.systems.items():
                answer, frame = shard["systems"][name][at], shard["prompts"][name]
                assert frame["before"] + answer["prompt"] + frame["after"] == visible(system.prompts[number].text)
                assert answer["stop"] == list(map(visible, system.prompts[number].stop))
                compare_answer(answer, system.completions[number], system.judgments[number])
                later = answer.get("later", [])
                turns = system.completions[number].later_turns
                for one, turn, judgment in zip(later, turns, system.judgments[number].later_turns, strict=True):
                    compare_answer(one, turn, judgment)
                    assert one["prompt"] == (None if turn.prompt is None else visible(turn.prompt.text))
                preference = run.preferences[name][number] if run.preferences.get(name) else None
                compare_preference(answer["preference"], preference)
                for one, other in zip(later, preference.later_turns if preference else (), strict=False):
                    compare_preference(one["preference"], other)


def compare_answer(shown: Any, row: Any, judgment: Any) -> None:
    assert shown["status"] == row.status
    assert shown["reason"] == (None if row.reason is None else visible(row.reason))
    assert shown["text"] == (visible(row.answer.text) if row.answer else None)
    assert shown["finish"] == (row.answer.finish if row.answer else None)
    assert shown["tokens"] == (len(row.answer.token_ids) if row.answer and row.answer.token_ids is not None else None)
    if judgment.status == "not_judged":
        assert shown["judgment"] is None
        return
    assert shown["judgment"]["status"] == judgment.status
    assert [
        (item["aspect"], item["status"], item["score"], item["rationale"]) for item in shown["judgment"]["scores"]
    ] == [(item.aspect, item.status, item.score, visible(item.rationale)) for item in judgment.scores]


def compare_preference(shown: Any, row: Any) -> None:
    if row is None:
        assert shown is None
        return
    assert (shown["status"], shown["baseline"]) == (row.status, "aligned")
    assert [(item["criterion"], item["outcome"]) for item in shown["results"]] == [
        (item.criterion, item.outcome) for item in row.results
    ]
    assert [
        (order["first"], [(item["preference"], item["verdict"]) for item in order["choices"]])
        for order in shown["orders"]
    ] == [
        (one.order.removesuffix("_first"), [(item.preference, item.side) for item in one.choices])
        for one in row.comparisons
    ]


@given(runs())
def test_the_index_lists_every_answer(run: ReportInputs) -> None:
    with site_of(run) as site:
        index = read_data(site, "index")
        assert index["systems"] == list(run.systems)
        assert index["instructions"]["excerpt"] == [one_line(row.turns[0]) for row in run.instructions]
        for name, system in run.systems.items():
            assert index["status"][name] == [row.status for row in system.completions]
            for aspect, column in index["scores"][name].items():
                expected = [{item.aspect: item.score for item in row.scores}.get(aspect) for row in system.judgments]
                assert column == expected
            marked = [
                {mark for place, mark in enumerate(index["marks"]) if mask >> place & 1}
                for mask in index["marked"][name]
            ]
            assert marked == [marks(run, name, number) for number in range(len(run.instructions))]
        for name, rows in run.preferences.items():
            if rows:
                letters = index["preferences"][name]["outcomes"].get("overall", "-" * len(rows))
                names = {"w": "win", "t": "tie", "l": "loss", "i": "inconsistent", "x": "invalid", "-": None}
                assert [names[letter] for letter in letters] == [
                    row.results[0].outcome if row.results else None for row in rows
                ]
        searched = read_data(site, "search")["text"]
        aligned = run.systems["aligned"].completions if "aligned" in run.systems else [None] * len(run.instructions)
        for text, instruction, answer in zip(searched, run.instructions, aligned, strict=True):
            assert all(visible(turn).lower() in text for turn in instruction.turns)
            assert answer is None or answer.answer is None or visible(answer.answer.text).lower() in text


def marks(run: ReportInputs, name: str, number: int) -> set[str]:
    """What must be easy to find, in the words of the contract."""
    system = run.systems[name]
    completion, judgment = system.completions[number], system.judgments[number]
    turns, found = [completion, *completion.later_turns], set()
    found |= {"cut off"} if any(turn.answer and turn.answer.finish == "length" for turn in turns) else set()
    found |= {"too long"} if any(turn.status == "too_long" for turn in turns) else set()
    found |= {"no answer"} if any(turn.status == "no_history" for turn in turns) else set()
    prompts = [system.prompts[number], *(turn.prompt for turn in completion.later_turns if turn.prompt)]
    found |= {"flagged"} if any(prompt.flag is not None for prompt in prompts) else set()
    statuses = {item.status for turn in (judgment, *judgment.later_turns) for item in turn.scores} - {"scored"}
    found |= {f"judge: {status.replace('_', ' ')}" for status in statuses}
    if run.preferences.get(name):
        row = run.preferences[name][number]
        outcomes = {result.outcome for turn in (row, *row.later_turns) for result in turn.results}
        found |= {"flip"} if "inconsistent" in outcomes else set()
    return found


@given(measured_runs())
def test_the_files_are_the_same_bytes_again(run: ReportInputs) -> None:
    with site_of(run) as one, site_of(run) as two:
        names = [path.relative_to(one) for path in sorted(one.rglob("*.js"))]
        assert [(two / name).read_bytes() for name in names] == [(one / name).read_bytes() for name in names]


def test_golden() -> None:
    """The contract in figures: small_run, whose answers have two tokens each."""
    with site_of(compared_run()) as site:
        index = read_data(site, "index")
        assert index["size"] == {"answers": 1, "tokens": 1, "candidates": 1}
        assert index["run"]["pair"] == {"base": "microworld (base)", "aligned": "microworld (aligned)"}
        assert index["shift"]["base"]["shifted"] == [1, 0, 0, 1, 1, 0]
        assert index["shift"]["base"]["parted"] == [1, 1, 1, 0, 1, -1]
        assert index["preferences"]["base"] == {
            "baseline": "aligned", "outcomes": {"overall": "wit-lx", "depth": "wit---"},
        }  # fmt: skip
        assert index["marks"][0] == "cut off"
        assert read_data(site, "tokens/0000") == {
            "first": 0, "words": ["tok"], "instructions": ["Query r1?"],
            "answers": [{
                "position": None, "token": [0, 0], "id": [7, 8], "label": [9, 9], "kind": [-1, -1], "aligned_rank": [1, 1],
                "aligned_logprob": [-0.1054, -0.1054], "end": [],
                "contexts": {"base": {
                    "status": "measured", "reason": None, "position": None, "rank": [1, 4], "at_most": [], "ties": [0, 0],
                    "category": "us", "logprob": [-0.6931, -1.204], "kl": [0, 1], "base_entropy": [1.5, 1.5],
                }},
            }],
        }  # fmt: skip
        assert read_data(site, "candidates/0000") == {
            "first": 0, "words": ["x", " a", "\n"],
            "answers": [{
                "aligned": {"k": 1, "token": [0, 0], "logprob": [-0.1054, -0.1054]},
                "contexts": {"base": {
                    "base": {"k": 2, "token": [1, 2, 1, 2], "logprob": [-0.6931, -1.3863, -0.6931, -1.3863]}
                }},
            }],
        }  # fmt: skip


def test_published_answers_that_systems_are_compared_with_are_there() -> None:
    run = small_run()
    rows = [row.model_copy(update={"system": "gpt4"}) for row in run.systems["aligned"].completions]
    with site_of(replace(run, published={"gpt4": rows})) as site:
        index = read_data(site, "index")
        assert (index["systems"], index["published"], index["described"]["gpt4"]["model"]) == (
            ["aligned", "base"],
            ["gpt4"],
            None,
        )
        assert index["status"]["gpt4"] == ["ok"] * len(IDS)
        answer = read_data(site, "answers/0000")["systems"]["gpt4"][0]
        assert (answer["text"], answer["prompt"], answer["judgment"]) == ("two words", None, None)


def test_published_answers_to_some_instructions_are_shown_and_the_others_said_to_be_none() -> None:
    run = small_run()
    rows = [row.model_copy(update={"system": "gpt4"}) for row in run.systems["aligned"].completions]
    with site_of(replace(run, published={"gpt4": [None, *rows[1:]]})) as site:
        index = read_data(site, "index")
        assert index["status"]["gpt4"] == ["no_answer", *["ok"] * (len(IDS) - 1)]
        assert index["marked"]["gpt4"] == [1 << index["marks"].index("no answer"), *[0] * (len(IDS) - 1)]
        (lost,), (there,) = (read_data(site, f"answers/{number:04}")["systems"]["gpt4"] for number in range(2))
        assert lost.keys() == there.keys()
        assert (lost["text"], lost["reason"]) == (None, "these published outputs have no answer to the instruction")


def test_hidden_characters_are_seen_in_chat_messages_which_the_page_reads_as_json() -> None:
    run = small_run()
    system = run.systems["aligned"]
    text = json.dumps([{"role": "user", "content": 'a\u202eb\x00\n"c'}])
    prompts = [row.model_copy(update={"form": "messages", "text": text}) for row in system.prompts]
    with site_of(replace(run, systems={"aligned": replace(system, prompts=prompts)})) as site:
        shard = read_data(site, "answers/0000")
        frame, answer = shard["prompts"]["aligned"], shard["systems"]["aligned"][0]
        whole = frame["before"] + answer["prompt"] + frame["after"]
        assert json.loads(whole) == [{"role": "user", "content": 'a⟨U+202E⟩b␀\n"c'}]


def test_nothing_measured_leaves_empty_columns() -> None:
    with site_of(empty_run()) as site:
        shown = read_data(site, "index")["shift"]["base"]
        assert (shown["positions"], shown["kl"], shown["parted"]) == ([0] * 6, [None] * 6, [None] * 6)
        assert read_data(site, "tokens/0000")["answers"][0]["token"] == []


def test_rows_that_the_coverage_does_not_count_are_no_answer_s() -> None:
    run = small_run()
    context = run.contexts["base"]
    counts = [1, 3, 2, 2, 2, 2]
    coverage = [
        row.model_copy(update={"positions": count}) for row, count in zip(context.coverage, counts, strict=True)
    ]
    wrong = replace(run, contexts={"base": replace(context, coverage=coverage)})
    with (
        pytest.raises(UrialError, match="base context base: the table has other rows of instruction 'r2' than"),
        site_of(wrong),
    ):
        pass


@pytest.mark.parametrize(("amounts", "most", "size"), [([], 5, 1), ([0, 0], 5, 2), ([10, 10], 5, 1), ([1] * 9, 3, 3)])
def test_a_shard_has_as_many_instructions_as_fit(amounts: list[int], most: int, size: int) -> None:
    import numpy as np

    assert shard_size(np.array(amounts, np.int64), most) == size
