import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field, ValidationError

from tests.conftest import ROOT, make_query
from tests.experiments.probing.runs import probed, variant
from tests.leaderboard_entries import make_entry
from tests.safety_depth.prefilled import begun, row_of
from urial.plan.planning import make_plans
from urial.records.ablation import Ablation
from urial.records.base import Record
from urial.records.blend import Interventions
from urial.records.blended_tokens import BlendedAnswer, BlendedTokens
from urial.records.completion import Answer, AssembledPrompt, ChatTurn, Completion, LaterTurn, Transcript
from urial.records.environment import CudaSettings, Environment, TorchSettings
from urial.records.judge import RulesIdentity
from urial.records.judgment import AspectScore, Judgment, LaterJudgment
from urial.records.length_control import LengthControlReference, LengthControlRow
from urial.records.metrics import Metrics, SystemMetrics
from urial.records.model import HubWeights, Loading, ModelManifest, ServerModel
from urial.records.package import InstalledPackage
from urial.records.params.file import Decoding, ParamsFile
from urial.records.people import PersonPreference, PersonScore
from urial.records.preference import Choice, Comparison, Preference, Result
from urial.records.preference_rubric import PreferenceRubric
from urial.records.prompt import Example, Rubric
from urial.records.references import ReferenceAnswers
from urial.records.released import Released, ReleasedIndex
from urial.records.schemas import SCHEMAS, bare, schema_drift
from urial.records.token_shift import ShiftCoverage, TokenShift

