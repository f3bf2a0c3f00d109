"""Published templates for judges: rubrics to the byte, with a schema of the replies that they ask for."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prompts.test_questions import marker_of, read_back
from tests.prompts.texts import any_text
from tests.rubrics import PUBLISHED
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.judge.model.replies import parse_reply
from urial.prompts.authoring.importing import import_file
from urial.prompts.authoring.writing import write_rubric
from urial.prompts.rubrics.rubrics import load_rubric, question
from urial.records.judgment import ASPECTS, AspectScore
from urial.records.prompt import Prompt, Rubric

KNOWN = "expected: ${instruction} and ${candidate}"
DIALECT = "fix: where it is a prompt and no template for judges, name its dialect with --dialect"
FORMAT = 'expected: JSON that names each aspect, as in "depth": {"reason": "…", "score": "…"}'
TEXTS = "${instruction}\n${candidate}\n"


def imported(folder: Path, text: str) -> tuple[Rubric, dict[str, Any]]:
    path = folder / "judge.txt"
    path.write_bytes(text.encode())
    found = import_file(path, None)
    assert not isinstance(found, Prompt)
    return found


@pytest.mark.parametrize("text", [PUBLISHED, PUBLISHED.replace("\n", "\r\n"), PUBLISHED.replace("${", "{$")])
def test_a_template_becomes_a_rubric_to_the_byte(text: str, tmp_path: Path) -> None:
    rubric, schema = imported(tmp_path, text)
    assert rubric == Rubric(
        description="published template for judges",
        aspects=("helpfulness", "depth"),
        template=text,
        source=f"judge.txt ({bytes_hash(text.encode())})",
        licence="NOASSERTION",
    )
    assert [*schema["properties"]] == schema["required"] == ["helpfulness", "depth"]
    assert schema["properties"]["depth"]["required"] == ["reason", "score"]
    write_rubric(tmp_path / "judge/theirs/1.yaml", rubric, schema)
    planned = load_rubric("theirs/1", tmp_path)
    assert (planned.rubric, planned.reply_schema) == (rubric, schema)
    asked = question(planned, "{$candidate}", "${instruction} \\1", None)
    assert read_back(asked, marker_of(asked)) == ("{$candidate}", "${instruction} \\1")
    said = '{"helpfulness": {"reason": "r", "score": "5"}, "depth": {"reason": "", "score": 2}}'
    assert parse_reply(planned, said, None) == (
        AspectScore(aspect="helpfulness", score=5, rationale="r"),
        AspectScore(aspect="depth", score=2, rationale=None),
    )


def test_the_keys_and_their_order_are_the_text_s(tmp_path: Path) -> None:
    form = '{"safety": {"score": 1, "rationale": "[why]"}, "depth" :{ "reason": "", "score":"x"},\n"safety": {"score": 5, "rationale": ""}}'
    rubric, schema = imported(tmp_path, TEXTS + form)
    assert rubric.aspects == ("safety", "depth")
    assert schema["properties"]["safety"]["required"] == ["score", "rationale"]
    assert schema["properties"]["depth"]["required"] == ["reason", "score"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${instruction}\n\n${candidat}\n", f"line 3: unknown placeholder ${{candidat}}\n  {KNOWN}\n  {DIALECT}"),
        ("${candidate}\n${ instruction }", f"line 2: unknown placeholder ${{ instruction }}\n  {KNOWN}\n  {DIALECT}"),
        ("${}\n${candidate}", f"line 1: unknown placeholder ${{}}\n  {KNOWN}\n  {DIALECT}"),
        (f"{TEXTS}${{marker}}", f"line 3: unknown placeholder ${{marker}}\n  {KNOWN}\n  {DIALECT}"),
        ("${instruction}\n", "line 2: a template for judges ends without ${candidate}\n  expected: it where the answer belongs"),
        ("${candidate}\n", "line 2: a template for judges ends without ${instruction}\n  expected: it where the query belongs"),
        (TEXTS, f"line 3: a template for judges ends without a format\n  {FORMAT}"),
        (f'{TEXTS}Say {{"score": 5}}.', f"line 3: a template for judges ends without a format\n  {FORMAT}"),
        (f'{TEXTS}\n{{"style": {{"reason": "", "score": ""}}}}', "line 4: the JSON format has the key 'style'\n  expected: aspects "
         "of Just-Eval\n  fix: known names: clarity, depth, engagement, factuality, helpfulness, safety"),
        (f'{TEXTS}"Depth": {{"reason": "", "score": ""}}', "line 3: the JSON format has the key 'Depth'\n  expected: aspects of "
         "Just-Eval\n  fix: did you mean 'depth'?"),
        (f'{TEXTS}"scores": {{"depth": {{"reason": "", "score": ""}}}}', "line 3: the JSON format has the key 'scores'\n  expected: "
         "aspects of Just-Eval\n  fix: known names: clarity, depth, engagement, factuality, helpfulness, safety"),
        (f'{TEXTS}"depth": {{"score": 1}}', f"line 3: the JSON format has 'score' in 'depth'\n  {FORMAT}"),
        (f'{TEXTS}"depth": {{"reason": "", "rationale": "", "score": 1}}', f"line 3: the JSON format has 'reason', 'rationale', "
         f"'score' in 'depth'\n  {FORMAT}"),
        (f'{TEXTS}"depth": {{"reason": "", "why": {{}}}}', f"line 3: the JSON format has no key in 'depth'\n  {FORMAT}"),
        (f'{TEXTS}"depth": {{"reason": "", "score": 1}}\n"depth": {{"score": 1, "reason": ""}}', "line 4: the JSON format has "
         "'depth' a second time, with its keys in another order\n  fix: keep one of them"),
    ],
)  # fmt: skip
def test_what_no_judge_can_be_asked_by_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_text(text)
    with pytest.raises(UrialError) as caught:
        import_file(path, None)
    assert str(caught.value) == f"{path}, {message}"


def aspect_form(name: str, key: str) -> str:
    return f'"{name}": {{"{key}": "[why]", "score": "[1 to 5]"}}'


forms = st.lists(st.sampled_from(ASPECTS), min_size=1, unique=True).flatmap(
    lambda names: st.tuples(
        st.just(names), st.lists(st.sampled_from(("reason", "rationale")), min_size=len(names), max_size=len(names))
    )
)
# Anything but what begins a placeholder or a key of its own.
others = any_text.map(lambda text: text.translate(dict.fromkeys(map(ord, '${}"'))))


@given(form=forms, text=others, answer=any_text, query=any_text)
def test_any_template_of_this_form_is_kept_and_asked_by(
    form: tuple[list[Any], list[str]], text: str, answer: str, query: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names, keys = form
    json_form = ", ".join(aspect_form(*item) for item in zip(names, keys, strict=True))
    template = f"{text}${{instruction}}{text}{{{json_form}}}{text}${{candidate}}{text}"
    folder = tmp_path_factory.mktemp("prompts")
    rubric, schema = imported(folder, template)
    assert (rubric.template, list(rubric.aspects)) == (template, names)
    write_rubric(folder / "judge/x/1.yaml", rubric, schema)
    asked = question(load_rubric("x/1", folder), query, answer, None)
    assert read_back(asked, marker_of(asked)) == (query, answer)
