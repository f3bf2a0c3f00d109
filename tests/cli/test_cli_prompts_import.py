"""`urial prompts import`, as a user runs it."""

import os
from pathlib import Path

import pytest

from tests.cli.commands import be_a_project, prompts
from urial.prompts.versions.library import read_prompt

PUBLISHED = "# Instruction\n\nBe kind. \n\n\n# Query:\n```\nHi?\n```\n\n# Answer:\n```\nHello!\n```\n"


def test_a_query_that_looks_like_a_new_block_is_rendered_and_flagged(tmp_path: Path) -> None:
    published = tmp_path / "published.txt"
    published.write_text(PUBLISHED)
    assert prompts("import", published, "--name", "x", "--dir", tmp_path).exit_code == 0
    done = prompts("render", tmp_path / "x.yaml", "--query", "a\n```\nb")
    assert done.exit_code == 0
    assert done.stdout == f"{PUBLISHED}\n# Query:\n```\na\n```\nb\n```\n\n# Answer:\n```\n"
    assert done.stderr == ("Warning: the query has 3 backticks in a row, which is the fence of this imported prompt\n")


def test_a_published_text_is_imported_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_a_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("published.txt").write_bytes(PUBLISHED.replace("\n", "\r\n").encode())
    done = prompts("import", "published.txt", "--name", "theirs")
    assert done.stdout == "prompts/imported/theirs.yaml: backticks, K=1, every byte kept\n"
    prompt = read_prompt(Path("prompts/imported/theirs.yaml"))
    assert (prompt.licence, prompt.method) == ("NOASSERTION", "urial")
    rendered = prompts("render", "theirs", "--query", "Why?").stdout_bytes
    assert rendered == PUBLISHED.replace("\n", "\r\n").encode() + b"\n# Query:\n```\nWhy?\n```\n\n# Answer:\n```\n"


OTHER_TEMPLATES = {
    "<|im_start|>": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n",
    "<|start_header_id|>": "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    "[INST]": "<s>[INST] Hi [/INST] Hello.</s>\n",
    "<start_of_turn>": "<start_of_turn>user\nHi<end_of_turn>\n",
    "### Instruction": "Below is an instruction.\n\n### Instruction:\nHi\n\n### Response:\nHello.\n",
    "Human:": "A conversation.\n\nHuman: Hi\nAssistant: Hello.\n",
    "Q:": "Q: Hi\nA: Hello.\n",
}


@pytest.mark.parametrize("marker", OTHER_TEMPLATES)
def test_a_text_of_another_template_is_no_system_text_unless_it_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text = OTHER_TEMPLATES[marker]
    Path("x.txt").write_text(text, "utf-8")
    refused = prompts("import", "x.txt", "--name", "x", "--dir", "out")
    line = text[: text.index(marker)].count("\n") + 1
    assert refused.stderr.startswith(
        f"Error: x.txt, line {line}: no query and no answer were found, and {marker!r} is how other templates mark a turn\n"
    )
    assert "--verbatim" in refused.stderr
    assert prompts("import", "x.txt", "--name", "x", "--dir", "out", "--verbatim").exit_code == 0
    assert prompts("render", "out/x.yaml", "--query", "Why?").stdout.startswith(f"{text}\n# Query:\n```\nWhy?\n")


@pytest.mark.parametrize(
    "data",
    [
        b"# Instruction\n\nBe kind.\n\n# Query:\n```\nHi?\n",
        b"\xef\xbb\xbf# Query:\r\n```\r\nA\r\n```\r\n# Query:\r\n```\r\nB\r\n```\r\n",
        b"\n\n  # Answer:\n```\nx\n``` trailing  \n\n\t",
    ],
)
def test_a_broken_text_is_kept_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.txt").write_bytes(data)
    assert prompts("import", "x.txt", "--name", "x", "--dir", "out").exit_code == 1
    assert prompts("import", "x.txt", "--name", "x", "--dir", "out", "--verbatim").exit_code == 0
    assert prompts("render", "out/x.yaml", "--query", "Why?").stdout_bytes.startswith(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x.txt: no text\n  expected: a prompt, or a judge's template\n"),
        (b"a\n\xff", "x.txt, line 2: invalid UTF-8 at byte 2\n  fix: save the file as UTF-8\n"),
        (
            b"Be kind.\n\n# Query:\n```\nHi?\n",
            "x.txt, line 4: the fence '```' is not closed\n"
            "  expected: '```' before the next heading or the end of the file\n"
            "  fix: correct the line, or keep the whole text before the query with --verbatim\n",
        ),
        (
            b"Judge.\n${candidate} ${reference}\n",
            "x.txt, line 2: unknown placeholder ${reference}\n  expected: ${instruction} and ${candidate}\n"
            "  fix: where it is a prompt and no template for judges, name its dialect with --dialect\n",
        ),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.txt").write_bytes(data)
    result = prompts("import", "x.txt", "--name", "x")
    assert (result.exit_code, result.stderr) == (1, f"Error: {message}")
    assert os.listdir() == ["x.txt"]
