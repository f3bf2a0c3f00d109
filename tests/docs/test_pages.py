"""README and docs/ say what is there: links, commands, options, keys, figures, and the picture of the flow."""

import json
import re
import struct
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.docs.pages import PAGES, anchors, blocks, commands, links, prose, read, resolved, spans
from tests.docs.shown import check, command_of, options_of, params_with, params_with_block
from urial.cli import main
from urial.exchange.figures.files import REFERENCE_NAMES, TABLES
from urial.microworld.world.world import build_world
from urial.provenance.readme import figures_in
from urial.records.params.file import ParamsFile
from urial.report.charts.every import NAMES

# Names in inline code that are those of other software, or of the shell.
OTHERS_OPTIONS = {
    "--all-commits": "dvc", "--csv": "dvc", "--dry": "dvc", "--local": "dvc", "--md": "dvc", "--queue": "dvc", "--run-all": "dvc",
    "--temp": "dvc", "--generation-config": "vllm", "--gpu-memory-utilization": "vllm", "--kv-cache-memory-bytes": "vllm", "--threads": "llama.cpp", "--ctx-size": "llama.cpp", "--thorough": "pytest",
    "--requirement-severity": "rocrate-validator", "--log_samples": "lm-evaluation-harness",
    "--structured-outputs-config.disable_any_whitespace": "vllm", "--sampling-defaults": "sglang",
}  # fmt: skip
OTHERS_NAMES = {"fish_source", "prompt_logprobs", "repetition_penalty", "zsh_source"} | {
    # Of servers and their replies.
    "context_length", "disable_any_whitespace", "logits_all", "max_model_len", "n_ctx", "repeat_penalty", "response_format",
    "return_logprob", "truncate_sequence", "chat_template_kwargs", "enable_thinking", "reasoning_content",
    # Fields of other tools' formats.
    "additional_details", "detailed_evaluation_results", "interval_high", "interval_low", "is_correct", "is_correct_applicable", "llm_scoring", "retrieved_timestamp",
    # Columns of other tools' tables, and of texts that no record keeps.
    "baseline_answer", "lc_standard_error", "model_a", "model_b", "model_id", "pairwise_multi", "question_id",
}  # fmt: skip


def test_the_pages_are_short() -> None:
    before, _, rest = read("README.md").partition("<!-- figures:begin")
    assert (before + rest.partition("figures:end")[2]).count("\n") <= 148
    assert read("CONTRIBUTING.md").count("\n") <= 80


def test_the_picture_is_small_and_has_words_for_those_who_do_not_see_it() -> None:
    ((words, path),) = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", read("README.md"))
    data = (ROOT / path).read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1200, 675)
    assert len(data) < 200_000
    assert len(words) > 50


def test_figures_are_those_of_the_committed_report() -> None:
    block = figures_in(read("README.md"))
    assert block
    printed = CliRunner().invoke(main, ["report", "--data", str(ROOT / "data")])
    assert printed.exit_code == 0, printed.output
    assert block.text == printed.stdout
    # As `urial report --into README.md` puts them there.
    assert block.sound


def test_what_is_said_of_the_toy_is_so() -> None:
    world = build_world(0)
    things = sum(map(len, world.entities.values()))
    assert f"knows {things} invented things with {len(world.facts)} facts" in _joined("docs/report.md")
    assert f"knows {things} invented things" in _joined("README.md")
    shift = json.loads((ROOT / "data/report/report.json").read_bytes())["token_shift"]
    knowledge = [shift[system]["knowledge"] for system in ("base-zero-shot", "base-urial")]
    assert [round(group["positions"] * group["shifted"]["mean"]) for group in knowledge] == [1, 1]
    said = f"Of the {knowledge[0]['positions']} tokens of names and facts one is shifted"
    assert said in _joined("docs/report.md")


def test_what_is_said_beyond_the_paper_is_so() -> None:
    report = json.loads((ROOT / "data/report/report.json").read_bytes())
    blend, begun = report["blends"]["nudged"], report["safety_depth"]["systems"]["aligned"]["compliant"]
    recovered = [blend["recovered"][aspect] for aspect in ("engagement", "safety")]
    shares = [[100 * aspect[f"{of}_recovered"]["mean"] for aspect in recovered] for of in ("blend", "control")]
    said = _joined("README.md")
    assert f"steps in at {100 * blend['blend']['share']['mean']:.1f} % of the places" in said
    assert {f"{share:.0f}" for share in shares[0]} == {"100"}
    assert "have 100 % of its friendliness and refusal" in said
    assert f"at the same share of random places, {shares[1][0]:.0f} % and {shares[1][1]:.0f} %" in said
    assert begun["0"]["refused"]["mean"] == 1
    assert f"refuses {100 * begun['5']['refused']['mean']:.0f} % of what it refuses by itself" in said


