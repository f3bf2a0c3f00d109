"""Every error that the command line can print says what is wrong, where or of what, and what was expected or what helps."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.imports import parsed

PLACES = {"path", "where", "line"}
HELP = {"expected", "fix"}
# About options of the command line, as click's own errors are: they say themselves what to do.
OPTIONS = "names the options that do not go together"
_OF_OPTIONS = re.compile(r"f?[\"']--[a-z]")
CHAT = "an answer to somebody who is at the keyboard, about the line above it"
ROW = "the reason of one row, which has its place; the stage adds the fix"
JOINED = "made of other errors, which have all of it"
SERVER = "what a server said, with its address; whoever asked it adds what helps"
SAYS_WHY = "names the two things that contradict each other, of which the user knows the right one"
WITHOUT_HELP = {
    ("urial/api/client.py", "_post"): ROW,
    ("urial/cli/chat/models.py", "open_prompt"): CHAT,
    ("urial/cli/chat/server_stream.py", "stream"): CHAT,
    ("urial/cli/chat/server_stream.py", "_explained"): SERVER,
    ("urial/cli/chat/session.py", "transcript"): CHAT,
    ("urial/cli/chat/session.py", "run"): CHAT,
    ("urial/cli/chat/session.py", "ask"): CHAT,
    ("urial/cli/chat/session.py", "_compare"): JOINED,
    ("urial/cli/chat/session.py", "_save"): CHAT,
    ("urial/cli/chat/terminal.py", "line"): CHAT,
    ("urial/cli/chat/transformers_stream.py", "stream"): CHAT,
    ("urial/cli/prompts.py", "list_"): JOINED,
    ("urial/cli/prompt_authoring.py", "lint"): JOINED,
    ("urial/exchange/importers/instructions.py", "import_instructions"): OPTIONS,
    ("urial/exchange/importers/length_control_reference.py", "import_reference"): SAYS_WHY,
    ("urial/exchange/importers/length_control_reference.py", "_runs"): SAYS_WHY,
    ("urial/exchange/importers/preferences.py", "import_preferences"): SAYS_WHY,
    ("urial/exchange/row_cache/run_keys.py", "_shift_keys"): "a note beside what was saved all the same",
    ("urial/experiments/sweep/ablations.py", "named"): "says which of the options is wrong, and what it may be",
    ("urial/experiments/sweep/aside.py", "_failure"): "DVC's own last lines, with the log's place beside them",
    ("urial/experiments/sweep/running.py", "_logged"): "what no check foresaw, with the log's place beside it",
    ("urial/judge/files/agreement.py", "people_labels"): SAYS_WHY,
    ("urial/judge/files/length_references.py", "_table"): JOINED,
    ("urial/judge/files/length_references.py", "_row"): JOINED,
    ("urial/judge/files/reading.py", "categories"): SAYS_WHY,
    ("urial/judge/local/layout.py", "prompt_ids"): ROW,
    ("urial/judge/server/batch.py", "_result"): SERVER,
    ("urial/judge/server/openai_judge.py", "replies"): SERVER,
    ("urial/prompts/ablations/ablate.py", "ablated"): SAYS_WHY,
    ("urial/prompts/ablations/ablate.py", "_system_sentences"): SAYS_WHY,
    ("urial/prompts/ablations/ablate.py", "_own_examples"): SAYS_WHY,
    ("urial/prompts/rubrics/reply_schemas.py", "_score_forms"): "read_reply_schema adds the file and what helps",
    ("urial/prompts/rubrics/rubrics.py", "read_reply_schema"): "says the character at which the file stops being JSON",
    ("urial/prompts/versions/library.py", "require_sound_texts"): "says what is still to be written",
    ("urial/provenance/trace/pointers.py", "_lost"): "says that the pointer is too long",
    ("urial/provenance/verify/inputs.py", "check_prompts"): JOINED,
    ("urial/provenance/verify/verification.py", "_link"): "what no check foresaw",
    ("urial/run/git.py", "git"): "git's own message, which has its advice",
    ("urial/run/git.py", "tracked_tree"): "git's own message, which has its advice",
    ("urial/token_shift/files/measurements.py", "_read"): "says why nothing was measured",
    ("urial/token_shift/measure/lexicon.py", "read_lexicon"): "says what the field holds: one word",
}  # fmt: skip
# What tells its place in another way than by a value or a name in its text.
WITHOUT_PLACE = {
    "there is nothing to save yet": CHAT,
    "the answer broke off": CHAT,
}


@dataclass(frozen=True)
class Raised:
    """A place that makes an error."""

    module: str
    function: str
    line: int
    call: ast.Call

    @property
    def names(self) -> set[str]:
        return {keyword.arg for keyword in self.call.keywords if keyword.arg}

    @property
    def problem(self) -> ast.expr | None:
        return self.call.args[0] if self.call.args else None


def modules() -> list[Path]:
    return sorted((ROOT / "urial").rglob("*.py"))


def error_names() -> set[str]:
    """UrialError and its kinds."""
    names = {"UrialError"}
    while True:
        found = {
            node.name
            for path in modules()
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ClassDef) and names & {ast.unparse(base) for base in node.bases}
        }
        if found <= names:
            return names
        names |= found


def raised() -> Iterator[Raised]:
    kinds = error_names()
    for path in modules():
        within: dict[ast.AST, str] = {}
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                within |= dict.fromkeys(ast.walk(node), node.name)
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in kinds:
                yield Raised(path.relative_to(ROOT).as_posix(), within.get(node, ""), node.lineno, node)


def test_every_error_says_what_was_expected_or_what_helps() -> None:
    bare = [
        error
        for error in raised()
        if not error.names & HELP and not (error.problem and _OF_OPTIONS.match(ast.unparse(error.problem)))
    ]
    unexplained = [error for error in bare if (error.module, error.function) not in WITHOUT_HELP]
    assert [f"{error.module}:{error.line}: {ast.unparse(error.call)}" for error in unexplained] == []
    # An exception that nothing needs any more is no exception.
    assert {(error.module, error.function) for error in bare} == set(WITHOUT_HELP)


def test_every_error_says_where_or_of_what() -> None:
    """By a place, by a value in its text, or by what it calls by name: an option, a field, a file, what is said in quotes."""
    named = re.compile(r"--?[a-z]|[a-z]+_[a-z]+|[a-z]+\.[a-z]+|['`]")
    vague = [
        error
        for error in raised()
        if not error.names & PLACES
        and isinstance(error.problem, ast.Constant)
        and not named.search(str(error.problem.value))
        and str(error.problem.value) not in WITHOUT_PLACE
    ]
    # What it is about stands in the text: a subject and what is wrong with it.
    assert [f"{e.module}:{e.line}: {e.problem.value!r}" for e in vague if len(str(e.problem.value).split()) < 3] == []  # type: ignore[union-attr]


def test_no_problem_ends_as_a_sentence_or_begins_as_one() -> None:
    for error in raised():
        if isinstance(error.problem, ast.Constant):
            text = str(error.problem.value)
            assert text, (error.module, error.line)
            assert not text.endswith((".", "!")), (error.module, error.line, text)


def test_whoever_is_to_pull_is_told_what() -> None:
    """`dvc pull` alone brings all of a run; a message that needs a file names it."""
    untold = []
    for path in modules():
        module = path.relative_to(ROOT).as_posix()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.keyword) and node.arg == "fix" and "dvc pull`" in ast.unparse(node.value):
                untold.append((module, ast.unparse(node.value)))
    # A report is in git: where it is not, nothing was computed here, and all of a run is to come.
    assert {module for module, _ in untold} == {
        "urial/cli/__init__.py",
        "urial/exchange/figures/files.py",
        "urial/exchange/row_cache/run_rows.py",
        "urial/provenance/trace/tracing.py",
    }
