"""A judge and people, two judges, and people alone, on pairs of answers."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alpaca_eval import human_rows
from tests.exchange.importers.score_files import upstream
from tests.judge.files.rows import BOOTSTRAP, who
from tests.preference_rows import later, preference
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.judge.files.agreement_records import PreferenceAgreement
from urial.judge.files.agreement_tables import preference_agreement_text
from urial.judge.files.raters_files import agreement_of
from urial.records.diagnostics import Share
from urial.records.preference import Preference

HEADER = "instruction_id,turn,system,baseline,person,preference,characters,baseline_characters\n"


def rows_file(path: Path, *rows: Preference) -> Path:
    write_jsonl(path, rows)
    return path


def people_file(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(f"{line}\n" for line in lines), "utf-8")
    return path


def agreement(*paths: Path, top: int = 10) -> PreferenceAgreement:
    found = agreement_of(paths, top, BOOTSTRAP)
    assert isinstance(found, PreferenceAgreement)
    return found


def refusal(*paths: Path) -> str:
    with pytest.raises(UrialError) as caught:
        agreement(*paths)
    return str(caught.value).replace(f"{paths[0].parent}/", "")


def of(count: int, total: int) -> Share:
    return Share(count=count, of=total, share=count / total if total else None)


def test_figures_by_hand(tmp_path: Path) -> None:
    judge = rows_file(
        tmp_path / "j.jsonl",
        preference("p", 1.0, 1.0),
        preference("q", 0.0, 0.0),
        preference("r", 1.0, 0.0),  # the orders disagree: a tie
        preference("s", 1.0, None),  # no verdict
        preference("t", 1.0, 1.0),
    )
    people = people_file(
        tmp_path / "people.csv",
        "p,1,a,b,ann,win,200,100", "p,1,a,b,ben,win,200,100", "p,1,a,b,cay,loss,200,100",
        "q,1,a,b,ann,win,90,10", "q,1,a,b,ben,win,90,10",
        "r,1,a,b,ann,tie,10,10", "r,1,a,b,ben,loss,10,10", "r,1,a,b,cay,tie,10,10",
        "u,1,a,b,ann,win,,",
    )  # fmt: skip
    found = agreement(judge, people)
    (part,) = found.parts
    assert (part.criterion, part.turn, part.both, part.only_a, part.only_b, part.inconsistent) == (
        "overall",
        1,
        3,
        1,
        1,
        1,
    )
    # Majorities: win, win, tie; the judge: win, loss, tie.
    assert part.agreement.mean == pytest.approx(2 / 3)
    assert part.bias.mean == pytest.approx(1 / 3)
    assert part.variance.mean is None
    assert (part.with_ties, part.without_ties) == (of(4, 8), of(2, 5))
    assert (part.b_with_ties, part.b_without_ties) == (of(3, 7), of(2, 4))
    # Two of three sides are the same; by chance (1 x 2 + 1 x 0 + 1 x 1) / 9.
    assert part.kappa == pytest.approx((2 / 3 - 3 / 9) / (1 - 3 / 9))
    assert part.alpha.rated_twice == 3
    assert (part.leaning_b.longer, part.leaning_a.longer) == (of(4, 5), of(1, 2))
    assert part.leaning_a.baseline == pytest.approx(1 - (1 + 0 + 0.5) / 3)
    assert [row.instruction_id for row in found.largest] == ["q", "p", "r"]
    assert (found.largest[0].preference_a, found.largest[0].preference_b, found.largest[0].people) == (0, 1, 2)
    assert found.people == ("ann", "ben", "cay")
    text = preference_agreement_text(found)
    assert "| overall | 1 | 3 | 1 | 1 | 1 | 66.67 [" in text
    assert "B: 3 people (ann, ben, cay)." in text


def test_turns_are_told_apart_and_pooled(tmp_path: Path) -> None:
    judge = rows_file(tmp_path / "j.jsonl", preference("p", 1.0, 1.0, later=[later(0.0, 0.0)]))
    people = people_file(tmp_path / "people.csv", "p,1,a,b,ann,win,,", "p,2,a,b,ann,win,,", "p,2,a,b,ben,loss,,")
    found = agreement(judge, people)
    assert [(part.turn, part.with_ties) for part in found.parts] == [(1, of(1, 1)), (2, of(1, 2)), (None, of(2, 3))]


def test_systems_in_each_other_s_place_are_the_same_pair(tmp_path: Path) -> None:
    judge = rows_file(tmp_path / "j.jsonl", preference("p", 1.0, 1.0, lengths=(200, 100)))
    people = people_file(tmp_path / "people.csv", "p,1,b,a,ann,loss,100,200", "p,1,a,b,ben,loss,200,100")
    (part,) = agreement(judge, people).parts
    assert (part.with_ties, part.both) == (of(1, 2), 1)
    other = people_file(tmp_path / "others.csv", "p,1,b,a,ann,loss,100,201")
    assert "not the same answers to 'p': 100 characters, and 201" not in refusal(judge, other)
    assert "not the same answers to 'p'" in refusal(judge, other)


def test_the_judge_says_whose_wins_are_counted(tmp_path: Path) -> None:
    """People's files name either system first, as FastChat shows them."""
    judge = rows_file(tmp_path / "j.jsonl", preference("p", 1.0), preference("q", 0.0))
    people = people_file(tmp_path / "people.csv", "p,1,b,a,ann,loss,,", "q,1,a,b,ann,loss,,", "p,1,a,b,ben,win,,")
    (part,) = agreement(judge, people).parts
    assert [(row.system, row.baseline, row.pairs) for row in part.systems] == [("a", "b", 2)]
    assert part.with_ties == of(3, 3)
    assert part.leaning_b.baseline == pytest.approx(1 / 3)
    (alone,) = agreement(people).parts
    assert (alone.only_b, alone.b_with_ties) == (2, of(1, 1))
    assert alone.leaning_b.baseline == pytest.approx(1 / 3)
    again = people_file(tmp_path / "again.csv", "p,1,b,a,cay,loss,,")
    assert agreement(judge, people, again).parts[0].with_ties == of(4, 4)


