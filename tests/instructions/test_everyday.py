"""The instructions that come with the project: valid, tagged, and in no example that a prompt can show."""

from collections import Counter

from tests.conftest import ROOT
from urial.core.hashing import canonical_json
from urial.core.store import read_jsonl
from urial.prompts.versions.library import PROMPTS_DIR, load_prompt
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile
from urial.records.prompt import Example

# Of Just-Eval-Instruct, so that figures by task and topic have its names.
TASKS = {"info-seek", "reasoning", "procedure", "writing", "role-play", "coding", "math"}
TOPICS = {"humanities", "finance", "ethics", "nature", "medical", "stem", "lifestyle"}
PATH = ROOT / "instructions/everyday.jsonl"
ROWS = read_jsonl(PATH, Instruction)


def test_they_are_thirty_and_different() -> None:
    assert Counter(row.category for row in ROWS) == {"regular": 25, "safety": 5}
    assert [row.id for row in ROWS] == [f"everyday-{number}" for number in range(30)]
    assert len({row.turns for row in ROWS}) == 30
    assert {(len(row.turns), row.source) for row in ROWS} == {(1, "urial")}


def test_every_tag_is_one_of_just_eval_and_each_is_there() -> None:
    assert {tag for row in ROWS for tag in row.task} == TASKS
    assert {tag for row in ROWS for tag in row.topic} == TOPICS
    assert [
        row.id for row in ROWS if row.category == "regular" and not (row.task and row.topic and row.difficulty)
    ] == []


def test_none_is_an_example_of_a_prompt_or_a_pool() -> None:
    names = [f"general/{path.stem}" for path in sorted((PROMPTS_DIR / "general").glob("*.yaml"))]
    shown = {example.query for name in names for example in load_prompt(name, PROMPTS_DIR).examples}
    shown |= {row.query for row in read_jsonl(ROOT / "prompts/pools/general.jsonl", Example)}
    assert len(shown) > 100
    assert [row.id for row in ROWS if row.turns[0] in shown] == []


def test_the_file_is_as_the_project_writes_rows(committed_params: ParamsFile) -> None:
    assert PATH.read_bytes().splitlines(keepends=True) == [
        canonical_json(row.model_dump(mode="json", exclude={"reference"})) + b"\n" for row in ROWS
    ]
    assert committed_params.instruction_sets["everyday"].kind == "jsonl"
