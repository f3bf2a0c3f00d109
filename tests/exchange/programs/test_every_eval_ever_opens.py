"""The validator of Every Eval Ever 0.3.0 itself reads what is exported, and has nothing to say."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.exchange.exporters.runs import exported, with_second_turn
from tests.exchange.programs.conftest import printed
from tests.report.conftest import small_run
from tests.report.preference_runs import compared_run
from urial.exchange.exporters.every_eval_ever import Publisher, write_every_eval_ever

pytestmark = pytest.mark.thorough


@pytest.fixture
def validated(python_with: Callable[[str], Path]) -> Callable[[Path], int]:
    """Checks that every file in a folder is valid, without a warning; how many these are."""
    python = python_with("every-eval-ever")

    def validate(folder: Path) -> int:
        # It ends with 2 where it warns.
        files = json.loads(
            printed(python, "-m", "every_eval_ever", "validate", "--format", "json", f"{folder}/data/*/*/*/*.json*")
        )
        assert [(file["file"], file["errors"], file["warnings"]) for file in files if not file["valid"]] == []
        return len(files)

    return validate


def test_a_run_is_valid(validated: Callable[[Path], int], finished_run: Clone, tmp_path: Path) -> None:
    finished_run.run("urial", "export", "every-eval-ever", str(tmp_path / "out"))
    assert validated(tmp_path / "out") == 6


@pytest.mark.parametrize("text", ["two words", "line\u2028end\x85of\x0crow", "\x00\u202e</script>"])
def test_hostile_text_is_valid(validated: Callable[[Path], int], tmp_path: Path, text: str) -> None:
    list(write_every_eval_ever(exported(with_second_turn(small_run(text))), tmp_path, Publisher()))
    assert validated(tmp_path) == 4


def test_win_rates_are_valid(validated: Callable[[Path], int], tmp_path: Path) -> None:
    list(write_every_eval_ever(exported(compared_run()), tmp_path, Publisher()))
    assert validated(tmp_path) == 4