def test_correlation_over_systems(tmp_path: Path) -> None:
    wins = {"x": (1.0, 1.0, 0.0), "y": (1.0, 0.0, 0.0), "z": (0.0, 0.0, 0.0)}
    files = [
        rows_file(
            tmp_path / f"{system}.jsonl",
            *(preference(f"q{number}", value, value, system=system) for number, value in enumerate(values)),
        )
        for system, values in wins.items()
    ]
    lines = [
        f"q{number},1,{system},b,ann,{said},,"
        for system, said in zip(wins, (1, 0.6, 0.5), strict=True)
        for number in range(3)
    ]
    (part,) = agreement(*files, people_file(tmp_path / "people.csv", *lines)).parts
    assert [(row.system, row.win_rate_a, row.win_rate_b) for row in part.systems] == [
        ("x", pytest.approx(2 / 3), 1), ("y", pytest.approx(1 / 3), pytest.approx(0.6)), ("z", 0, 0.5),
    ]  # fmt: skip
    assert part.spearman == pytest.approx(1)
    assert part.pearson == pytest.approx(0.94491, abs=1e-5)


def test_judgings_of_one_judge(tmp_path: Path) -> None:
    files = [
        rows_file(tmp_path / f"{number}.jsonl", preference("p", said, said), preference("q", 1.0, 1.0))
        for number, said in enumerate([1.0, 1.0, 0.0])
    ]
    found = agreement(*files)
    (part,) = found.parts
    assert (found.judgings, part.only_a, part.both) == (3, 2, 0)
    assert part.variance.mean == pytest.approx(1 / 2 / 3)
    assert part.spread is not None
    assert (part.spread.same, part.spread.lowest, part.spread.highest) == (of(1, 2), 0.5, 1.0)
    assert "### The same judged again by A" in preference_agreement_text(found)
    people = people_file(tmp_path / "people.csv", "p,1,a,b,ann,win,,", "q,1,a,b,ann,win,,")
    (part,) = agreement(*files, people).parts
    assert part.agreement.mean == pytest.approx(1 - (0 + 0 + 0.5) / 3)
    assert part.bias.mean == 0


def test_two_judges(tmp_path: Path) -> None:
    one = rows_file(tmp_path / "1.jsonl", preference("p", 1.0, 1.0), preference("q", 1.0, 1.0))
    two = rows_file(tmp_path / "2.jsonl", *(preference(name, 1.0, 0.5, judge=who("k")) for name in "pq"))
    found = agreement(one, two)
    assert (found.judge_b, found.people, found.parts[0].with_ties) == (who("k"), (), of(0, 2))
    third = rows_file(tmp_path / "3.jsonl", preference("p", 1.0, judge=who("l")))
    assert refusal(one, two, third).startswith("preferences of 3 judges\n")


def test_people_of_published_pairs() -> None:
    """100 pairs of AlpacaFarm's people: 37 of 68 times the longer one, 70 times the first."""
    found = agreement(upstream("alpaca_eval") / "human_100.csv")
    (part,) = found.parts
    assert (found.judge_a, len(found.people), part.only_b) == (None, 15, 100)
    assert part.leaning_b.longer == of(37, 68)
    assert part.leaning_b.lists == of(7, 12)
    assert part.leaning_b.baseline == pytest.approx(0.7)
    assert part.alpha.rated_twice == 0


