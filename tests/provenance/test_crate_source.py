"""Where a crate comes from is stated as properties, and read back from these only."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial import __version__
from urial.core.errors import UrialError
from urial.provenance.crate import METADATA, build_crate
from urial.provenance.verify.folder import check_metadata
from urial.provenance.verify.run import Run
from urial.run.folders import RunState

COMMIT = "0123456789abcdef" * 2 + "01234567"
SOURCES = (
    RunState(commit=COMMIT, experiment=None, dirty=(), lock=None),
    RunState(commit=COMMIT, experiment="sun) at commit ff: b", dirty=("params.yaml",), lock=None),
    RunState(commit=COMMIT, experiment="exp", dirty=("a b.txt", "prompts/ü.yaml"), lock=None),
)


def crate_of(source: RunState, folder: Path) -> Run:
    write_run(small_run(), folder / "run")
    files = sorted(
        path.relative_to(folder / "run").as_posix() for path in (folder / "run").rglob("*") if path.is_file()
    )
    build_crate(folder / "run", files, source, "2026-01-01T00:00:00+00:00").write(folder / "crate")
    return Run(folder / "crate")


def test_the_metadata_have_what_the_process_run_profile_asks_for(tmp_path: Path) -> None:
    """What `rocrate-validator` looks for, without it: docs/verify.md says how it was run."""
    for number, source in enumerate(SOURCES):
        metadata = json.loads((crate_of(source, tmp_path / str(number)).root / METADATA).read_text("utf-8"))
        assert metadata["@context"][:2] == [
            "https://w3id.org/ro/crate/1.1/context",
            "https://w3id.org/ro/terms/workflow-run/context",
        ]
        entities = {item["@id"]: item for item in metadata["@graph"]}
        assert entities[METADATA]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
        root = entities["./"]
        profile = entities[root["conformsTo"]["@id"]]
        assert (profile["@id"], profile["@type"], profile["version"]) == (
            "https://w3id.org/ro/wfrun/process/0.5", "CreativeWork", "0.5",
        )  # fmt: skip
        actions = [item for item in entities.values() if "CreateAction" in item["@type"]]
        assert {item["@id"] for item in actions} == {reference["@id"] for reference in root["mentions"]} != set()
        for action in actions:
            assert action["name"]
            assert action["description"]
            assert action["result"]
            assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
            software = entities[action["instrument"]["@id"]]
            assert "SoftwareApplication" in software["@type"]
            assert (software["name"], software["url"]) == ("urial", {"@id": "README.md"})
            assert software["softwareVersion"] == __version__
            assert "version" not in software
        # One reference is no list.
        stated = root["additionalProperty"]
        assert (isinstance(stated, dict), len(stated)) == ((True, 1) if number == 0 else (False, 3))


def edit(run: Run, identifier: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = run.root / METADATA
    metadata = json.loads(path.read_text("utf-8"))
    change(next(item for item in metadata["@graph"] if item["@id"] == identifier))
    path.write_text(json.dumps(metadata), "utf-8")


@pytest.mark.parametrize("source", SOURCES, ids=("clean", "one file", "two files"))
def test_what_only_the_repository_knows_is_read_from_its_properties(source: RunState, tmp_path: Path) -> None:
    assert check_metadata(crate_of(source, tmp_path)).problems == []


def test_a_property_or_a_sentence_that_was_changed_is_named(tmp_path: Path) -> None:
    run = crate_of(SOURCES[2], tmp_path)
    edit(run, "#commit", lambda item: item.update(value="no commit"))
    with pytest.raises(UrialError, match=r"^ro-crate-metadata\.json: #commit has no commit\n"):
        check_metadata(run)
    edit(run, "#commit", lambda item: item.update(value=COMMIT))
    edit(run, "#changed-files", lambda item: item.update(value=[1]))
    with pytest.raises(UrialError, match=r"^ro-crate-metadata\.json: #changed-files has no names of files\n"):
        check_metadata(run)
    edit(run, "#changed-files", lambda item: item.update(value=["a b.txt", "prompts/ü.yaml"]))
    edit(run, "./", lambda item: item.update(description="A run at another commit."))
    with pytest.raises(UrialError, match="A run at another commit"):
        check_metadata(run)
