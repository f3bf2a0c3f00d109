"""The README says what the committed run gave, and what the command line has."""

import re

from click.testing import CliRunner

from tests.conftest import ROOT
from urial.cli import main

README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"<!-- figures:begin \(urial report\) -->\n(.*)<!-- figures:end -->", re.DOTALL)


def test_figures_are_those_of_the_committed_report() -> None:
    found = BLOCK.search(README)
    assert found
    printed = CliRunner().invoke(main, ["report", "--data", str(ROOT / "data")])
    assert printed.exit_code == 0, printed.output
    assert found[1] == printed.output


def test_every_command_is_in_the_readme() -> None:
    for name, command in main.commands.items():
        subcommands = list(getattr(command, "commands", {})) or [""]
        for subcommand in subcommands:
            assert re.search(rf"`urial {name}[^|]*\b{subcommand}", README), (name, subcommand)


def test_folders_and_files_named_in_the_readme_exist() -> None:
    for name in re.findall(r"\]\((\w[\w./]*)\)", README):
        assert (ROOT / name).exists(), name