def test_always_the_first_against_published_people(tmp_path: Path) -> None:
    """AlpacaEval's annotator that always says 1: 19 of 68 longer ones; it agrees with the 70 people who say 1."""
    rows = human_rows()
    # Several pairs an instruction: the rows of the file are the instructions here.
    judge = rows_file(tmp_path / "j.jsonl", *(preference(row["row"], 0.0, orders=("baseline_first",)) for row in rows))
    people = people_file(
        tmp_path / "people.csv",
        *(
            f"{row['row']},{row['human']},{row['human_preference']},{row['len_1']},{row['len_2']},{row['list_1']},{row['list_2']},b,a"
            for row in rows
        ),
        header="instruction_id,human,preference,len_1,len_2,list_1,list_2,generator_1,generator_2\n",
    )
    (part,) = agreement(judge, people).parts
    assert (part.leaning_a.longer, part.leaning_a.lists) == (of(19, 68), of(2, 12))
    assert part.leaning_a.longer.share == pytest.approx(0.279412, abs=5e-7)
    assert (part.with_ties, part.leaning_a.baseline) == (of(70, 100), 1)
    assert part.agreement.mean == pytest.approx(0.7)


def test_what_cannot_be_joined_is_refused(tmp_path: Path) -> None:
    judge = rows_file(tmp_path / "j.jsonl", preference("p", 1.0, query="Why?"))
    alone = people_file(tmp_path / "people.csv", "q,1,a,b,ann,win,,")
    assert refusal(judge, alone) == (
        "j.jsonl and people.csv: no pair of answers that both rated\n  expected: name files about the same answers"
    )
    assert refusal(judge).startswith("j.jsonl: one judge's file alone\n")
    assert refusal(judge, judge).startswith("j.jsonl: named twice")
    other = people_file(
        tmp_path / "o.csv", "p,a,b,win,How?", header="instruction_id,system,baseline,preference,query\n"
    )
    assert refusal(judge, other).startswith(
        "'p' is another instruction in each: 'Why?' in j.jsonl, and 'How?' in o.csv"
    )
    several = people_file(
        tmp_path / "s.csv", "p,a,b,win,1", "p,a,b,win,2", header="instruction_id,system,baseline,preference,pair\n"
    )
    assert "again" not in refusal(judge, several)
    assert refusal(judge, several).startswith("s.csv: several pairs of answers to 'p'")
    scores = people_file(tmp_path / "scores.csv", "p,depth,4", header="instruction_id,aspect,score\n")
    assert "has scores, and" in refusal(judge, scores)


def test_a_file_that_names_no_systems_is_about_the_judge_s(tmp_path: Path) -> None:
    people = people_file(tmp_path / "people.csv", "p,win", header="instruction_id,preference\n")
    judge = rows_file(tmp_path / "j.jsonl", preference("p", 1.0))
    assert agreement(judge, people).parts[0].with_ties == of(1, 1)
    other = rows_file(tmp_path / "k.jsonl", preference("p", 1.0, system="c"))
    assert refusal(judge, other, people).startswith("people.csv: names no systems, and judged are 2 pairs of them")


def test_a_file_that_names_the_system_alone_is_about_the_judge_s_baseline(tmp_path: Path) -> None:
    people = people_file(tmp_path / "people.csv", "p,c,win", header="instruction_id,system,preference\n")
    files = [rows_file(tmp_path / f"{name}.jsonl", preference("p", 1.0, system=name)) for name in "ac"]
    (part,) = agreement(*files, people).parts
    assert (part.both, [row.system for row in part.systems]) == (1, ["c"])


LABELS = st.sampled_from(["win", "tie", "loss"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS, LABELS), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_and_lost_rows(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, str]], random: object
) -> None:
    """In another order the same figures; of lost rows the figures of those that both have."""
    folder = tmp_path_factory.mktemp("any")
    value = {"win": 1.0, "tie": 0.5, "loss": 0.0}
    rows = [preference(f"q{number}", value[judge]) for number, (judge, _, _) in enumerate(said)]
    lines = [
        f"q{number},1,a,b,{person},{label},,"
        for number, (_, *labels) in enumerate(said)
        for person, label in zip(("ann", "ben"), labels, strict=True)
    ]
    plain = agreement(rows_file(folder / "j.jsonl", *rows), people_file(folder / "p.csv", *lines))
    shuffled = agreement(rows_file(folder / "j.jsonl", *rows[::-1]), people_file(folder / "p.csv", *lines[::-1]))
    assert plain == shuffled
    fewer = agreement(rows_file(folder / "j.jsonl", *rows[:1]), people_file(folder / "p.csv", *lines))
    kept = agreement(rows_file(folder / "j.jsonl", *rows[:1]), people_file(folder / "p.csv", *lines[:2]))
    assert fewer.parts[0].model_copy(update={"only_b": 0}) == kept.parts[0]
    assert all(one.instruction_id == "q0" for one in itertools.chain(fewer.largest, kept.largest))