def test_the_size_of_the_bundled_remote_is_so() -> None:
    size = sum(path.stat().st_size for path in (ROOT / "remote").rglob("*") if path.is_file())
    for page in ("README.md", "docs/running.md"):
        assert f"({size / 1e6:.0f} MB)" in read(page)


def _joined(page: str) -> str:
    return " ".join(read(page).split())


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in links(page):
        path, anchor = resolved(page, target)
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.relative_to(ROOT).as_posix()), target


def test_the_index_names_every_page() -> None:
    named = {resolved("docs/README.md", target)[0] for target in links("docs/README.md")}
    assert {path for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"} <= named


def test_every_finding_is_named() -> None:
    scripts = sorted(path.name for path in (ROOT / "findings").glob("*.sh"))
    assert scripts == sorted(target for target in links("findings/README.md") if target.endswith(".sh"))
    for name in scripts:
        text = read(f"findings/{name}")
        assert text.startswith("#!/bin/sh\n# ")
        assert "\nset -eu\n" in text
        assert "trap 'rm -rf \"$folder\"' EXIT\n" in text
        assert re.search(r"pip\" install --quiet \S+==\d", text)


def test_every_command_is_named() -> None:
    for name, command in main.commands.items():
        for subcommand in list(getattr(command, "commands", {})) or [""]:
            assert re.search(rf"`urial {name}[^|]*\b{subcommand}", read("docs/commands.md")), (name, subcommand)


# Their answers lie beside those of systems and have the name of none: the stages that read them too.
READERS = {
    "published": ("preferences", "given_shift", "safety_depth", "report"),
    "microworld_answers": ("given_shift", "safety_depth", "report"),
    "blend": ("preferences", "given_shift", "judge_blend", "report"),
}


def test_the_picture_of_the_flow_is_that_of_dvc_yaml() -> None:
    (picture,) = (block.text for block in blocks("README.md") if block.language == "mermaid")
    shown = set()
    for before, after in re.findall(r"^ +(.*) --> (.*)$", picture, re.MULTILINE):
        shown |= {(one, other) for one in before.split(" & ") for other in after.split(" & ")}
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    stages = {name: stage.get("do", stage) for name, stage in stages.items()}
    outputs = {name: [_path(out) for key in ("outs", "plots", "metrics") for out in stage.get(key, [])]
               for name, stage in stages.items()}  # fmt: skip
    edges = {
        (maker, name)
        for name, stage in stages.items()
        for dependency in map(_path, stage["deps"])
        for maker, paths in outputs.items()
        if any(f"{path}/".startswith(f"{dependency}/") or f"{dependency}/".startswith(f"{path}/") for path in paths)
    }
    edges -= {(maker, name) for maker, name in edges if maker in READERS and name not in READERS[maker]}
    # What is judged there is a blend's.
    edges -= {("generate", "judge_blend")}
    assert shown == _without_detours(edges)


def _without_detours(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges of a graph without circles that no longer path runs beside."""
    reachable = edges
    while (further := reachable | {(a, d) for a, b in reachable for c, d in edges if b == c}) != reachable:
        reachable = further
    return {(a, c) for a, c in edges if not any((a, b) in reachable and (b, c) in reachable for _, b in edges)}


def _path(entry: Any) -> str:
    """A dependency or output, with what each loop fills in left open."""
    path = entry if isinstance(entry, str) else next(iter(entry))
    return re.sub(r"\$\{[^}]*\}.*", "", path).rstrip("/")


@pytest.mark.parametrize("command", [command for page in PAGES for command in commands(page)], ids=str)
def test_commands_and_their_options_exist(command: Any) -> None:
    for words in command.simple:
        check(words)


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_in_the_text_exist(page: str) -> None:
    for span in spans(page):
        words = span.split()
        if words[0] in ("dvc", "make") and len(words) > 1:
            check(words)
        elif words[0] == "urial" and len(words) > 1 and not words[1].isupper():
            command, rest = command_of(words[1:])
            assert command is not main, span
            assert {word for word in rest if word.startswith("--")} <= options_of(command) | {"--help"}, span
        elif words[0].startswith("--"):
            assert words[0] in options_of(main) | OTHERS_OPTIONS.keys(), span


@pytest.mark.parametrize("page", PAGES)
def test_blocks_have_a_language_and_parameters_are_sound(page: str) -> None:
    for block in blocks(page):
        assert block.language in ("sh", "console", "yaml", "mermaid", "python"), f"{page}:{block.line}"
        if block.language == "yaml":
            params_with_block(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_keys_in_the_text_exist(page: str) -> None:
    for span in spans(page):
        path = span.partition("=")[0].partition(":")[0]
        if path.partition(".")[0] in ParamsFile.model_fields and not re.search(r"[/ ]|\.json", path):
            assert _field_exists(path.split(".")), span
        elif span.startswith("{"):
            keys = set(YAML(typ="safe", pure=True).load(span))
            assert any(keys <= known for known in _records()), span
        elif match := re.match(r"([a-z_]+): ", span):
            assert any(match[1] in known for known in _records()), span
        elif re.fullmatch(r"[a-z]+(_[a-z]+)+", span):
            assert span in _names() | OTHERS_NAMES, span


def _field_exists(path: list[str]) -> bool:
    """Whether params.yaml can have such a key; entries of catalogs have any name."""
    schemas = [ParamsFile.model_json_schema()]
    definitions = schemas[0]["$defs"]
    for name in path:
        inner = [schema for outer in schemas for schema in _inner(outer, name, definitions)]
        if not inner:
            return False
        schemas = inner
    return True


def _inner(schema: dict[str, Any], name: str, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """What a field of a schema may be, alternatives and references followed."""
    found = []
    for alternative in [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        if reference := alternative.get("$ref"):
            found += _inner(definitions[reference.rpartition("/")[2]], name, definitions)
        if name in alternative.get("properties", {}):
            found.append(alternative["properties"][name])
        else:
            found += [entry for entry in _entries(alternative) if isinstance(entry, dict)]
    return found


def _entries(schema: dict[str, Any]) -> list[Any]:
    """What the values of a mapping with any keys may be."""
    return [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]


@cache
def _records() -> list[frozenset[str]]:
    """The fields of each record in schemas/."""
    found = []
    for path in sorted((ROOT / "schemas").glob("*.json")):
        schema = json.loads(path.read_bytes())
        found += [frozenset(part.get("properties", {})) for part in (schema, *schema.get("$defs", {}).values())]
    return found


@cache
def _names() -> frozenset[str]:
    """Every field, and every value that a field can only have one of, in schemas/; stages of dvc.yaml, figures and tables."""
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    values = {
        value
        for path in (ROOT / "schemas").glob("*.json")
        for group in re.findall(r'"(?:enum|const)":\s*(\[[^\]]*\]|"[^"]*")', path.read_text("utf-8"))
        for value in re.findall(r'"([^"]*)"', group)
    }
    return frozenset(set().union(*_records(), values, stages, NAMES, REFERENCE_NAMES, TABLES))


@pytest.mark.parametrize("page", PAGES)
def test_files_and_folders_in_the_text_exist(page: str) -> None:
    for span in spans(page):
        if re.fullmatch(r"(benchmarks|docs|findings|prompts|schemas|stages|tests|urial)/[\w./-]*", span):
            assert re.search(r"[A-Z]{2}", span) or (ROOT / span).exists(), span


@pytest.mark.parametrize("page", PAGES)
def test_no_line_names_this_machine(page: str) -> None:
    assert not re.search(r"/(work|tmp|home|root)/", prose(page))


def test_checks_can_fail() -> None:
    import click
    from dvc.cli import DvcParserError
    from pydantic import ValidationError

    for words in (["urial", "report", "--no-such"], ["urial", "cite", "--format", "html"], ["urial", "judge"]):
        with pytest.raises(click.UsageError):
            check(words)
    with pytest.raises(DvcParserError):
        check(["dvc", "repro", "--no-such"])
    for words in (["make", "nothing"], ["python", "benchmarks/trace.py", "--no-such"], ["curl", "x"]):
        with pytest.raises(AssertionError):
            check(words)
    with pytest.raises(AssertionError):
        params_with("run.no_such=1")
    with pytest.raises(ValidationError):
        params_with("+run.no_such=1")
    with pytest.raises(ValidationError):
        params_with_block("report: {resamples: none}\n")
    assert not _field_exists(["run", "no_such"])