HASH = "sha256:" + "ab" * 32
SHIFT = TokenShift(
    instruction_id="a", position=0, token_id=1, token="x", word_index=0, word="x", is_end=False, base_rank=1,
    aligned_rank=1, base_ties=0, aligned_ties=0, base_logprob=-0.5, aligned_logprob=-0.25, base_entropy=0.5,
    aligned_entropy=0.25, kl=0.5, kl_reverse=0.5, js=0.25, kl_lower_bound=None, category="unshifted", kind=None,
    label="content_word", part="answer", move=None, base_top_ids=(1,),
    base_top_tokens=("x",), base_top_logprobs=(-0.5,), aligned_top_ids=(1,), aligned_top_tokens=("x",),
    aligned_top_logprobs=(-0.25,),
)  # fmt: skip
RECORDS: dict[str, Record] = {
    "instruction": make_query(difficulty="easy", task=("coding",)),
    "assembled-prompt": AssembledPrompt(
        instruction_id="a", system="s", text="x", adds_special_tokens=True, stop=("\n",), n_tokens=1
    ),
    "completion": Completion(
        instruction_id="a",
        system="s",
        status="ok",
        reason=None,
        answer=Answer(text="x", token_ids=(1,), finish="length"),
        key=HASH,
        later_turns=(LaterTurn(status="no_history", reason="r", answer=None, key=None, prompt=None),),
    ),
    "judgment": Judgment(
        instruction_id="a",
        system="s",
        status="scored",
        reason=None,
        scores=(AspectScore(aspect="depth", score=5, rationale="r"), AspectScore(aspect="overall", score=9, scale=10, rationale="r")),
        judge=RulesIdentity(kind="rules", version=1, world=None),
        key=HASH,
        later_turns=(LaterJudgment(status="no_completion", reason="r", scores=(), key=None),),
    ),
    "preference": Preference(
        instruction_id="a",
        system="s",
        baseline="b",
        status="compared",
        reason=None,
        comparisons=(Comparison(order="system_first", choices=(Choice(criterion="overall", preference=1.0),)),),
        results=(Result(criterion="overall", outcome="win", preference=1.0),),
        judge=RulesIdentity(kind="rules", version=1, world=None),
        key=HASH,
    ),
    "person-preference": PersonPreference(instruction_id="a", person="ann", system="s", baseline="b", preference=0.5),
    "person-score": PersonScore(instruction_id="a", person="ann", aspect="overall", score=9.5),
    "token-shift": SHIFT,
    "shift-coverage": ShiftCoverage(
        instruction_id="a", context="s", status="measured", reason=None, positions=3, unmatched=0, retokenized=False,
        end="same", vocabulary=10,
    ),
    "model-manifest": ModelManifest(
        role="base", source=HubWeights(hub="o/m", revision="main", loading=Loading(), files={"config.json": HASH})
    ),
    "pool": Example(query="q", answer="a"),
    "rubric": Rubric(
        description="d", aspects=("depth",), template="${instruction} ${candidate}", source="s", licence="MIT"
    ),
    "length-control-reference": LengthControlReference(
        name="r",
        instructions="set",
        baseline="b",
        sources={"a.csv": HASH},
        rows=(
            LengthControlRow(
                index=0, instruction_sha256_16="0" * 16, switched=1, difficulty=0.5, verbose_delta=-1.0,
                verbose_preference=0.6, concise_delta=1.0, concise_preference=0.2,
            ),
        ),
    ),
    "preference-rubric": PreferenceRubric(
        description="d", criteria=("overall",), later_turns="${turns}", replies={"json": "Reply."}, source="s", licence="MIT",
        template="${conversation} ${instruction} ${answer_a} ${answer_b} ${marker} ${reply}",
    ),
    "reference-answers": ReferenceAnswers(turns=("q",), answers=("a",), author="m", corrected=False),
    "released-prompts": ReleasedIndex(prompts={"general/x": Released(file=HASH, prompt=HASH)}),
    "metrics": Metrics(
        measured={
            "s": SystemMetrics(
                prompt="general/x", prompt_hash="ab" * 6, average=None, helpfulness=4.5, clarity=4.5, factuality=4.5,
                depth=4.5, engagement=4.5, safety=None, scored=0.5, words=10.5, unshifted=None,
            )
        }
    ),
    "leaderboard-entry": make_entry({"base-urial": {"depth": [5, None], "safety": [None, 1]}}),
    "probing": probed(variant("full", {"r1": 5}), variant("none", {"r1": 4}, ablation=Ablation(answers="none"))),
    "package": InstalledPackage(version="1", rooms={"urial/core": HASH}),
    "environment": Environment(
        python="3.11.7", implementation="CPython", operating_system="Linux", machine="x86_64", libc="glibc 2.36",
        cpu="c", logical_cpus=2, variables={"OMP_NUM_THREADS": None}, packages={"torch": "2"},
        torch=TorchSettings(
            threads=1, cpu_capability="AVX2", deterministic_algorithms=True, float32_matmul_precision="highest",
            cuda=CudaSettings(
                gpus=("g",), cuda="12", cudnn=9, cudnn_deterministic=False, cudnn_benchmark=False, cudnn_tf32=True,
                matmul_tf32=None,
            ),
        ),
    ),
    "transcript": Transcript(
        version="1", model=ModelManifest(role="base", source=ServerModel(server="http://localhost/v1", model="m")),
        decoding=Decoding(max_new_tokens=1, temperature=0, top_p=1, repetition_penalty=1, seed=0),
        turns=(
            ChatTurn(
                query="q", prompt_name="general/x", prompt_hash=HASH, retrieved=(1,), left_out=0, flag=None, text="t",
                text_hash=HASH, stop=("s",), answer="a", finish="stop",
            ),
        ),
    ),
}  # fmt: skip
# Left out: 1.0 where a whole number belongs. JSON Schema takes it, the strict records do not.
# Rules between two fields are pydantic's alone; the exported schema cannot say them.
BETWEEN_FIELDS = (
    "an ablation needs something to change",
    "of no use: nothing is random",
    "status ok needs", "status scored needs", "has no examples of its own", "needs the field retrieval", "layout needs",
    "an imported layout", "has no ${", "revision must be", "a file of a repository", "name query or turns",
    "one definition for each aspect", "needs the field definitions", "a score that is not whole", "its mean", "a score above its scale", "one answer a turn is needed",
    "reference answers twice", "positions are not negative", "are positions of", "have an entry a token", "prefix_ids are as many",
    "only an answer that", "thought",
    "needs a score, and any other", "that says why", "no aspect has the status", "a model without a server",
    "a model behind a server", "an aspect is scored twice", "status not_judged has",
    "status decided needs", "status compared needs", "not those of the comparisons", "an order was compared twice",
    "a criterion is decided twice", "the criterion", "unknown placeholder", "there is no ${", "of one criterion",
    "has the placeholder",  "compared by different criteria", "an anchor's preference needs",
    "an id stands twice", "no such model among models", "scores of", "two rows have one index", "two rows are of one instruction",
)  # fmt: skip
ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    6,
    1.5,
    10**6,
    "",
    "a",
    "base",
    "ok",
    "x" * 101,
    HASH,
    [],
    [1],
    ["a"],
    [None],
    {},
    {"a": 1},
]


