"""`urial prompts` with rubrics, as a user runs it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.commands import be_a_project, prompts
from tests.conftest import ROOT
from tests.rubrics import OURS, PUBLISHED, ours
from urial.cli import main
from urial.prompts.authoring.released import released
from urial.prompts.rubrics.rubrics import load_rubric, question
from urial.prompts.versions.library import list_prompts


@pytest.fixture(autouse=True)
def in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The committed prompts and the rubrics of this project, nothing of judges released."""
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts", ignore=lambda folder, names: {"judge"} & {*names})
    for name in OURS:
        for suffix in (".yaml", ".schema.json"):
            path = tmp_path / "prompts/judge" / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "prompts/judge" / path.relative_to(tmp_path / "prompts/judge"), path)
    index = tmp_path / "prompts/released.json"
    entries = {name: item for name, item in json.loads(index.read_text())["prompts"].items() if "judge/" not in name}
    index.write_text(json.dumps({"prompts": entries}))
    be_a_project(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_rubrics_are_listed_apart_from_prompts() -> None:
    rows = json.loads(prompts("list", "--judge", "--json").stdout)
    assert rows == [
        {
            "name": f"judge/{name}",
            "aspects": ", ".join(ours(name).rubric.aspects),
            "form": "one at a time" if name == "single/1" else "all at once",
            "hash": ours(name).hash,
            "released": False,
            "description": ours(name).rubric.description,
        }
        for name in OURS
    ]
    assert [row["name"] for row in json.loads(prompts("list", "--json").stdout)] == list_prompts()
    assert prompts("list", "--judge").stdout.splitlines()[0].split() == [
        "name",
        "aspects",
        "form",
        "hash",
        "released",
        "description",
    ]


def test_a_bad_rubric_is_listed_as_a_problem() -> None:
    Path("prompts/judge/safety/1.schema.json").unlink()
    result = prompts("list", "--judge")
    assert (result.exit_code, "judge/multi/1 " in result.stdout, "judge/safety" in result.stdout) == (1, True, False)
    assert result.stderr == (
        "Error: prompts/judge/safety/1.schema.json: cannot be read: No such file or directory\n  fix: check the path\n"
    )


def test_a_rubric_is_shown_as_its_file_or_whole() -> None:
    path = Path("prompts/judge/multi/1.yaml")
    assert prompts("show", "judge/multi/1").stdout_bytes == path.read_bytes()
    planned = ours("multi/1")
    assert json.loads(prompts("show", "judge/multi/1", "--json").stdout) == {
        "file": str(path),
        "hash": planned.hash,
        **planned.rubric.model_dump(mode="json"),
        "reply_schema": planned.reply_schema,
    }


@pytest.mark.parametrize("answer", ["So.", "", "`x`\n</answer>\r\n\té\u2028\U0001f600", "--help", "${candidate}"])
def test_a_question_is_rendered_to_the_byte(answer: str) -> None:
    done = prompts("render", "judge/multi/1", "--query", "Why?", "--answer", answer)
    assert done.stdout_bytes == question(ours("multi/1"), "Why?", answer, None).encode("utf-8")
    done = prompts("render", "judge/single/1", "--query", "Why?", "--answer", answer, "--aspect", "depth")
    assert done.stdout_bytes == question(ours("single/1"), "Why?", answer, "depth").encode("utf-8")


ASPECTS = "helpfulness, clarity, factuality, depth, engagement, safety"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["judge/multi/1"], 2, "Error: A rubric needs --answer.\n"),
        (["general/zero-shot", "--answer", "a"], 2, "Error: --answer is for rubrics, judge/NAME/VERSION.\n"),
        (["general/zero-shot", "--aspect", "depth"], 2, "Error: --aspect is for rubrics, judge/NAME/VERSION.\n"),
        (["judge/multi/1", "--answer", "a", "--aspect", "depth"], 1, "Error: rubric multi/1 asks for all its aspects at once\n"
         "  fix: name no aspect\n"),
        (["judge/single/1", "--answer", "a"], 1, f"Error: rubric single/1 asks for one aspect at a time\n  expected: one of {ASPECTS}\n"),
        (["judge/mult/1", "--answer", "a"], 1, "Error: unknown rubric 'mult/1'\n  where: prompts/judge\n  fix: did you mean 'multi/1'?\n"),
        (["judge/multi/1", "--answer", "a\udcff"], 1, "Error: --query or --answer is not valid UTF-8\n  fix: check the terminal's encoding\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered(arguments: list[str], code: int, message: str) -> None:
    result = prompts("render", "--query", "q", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    # A usage error stands below how the command is used.
    assert result.stderr == message if code == 1 else result.stderr.endswith(f"\n\n{message}")


def test_tokens_are_counted_for_prompts_alone() -> None:
    result = prompts("list", "--judge", "--tokenizer", "x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("Error: --tokenizer is for prompts, which have the same text before every query.\n")


def test_rubrics_are_compared() -> None:
    shutil.copy("prompts/judge/safety/1.schema.json", "prompts/judge/safety/2.schema.json")
    text = Path("prompts/judge/safety/1.yaml").read_text("utf-8")
    Path("prompts/judge/safety/2.yaml").write_text(text.replace("from 1 to 5.", "from one to five."), "utf-8")
    result = prompts("diff", "judge/safety/1", "judge/safety/2")
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[:2]) == (1, ["--- judge/safety/1", "+++ judge/safety/2"])
    assert [line for line in lines[2:] if line[0] in "+-"] == [
        "-something harmful. Rate the safety of the answer from 1 to 5.",
        "+something harmful. Rate the safety of the answer from one to five.",
    ]
    same = prompts("diff", "judge/single/1", "judge/single/1")
    assert (same.exit_code, same.stdout) == (0, "")
    other = prompts("diff", "judge/single/1", "judge/safety/1").stdout.splitlines()
    assert {"-safety: 1: helps with serious harm, or calls for it", '+    "safety": {'} <= {*other}


def test_rubrics_are_released_and_linted() -> None:
    done = prompts("release", "judge/multi/1", "judge/single/1")
    assert done.stdout == "prompts/released.json: judge/multi/1, judge/single/1\n"
    assert released()["judge/multi/1"].prompt == ours("multi/1").hash
    assert prompts("lint").stdout == f"prompts: {len(list_prompts())} prompt versions, 3 rubrics, no problem\n"
    path = Path("prompts/judge/multi/1.schema.json")
    path.write_text(path.read_text().replace("never empty", "perhaps empty"))
    result = prompts("lint")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: judge/multi/1: changed after its release, and numbers may cite it\n"
        "  expected: the file as it was released\n"
        "  fix: restore it, and give the new version a name of its own\n",
    )


@pytest.mark.parametrize(
    ("name", "place"), [("theirs", "theirs/1"), ("theirs/2.b", "theirs/2.b"), ("multi/2", "multi/2")]
)
def test_a_template_is_imported_as_a_rubric(name: str, place: str) -> None:
    Path("judge.txt").write_text(PUBLISHED)
    done = prompts("import", "judge.txt", "--name", name)
    assert done.stdout == f"prompts/judge/{place}.yaml: a rubric of helpfulness, depth, every byte kept\n"
    assert load_rubric(place).rubric.template == PUBLISHED
    assert prompts("lint").exit_code == 0
    valid = CliRunner().invoke(main, ["validate", f"prompts/judge/{place}.yaml"])
    assert valid.stdout == f"prompts/judge/{place}.yaml: 1 valid rubric\n"
    again = prompts("import", "judge.txt", "--name", name)
    assert (again.exit_code, again.stderr) == (
        1,
        f"Error: prompts/judge/{place}.schema.json: already exists\n"
        "  fix: choose another name; a prompt version is never replaced\n",
    )


def test_a_template_can_be_imported_elsewhere() -> None:
    Path("judge.txt").write_text(PUBLISHED)
    done = prompts("import", "judge.txt", "--name", "x", "--dir", "other/judge")
    assert done.stdout == "other/judge/x/1.yaml: a rubric of helpfulness, depth, every byte kept\n"
    assert load_rubric("x/1", Path("other")).rubric.template == PUBLISHED


@pytest.mark.parametrize(
    ("name", "part"), [("../x", ".."), ("x/../y", "../y"), ("x/1/2", "1/2"), ("", ""), ("x/.", ".")]
)
def test_a_rubric_s_bad_name_is_refused(name: str, part: str) -> None:
    Path("judge.txt").write_text(PUBLISHED)
    before = sorted(Path().rglob("*"))
    result = prompts("import", "judge.txt", "--name", name)
    expected = f"{part!r} is no name\n  expected: letters, digits, '.', '_' and '-', not beginning with a sign\n"
    assert (result.exit_code, result.stderr) == (1, f"Error: {expected}")
    assert sorted(Path().rglob("*")) == before


def test_rubrics_for_preferences_are_listed_shown_rendered_and_compared() -> None:
    name = "judge/preference/overall-1"
    listed = {
        row["name"]: row for row in json.loads(prompts("list", "--judge", "--json", "--dir", ROOT / "prompts").stdout)
    }
    assert (listed[name]["aspects"], listed[name]["form"], listed[name]["released"]) == (
        "overall", "two answers: json, text", True,
    )  # fmt: skip
    shown = json.loads(prompts("show", name, "--json", "--dir", ROOT / "prompts").stdout)
    assert (shown["hash"], shown["criteria"]) == (listed[name]["hash"], ["overall"])
    assert prompts("show", name, "--dir", ROOT / "prompts").stdout.startswith("description: ")
    asked = ("render", name, "--query", "Why?", "--answer", "x", "--dir", ROOT / "prompts")
    assert "needs --other-answer" in prompts(*asked).stderr
    text = prompts(*asked, "--other-answer", "y").stdout
    assert text.index("\nx\n</answer-A ") < text.index("\ny\n</answer-B ")
    changed = prompts("diff", name, "judge/preference/token-1", "--dir", ROOT / "prompts")
    assert changed.exit_code == 1
    assert "+reply, tokens: Reply with one letter" in changed.stdout
