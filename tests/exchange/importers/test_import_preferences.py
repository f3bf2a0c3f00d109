"""Files of preferences of four tools, and tables: what becomes of each kind of row."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.importers.preference_files import (
    ASPECTS,
    annotation,
    aspects,
    game,
    imported,
    just_eval_row,
    table,
    urial_row,
)
from tests.exchange.importers.score_files import upstream
from tests.instruction_files import named
from urial.core.errors import UrialError
from urial.core.store import read_jsonl, write_jsonl
from urial.exchange.importers.alpaca_annotations import shown_order
from urial.exchange.importers.preferences import PreferenceOptions, import_preferences
from urial.judge.files.preferences import text_hash
from urial.records.preference import Preference

COUNTED = "index,len_1,len_2,preference,generator_1,generator_2"


def one(folder: Path, row: dict[str, Any], **options: Any) -> Preference:
    (found,) = imported(folder, row, **options).preferences
    return found


def outcomes(row: Preference) -> dict[str, str]:
    return {result.criterion: result.outcome for result in row.results}


def refused(folder: Path, *rows: dict[str, Any], **options: Any) -> str:
    with pytest.raises(UrialError) as error:
        imported(folder, *rows, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("preference", "value", "outcome"),
    [(1, 0.0, "loss"), (2.0, 1.0, "win"), (0, 0.5, "tie"), (0.0, 0.5, "tie"), (1.5, 0.5, "tie"), (1.25, 0.25, "loss"),
     (1.9999998, 0.9999998, "win"), ("1.75", 0.75, "win")],
)  # fmt: skip
def test_alpaca_eval_s_preferences(tmp_path: Path, preference: object, value: float, outcome: str) -> None:
    found = one(tmp_path, annotation(3, preference))
    assert found.instruction_id == named("alpaca-eval", "Why 3?")
    assert (found.system, found.baseline, found.query) == ("mine", "base", "Why 3?")
    assert (found.characters, found.baseline_characters) == (15, 13)
    assert found.results[0].preference == pytest.approx(value, abs=1e-12)
    assert outcomes(found) == {"overall": outcome}
    assert found.judge is not None
    assert (found.judge.kind, getattr(found.judge, "tool", ""), getattr(found.judge, "model", "")) == (
        "imported", "alpaca-eval", "alpaca_eval_gpt4",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("preference", "why"),
    [
        (None, "the file has no preference"),
        ("", "the file has no preference"),
        (3, "the preference is 3, neither 0 nor from 1 to 2"),
        (-1, "the preference is -1, neither 0 nor from 1 to 2"),
        (0.5, "the preference is 0.5, neither 0 nor from 1 to 2"),
        (True, "the preference is True, neither 0 nor from 1 to 2"),
        ("a", "the preference is 'a', neither 0 nor from 1 to 2"),
        ([2], "the preference is [2], neither 0 nor from 1 to 2"),
    ],
)
def test_what_is_no_preference_is_invalid_and_stays(tmp_path: Path, preference: object, why: str) -> None:
    found = one(tmp_path, annotation(1, preference))
    assert (outcomes(found), found.comparisons[0].choices[0].rationale) == ({"overall": "invalid"}, why)


@pytest.mark.parametrize(
    ("completion", "kept"),
    [("so", ["so"]), ({"text": "M", "logprobs": {}}, ["M"]), ({"text": None}, []), (None, []), (7, [])],
)
def test_the_judge_s_reply_is_kept_where_there_is_one(tmp_path: Path, completion: object, kept: list[str]) -> None:
    found = one(tmp_path, annotation(1, raw_completion=completion))
    assert [reply.text for reply in found.comparisons[0].replies] == kept


def test_the_order_shown_is_drawn_again_from_the_text(tmp_path: Path) -> None:
    found = [row.comparisons[0].order for row in imported(tmp_path, *map(annotation, range(40))).preferences]
    assert found == [shown_order(f"Why {number}?") for number in range(40)]
    assert 10 < found.count("system_first") < 30


def test_ids_are_of_texts_whatever_rows_are_called_and_wherever_they_stand(tmp_path: Path) -> None:
    rows = [annotation(number, index=number) for number in range(6)]
    backwards = [annotation(number, index=number) for number in reversed(range(6))]
    first, second = imported(tmp_path, *rows).preferences, imported(tmp_path, *backwards).preferences
    assert sorted(first, key=lambda row: row.instruction_id) == sorted(second, key=lambda row: row.instruction_id)
    assert [row.query for row in second] == [f"Why {number}?" for number in reversed(range(6))]


def test_the_instructions_of_a_file_come_with_it(tmp_path: Path) -> None:
    found = imported(tmp_path, annotation(1), annotation(2, dataset=None)).instructions
    assert [(row.id, row.turns, row.source) for row in found] == [
        (named("alpaca-eval", "Why 1?"), ("Why 1?",), "koala"),
        (named("alpaca-eval", "Why 2?"), ("Why 2?",), "alpaca-eval"),
    ]


def test_names_that_no_record_takes_are_made_one(tmp_path: Path) -> None:
    found = one(tmp_path, annotation(1, generator_2="Snorkel (Mistral-PairRM-DPO+best-of-16)"))
    assert found.system == "Snorkel-Mistral-PairRM-DPO-best-of-16"
    assert "no name of a system" in refused(tmp_path, annotation(1, generator_2="//"))


def test_a_duplicate_is_named_or_the_last_is_taken(tmp_path: Path) -> None:
    rows = annotation(1, 1), annotation(2, 1), annotation(1, 2)
    message = refused(tmp_path, *rows)
    assert f"{named('alpaca-eval', 'Why 1?')} in turn 1, mine against base, twice: in " in message
    assert "rows.json, row 0, and in " in message
    assert "rows.json, row 2: 'Why 1?'" in message
    found = imported(tmp_path, *rows, duplicates="last").preferences
    assert [outcomes(row)["overall"] for row in found] == ["win", "loss"]


def test_a_table_without_texts_has_the_numbers_of_its_set(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", f"row,{COUNTED}", (9, 17, 20, 30, 1.25, "base", "mine"), (0, 3, 5, "", "", "base", "mine"))  # fmt: skip
    found = import_preferences([path], PreferenceOptions()).preferences
    assert [row.instruction_id for row in found] == ["alpaca-eval-17", "alpaca-eval-3"]
    assert [(row.characters, row.baseline_characters) for row in found] == [(30, 20), (None, 5)]
    assert [outcomes(row)["overall"] for row in found] == ["loss", "invalid"]
    assert found[0].comparisons[0].order is None
    assert found[0].query is None


def test_a_table_in_parquet_has_numbers_and_gaps(tmp_path: Path) -> None:
    columns = {"index": [1, 2], "len_1": [4, 5], "len_2": [6, None], "preference": [1.75, None]}
    frame = pa.table({**columns, "generator_1": ["base"] * 2, "generator_2": ["mine"] * 2})
    pq.write_table(frame, tmp_path / "t.parquet")
    first, second = import_preferences([tmp_path / "t.parquet"], PreferenceOptions()).preferences
    assert (first.instruction_id, first.characters, first.results[0].preference) == ("alpaca-eval-1", 6, 0.75)
    assert (second.characters, second.comparisons[0].choices[0].rationale) == (None, "the file has no preference")


def test_a_table_of_one_pair_needs_no_columns_of_names(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "instruction,preference", ("Why?", 2), ("How?", 1))
    rows = import_preferences([path], PreferenceOptions(system="mine", baseline="base")).preferences
    assert [(row.system, row.baseline, outcomes(row)["overall"]) for row in rows] == [
        ("mine", "base", "win"), ("mine", "base", "loss"),
    ]  # fmt: skip
    with pytest.raises(UrialError) as caught:
        import_preferences([path], PreferenceOptions(system="mine"))
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "t.csv: no column 'generator_1'\n  expected: the baseline's name in every row\n"
        "  fix: name the baseline with --baseline NAME, or the column with --column baseline=COLUMN"
    )


def test_a_table_s_columns_and_set_are_named(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "question,who,than,how", ("Why?", "mine", "base", 1.5))
    columns = {"instruction": "question", "system": "who", "baseline": "than", "preference": "how"}
    (found,) = import_preferences([path], PreferenceOptions(columns=columns)).preferences
    assert (found.instruction_id, found.system, outcomes(found)) == (
        named("alpaca-eval", "Why?"), "mine", {"overall": "tie"},
    )  # fmt: skip
    with pytest.raises(UrialError, match="did you mean 'preference'"):
        import_preferences([path], PreferenceOptions(columns={"preferences": "how"}))
    numbered = table(tmp_path / "n.csv", COUNTED, (4, 1, 2, 2, "base", "mine"))
    assert import_preferences([numbered], PreferenceOptions(set_name="s")).preferences[0].instruction_id == "s-4"


def test_instructions_that_are_named_give_numbers_and_texts_their_ids(tmp_path: Path) -> None:
    known = tmp_path / "set.json"
    known.write_text(json.dumps([{"instruction": f"Why {number}?"} for number in range(4)]), "utf-8")
    path = table(tmp_path / "t.csv", COUNTED, (2, 5, 9, 2, "base", "mine"))
    (found,) = import_preferences([path], PreferenceOptions(), known).preferences
    assert (found.instruction_id, found.query) == (named("alpaca-eval", "Why 2?"), "Why 2?")
    assert one(tmp_path, annotation(3), instructions=known).instruction_id == named("alpaca-eval", "Why 3?")
    assert "none of the instructions in" in refused(tmp_path, annotation(4), instructions=known)
    questions = tmp_path / "questions.jsonl"
    rows = [{"question_id": number, "category": "math", "turns": ["One?", f"Two {number}?"]} for number in (81, 82)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert one(tmp_path, game(82), instructions=questions).instruction_id == named("mt-bench", "One?", "Two 82?")


@pytest.mark.parametrize(
    ("first", "second", "outcome", "preference"),
    [
        ("model_1", "model_1", "win", 1.0), ("model_2", "model_2", "loss", 0.0), ("tie", "tie", "tie", 0.5),
        ("model_1", "model_2", "inconsistent", 0.5), ("model_1", "tie", "inconsistent", 0.75),
        ("error", "model_1", "invalid", None), ("model_1", "error", "invalid", None), ("A", "A", "invalid", None),
    ],
)  # fmt: skip
def test_fastchat_s_games(tmp_path: Path, first: str, second: str, outcome: str, preference: float | None) -> None:
    found = one(tmp_path, game(81, first, second))
    assert (found.instruction_id, found.system, found.baseline) == ("mt-bench-81", "mine", "base")
    assert [(result.outcome, result.preference) for result in found.results] == [(outcome, preference)]
    assert [comparison.order for comparison in found.comparisons] == ["system_first", "baseline_first"]
    assert [comparison.replies[0].text for comparison in found.comparisons] == ["[[A]]", "[[B]]"]


def test_a_game_seen_from_the_other_side(tmp_path: Path) -> None:
    found = one(tmp_path, game(81, "model_1", "tie"), system="base")
    assert (found.system, found.baseline, found.results[0].preference) == ("base", "mine", 0.25)
    assert [(item.order, item.choices[0].preference) for item in found.comparisons] == [
        ("baseline_first", 0.0), ("system_first", 0.5),
    ]  # fmt: skip


def test_a_reply_that_never_came_is_failed(tmp_path: Path) -> None:
    found = one(tmp_path, game(81, "error", "tie", g1_judgment="$ERROR$"))
    assert (found.comparisons[0].choices[0].status, found.comparisons[0].replies) == ("failed", ())
    assert outcomes(found) == {"overall": "invalid"}


def test_turns_of_a_question_are_one_row(tmp_path: Path) -> None:
    rows = game(81, turn=2, g1_winner="model_2"), game(82), game(81, "tie", "tie")
    first, second = imported(tmp_path, *rows).preferences
    assert (first.instruction_id, outcomes(first), len(first.later_turns)) == ("mt-bench-81", {"overall": "tie"}, 1)
    assert first.later_turns[0].results[0].outcome == "inconsistent"
    assert second.later_turns == ()
    (alone,) = imported(tmp_path, game(81, turn=2)).preferences
    assert (outcomes(alone), alone.later_turns[0].results[0].outcome) == ({"overall": "invalid"}, "win")
    assert alone.comparisons[0].choices[0].rationale == "the file has no row of this turn"


def test_one_pair_of_many_is_named(tmp_path: Path) -> None:
    rows = game(81), game(81, model_1="other"), game(81, model_2="third")
    assert "3 pairs of systems: mine against base; other against base; mine against third" in refused(tmp_path, *rows)
    found = imported(tmp_path, *rows, system="other", baseline="base").preferences
    assert [(row.system, row.baseline) for row in found] == [("other", "base")]
    assert [row.system for row in imported(tmp_path, *rows, system="other").preferences] == ["other"]
    assert "--system 'othr': no row names it" in (message := refused(tmp_path, *rows, system="othr"))
    assert "did you mean 'other'?" in message
    assert "no row of this pair" in refused(tmp_path, *rows, system="other", baseline="third")


@pytest.mark.parametrize(("first", "outcome"), [(True, "win"), (False, "loss")])
def test_urial_s_sides_follow_the_assignment(tmp_path: Path, first: bool, outcome: str) -> None:
    found = one(tmp_path, urial_row(1, aspects("A", depth="tie", safety="B"), first=first))
    other = {"win": "loss", "loss": "win"}[outcome]
    assert outcomes(found) == {**dict.fromkeys(ASPECTS, outcome), "depth": "tie", "safety": other}
    assert found.comparisons[0].order == ("system_first" if first else "baseline_first")
    assert (found.characters, found.baseline_characters) == (9, 11)


@pytest.mark.parametrize("word", ["a", "Ａ", "A ", "\u200bA", "A and B", "TIE", "same", None, 1, ["A"], {"x": 1}, ""])
def test_a_verdict_of_other_words_is_invalid_for_its_aspect_alone(tmp_path: Path, word: object) -> None:
    found = outcomes(one(tmp_path, urial_row(1, aspects("A", depth=word))))
    assert found == {**dict.fromkeys(ASPECTS, "win"), "depth": "invalid"}


def test_a_missing_aspect_is_invalid_and_no_crash(tmp_path: Path) -> None:
    parsed = aspects()
    del parsed["choices"]["safety"]
    found = one(tmp_path, urial_row(1, parsed))
    assert outcomes(found) == {**dict.fromkeys(ASPECTS, "win"), "safety": "invalid"}
    reasons = {choice.criterion: choice.rationale for choice in found.comparisons[0].choices}
    assert reasons["safety"] == "the verdict has no safety"


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"result": "N/A", "parsed_result": None}, "failed", "the file has no reply of the judge"),
        ({"result": "N/A"}, "invalid", "parsed_result has a verdict, and there is no reply"),
        ({"result": "cut off {", "parsed_result": None}, "invalid", "the judge's reply is no JSON object that can be read"),
        ({"parsed_result": {"rationale": "?"}}, "invalid", "parsed_result has no object under 'choices': {'rationale': '?'}"),
        ({"result": json.dumps(aspects("B"))}, "invalid", "parsed_result is not what the judge's reply says"),
    ],
)  # fmt: skip
def test_a_reply_without_a_verdict_says_why(tmp_path: Path, changes: dict[str, Any], status: str, why: str) -> None:
    choices = one(tmp_path, urial_row(1, **changes)).comparisons[0].choices
    assert {(choice.status, choice.rationale) for choice in choices} == {(status, why)}


def test_a_fenced_reply_is_read_where_its_own_tool_stopped(tmp_path: Path) -> None:
    fenced = f"```json\n{json.dumps(aspects('tie'))}\n```"
    assert outcomes(one(tmp_path, urial_row(1, result=fenced, parsed_result=None))) == dict.fromkeys(ASPECTS, "tie")


def test_an_assignment_of_other_names_is_refused_and_one_name_tells_no_side(tmp_path: Path) -> None:
    assert "column 'assignment'" in refused(tmp_path, urial_row(1, assignment={"A": "x", "B": "base"}))
    same = urial_row(1, aspects("A", depth="tie"), generator="base", assignment={"A": "base", "B": "base"})
    found = one(tmp_path, same)
    assert outcomes(found) == {**dict.fromkeys(ASPECTS, "invalid"), "depth": "tie"}
    assert found.comparisons[0].order is None


def test_just_eval_s_modes(tmp_path: Path) -> None:
    multi = {name: {"reason": f"why {name}", "preference": "B"} for name in ASPECTS if name != "safety"}
    rows = (
        just_eval_row(0, multi),
        just_eval_row(1, {**multi, "depth": {"preference": "same"}}, generator_A="base", generator_B="mine"),
    )
    assert "say whose wins are counted" not in (message := refused(tmp_path, *rows))
    assert "nothing says whose wins are counted" in message
    first, second = imported(tmp_path, *rows, system="mine").preferences
    assert set(outcomes(first).values()) == {"loss"}
    assert outcomes(second) == {**dict.fromkeys(multi, "win"), "depth": "tie"}
    assert first.comparisons[0].choices[0].rationale == "why helpfulness"
    plain = one(tmp_path, just_eval_row(0, {"preference": "A", "reason": "so"}, mode="pairwise"))
    assert (outcomes(plain), plain.comparisons[0].choices[0].rationale) == ({"overall": "win"}, "so")
    assert "mode 'other'" in refused(tmp_path, just_eval_row(0, {}, mode="other"))


def test_judges_are_not_mixed_and_may_be_named(tmp_path: Path) -> None:
    rows = annotation(1), annotation(2, annotator="other")
    assert "judges differ" in refused(tmp_path, *rows)
    found = imported(tmp_path, *rows, judge="people").preferences
    assert {getattr(row.judge, "model", "") for row in found} == {"people"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"a": 1}, "no column 'preference'"),
        ({"preference": 1, "generator_1": "b", "generator_2": "a"}, "neither the column 'instruction' nor 'index'"),
        (annotation(1, generator_2=""), "column 'generator_2': got ''"),
        (annotation(1, generator_2="a\x1b[31m"), "column 'generator_2': got 'a\\x1b[31m'"),
        (annotation(1, generator_2="a" * 201), "a name of at most 200 characters"),
        (annotation(1, instruction="  "), "column 'instruction': got '  '"),
        (annotation(1, output_2=["x"]), "column 'output_2': got ['x']"),
        (game(81, turn=0), "column 'turn': got 0"),
        (game(81, question_id=None), "column 'question_id': got None"),
        ({"data": [annotation(1)]}, "one object, with a list of objects under 'data'"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    assert message in refused(tmp_path, row)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
CELLS = ["instruction", "preference", "output_1", "generator_2", "annotator", "question_id", "g1_winner", "turn", "judge",
         "parsed_result", "result", "assignment", "eval_config", "model_output", "generator_A", "input"]  # fmt: skip


@given(
    st.sampled_from([annotation(1), game(81), urial_row(1), just_eval_row(1, aspects()["choices"])]),
    st.sampled_from(CELLS),
    JSON,
)
def test_whatever_stands_in_a_cell_a_row_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], cell: str, value: object
) -> None:
    try:
        (found,) = imported(tmp_path_factory.mktemp("cell"), {**row, cell: value}).preferences
    except UrialError:
        return
    assert Preference.model_validate_json(found.model_dump_json()) == found


def test_rows_written_are_rows_read(tmp_path: Path) -> None:
    rows = imported(tmp_path, *map(annotation, range(3))).preferences
    write_jsonl(tmp_path / "out.jsonl", rows)
    assert read_jsonl(tmp_path / "out.jsonl", Preference) == rows


def test_the_published_pairs_come_out(tmp_path: Path) -> None:
    folder = upstream("mt_bench")
    expected = json.loads((folder / "expected_pairs.json").read_text("utf-8"))
    rows = import_preferences([folder / "pairs.csv"], PreferenceOptions()).preferences
    found = [row.results[0].outcome for row in rows]
    assert len(rows) == expected["rows"]
    assert (found.count("win"), found.count("loss"), found.count("tie") + found.count("inconsistent")) == (
        expected["model_1_wins"], expected["model_2_wins"], expected["ties"],
    )  # fmt: skip
    assert len(rows) - found.count("inconsistent") == expected["same_verdict_in_both_orders"]
    assert found.count("invalid") == expected["with_error"]


def test_the_order_shown_is_the_published_one() -> None:
    with (upstream("alpaca_eval") / "reference.csv").open(encoding="utf-8", newline="") as stream:
        switched = {row["instruction_sha256_16"]: row["switched"] == "1" for row in csv.DictReader(stream)}
    # Just-Eval-Instruct has texts of AlpacaEval, whose own files are not at hand.
    lines = upstream("just_eval_instruct.jsonl").read_text("utf-8").splitlines()
    texts = {text_hash(text): text for text in (json.loads(line)["instruction"] for line in lines)}
    known = switched.keys() & texts.keys()
    assert len(known) > 300
    assert {name: shown_order(texts[name]) == "system_first" for name in known} == {
        name: switched[name] for name in known
    }