BEGUN = begun("I cannot help.", prefix="Sure, use")
BLENDED = BlendedTokens(
    instruction_id="a",
    system="s",
    turns=(
        BlendedAnswer(
            tokens=("two", " words"), words=(0, 1), labels=("content_word", "greeting"), kinds=("knowledge", "style"),
            interventions=Interventions(starts=(1,), supplied=(1,), changed=()),
        ),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def planned() -> dict[str, Record]:
    """A record of every kind that the committed parameters lead to."""
    params = ParamsFile.model_validate_json(json.dumps(_committed()))
    plans = make_plans(params, ROOT / "prompts")
    system = plans.systems[-1]
    assert system.prompt is not None
    return {
        **RECORDS, "params": params, "prompt": system.prompt, "plan-models": plans.models, "plan-system": system,
        "plan-instructions": plans.instructions, "plan-token-shift": plans.token_shift, "plan-judge": plans.judge,
        "plan-preferences": plans.preferences,
        "plan-report": plans.report, "plan-safety-depth": plans.safety_depth, "blended-tokens": BLENDED,
        "prefilled-answer": BEGUN, "prefilled-verdict": row_of(BEGUN, refuses=True, score=5).verdict,
    }  # fmt: skip


class Inner(Record):
    """Words about a record."""

    word: Literal["description"] = Field(default="description", description="a value that is a word")


def _committed() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text("utf-8"))


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[name].model_json_schema())


def accepted_by_pydantic(name: str, value: Any) -> bool:
    try:
        SCHEMAS[name].model_validate_json(json.dumps(value))
    except ValidationError as error:
        return any(rule in str(error) for rule in BETWEEN_FIELDS)
    return True


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every entry of a JSON value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [found for key, item in entries for found in [(*path, key), *places(item, (*path, key))]]


def mutate(value: Any, path: tuple[Any, ...], how: str, odd: Any) -> Any:
    copy = json.loads(json.dumps(value))
    node = copy
    for step in path[:-1]:
        node = node[step]
    if how == "replace":
        node[path[-1]] = odd
    elif how == "remove":
        del node[path[-1]]
    elif isinstance(node, dict):
        node["unknown"] = odd
    else:
        node.append(odd)
    return copy


def test_the_committed_schemas_are_the_records() -> None:
    assert schema_drift(ROOT / "schemas") == []


def test_a_bare_schema_has_no_words_and_loses_nothing_else() -> None:
    class Worded(Record):
        """What it is."""

        title: Literal["a", "b"] = Field(default="a", title="A", description="a field that is called as the words are")
        description: dict[str, Inner | None] = Field(description="words")

    class Other(Record):
        title: Literal["a", "b"] = "a"
        description: dict[str, Inner | None]

    found = bare(Worded.model_json_schema())
    assert found == bare(Other.model_json_schema())
    assert list(found["properties"]) == ["title", "description"]
    assert found["properties"]["title"] == {"default": "a", "enum": ["a", "b"], "type": "string"}
    assert found["$defs"]["Inner"] == {
        "additionalProperties": False,
        "properties": {"word": {"const": "description", "default": "description", "type": "string"}},
        "type": "object",
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_bare_schema_accepts_what_the_documented_one_does(name: str) -> None:
    exported = json.loads((ROOT / "schemas" / f"{name}.json").read_text("utf-8"))
    without = json.loads((ROOT / "schemas/bare" / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(without)
    del exported["$schema"]
    assert bare(exported) == without


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_exported_schema_is_valid_and_described(name: str) -> None:
    schema = json.loads((ROOT / "schemas" / f"{name}.json").read_text("utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    for part in [schema, *schema.get("$defs", {}).values()]:
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert [field for field, value in part["properties"].items() if "description" not in value] == []


def test_a_record_of_each_kind_is_accepted_by_its_schema(planned: dict[str, Record]) -> None:
    assert set(SCHEMAS) - set(planned) == {"report"}
    for name, record in planned.items():
        assert list(validator(name).iter_errors(record.model_dump(mode="json"))) == [], name


@given(st.data())
def test_the_schema_and_the_record_agree_on_changed_rows(planned: dict[str, Record], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(planned)))
    value = planned[name].model_dump(mode="json")
    path = data.draw(st.sampled_from(places(value)))
    how = data.draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    changed = mutate(value, path, how, data.draw(st.sampled_from(ODD_VALUES)))
    assert validator(name).is_valid(changed) == accepted_by_pydantic(name, changed), (name, path, how)


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_of_a_row_is_checked_by_both(name: str) -> None:
    value = RECORDS[name].model_dump(mode="json")
    checker = validator(name)
    for path in places(value):
        verdicts = []
        for how, odd in [("remove", None), ("add", "x"), *(("replace", odd) for odd in ODD_VALUES)]:
            changed = mutate(value, path, how, odd)
            verdicts.append(checker.is_valid(changed))
            assert verdicts[-1] == accepted_by_pydantic(name, changed), (path, how, odd)
        assert False in verdicts, path
