"""`python -m urial.run.stage`, by which projects without code run their stages."""

import sys

import pytest

from tests.conftest import ROOT
from urial.run import stage


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["__init__"], ["../plan"]])
def test_what_is_no_stage_is_named_with_those_that_are(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", *arguments])
    with pytest.raises(SystemExit) as caught:
        stage.main()
    known = ", ".join(sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__"))
    assert caught.value.code == f"usage: python -m urial.run.stage NAME [ITEM...], where NAME is one of {known}"


def test_a_stage_is_run_with_its_items(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", "generate", "--help"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as caught:
        stage.main()
    assert caught.value.code == 0
    assert "Answer every instruction with SYSTEM." in capsys.readouterr().out
