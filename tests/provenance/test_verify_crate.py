"""A run exported as a Research Object Crate: read back by the library, the same twice, and verified anywhere."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.provenance.crate import export_crate
from urial.provenance.verify.verification import verify_links
from urial.run.folders import run_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crate(finished_run: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crate, to be changed and put back."""
    target = tmp_path_factory.mktemp("export") / "crate"
    with run_folder(None, root=finished_run.folder) as run:
        export_crate(run, target)
    return target


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_library_reads_what_made_what(crate: Path) -> None:
    from rocrate.rocrate import ROCrate

    read = ROCrate(crate)
    root = read.root_dataset
    assert root["license"].id == "https://spdx.org/licenses/Apache-2.0"
    assert read.mainEntity.id == "data/report/report.json"
    assert root["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    assert root["additionalProperty"].id == "#commit"
    assert root["identifier"][0] == f"git:{read.dereference('#commit')['value']}"
    action = read.dereference("#stage-judge@aligned")
    assert [item.id for item in action["result"]] == [
        "data/environment/judge/aligned.json",
        "data/judgments/aligned.jsonl",
    ]
    assert "data/generations/aligned.jsonl" in [item.id for item in action["object"]]
    assert action["instrument"]["softwareVersion"] == "0.1.0"
    rows = read.dereference("data/judgments/aligned.jsonl")
    path = crate / "data/judgments/aligned.jsonl"
    assert (rows["sha256"], rows["contentSize"]) == (file_hash(path).removeprefix("sha256:"), str(path.stat().st_size))
    assert rows["conformsTo"].id == "schemas/judgment.json"
    assert rows["prov:wasGeneratedBy"].id == "#stage-judge@aligned"
    assert {item.id for item in read.get_by_type("File")} == contents(crate).keys() - {"ro-crate-metadata.json"}


def test_exporting_twice_gives_the_same_bytes(
    finished_run: Clone, crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(finished_run.folder)
    for arguments in ((tmp_path / "empty",), (tmp_path / "of-head", "--rev", "HEAD")):
        assert invoke("export", *arguments).exit_code == 0
    assert contents(tmp_path / "empty") == contents(crate) == contents(tmp_path / "of-head")


def test_a_crate_verifies_on_its_own(crate: Path) -> None:
    result = invoke("verify", crate, "--json")
    found = json.loads(result.stdout)
    assert [(link["name"], link["problems"]) for link in found["links"] if link["status"] != "ok"] == []
    assert [link["name"] for link in found["links"][:3]] == ["checksums", "crate's metadata", "dvc.lock"]
    assert (result.exit_code, found["kind"], found["commit"]) == (0, "crate", None)


SAYS = (
    "Not derived again: commit, experiment and date of the crate: as its metadata say, which anyone can edit; only its "
    "repository knows.\n"
)


def test_what_only_the_repository_knows_is_printed_of_a_crate(finished_run: Clone, crate: Path, tmp_path: Path) -> None:
    commit = finished_run.run("git", "rev-parse", "HEAD").stdout.strip()
    folder = tmp_path / "crate"
    shutil.copytree(crate, folder)
    path = folder / "ro-crate-metadata.json"
    other = commit[:12].translate(str.maketrans("0123456789abcdef", "123456789abcdef0")) + commit[12:]
    text = path.read_text("utf-8")
    path.write_text(text.replace(commit[:12], other[:12]), "utf-8")
    result = invoke("verify", folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "\nVerified: a crate, by the checksums in its ro-crate-metadata.json.\n" in result.stdout
    assert SAYS in result.stdout


def test_a_crate_without_its_metadata_is_said_to_be_a_folder(crate: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crate"
    shutil.copytree(crate, folder)
    (folder / "ro-crate-metadata.json").unlink()
    result = invoke("verify", folder)
    assert result.exit_code == 0
    assert (
        "\nVerified: a folder that is no crate and in no commit: it has no checksums of its own, and who sent it may have "
        "made dvc.lock anew.\n"
    ) in result.stdout
    assert SAYS not in result.stdout
    assert json.loads(invoke("verify", folder, "--json").stdout)["kind"] == "folder"


def first_problem(crate: Path) -> str:
    link = next(link for link in verify_links(crate) if link.status == "broken")
    return f"{link.name}: {link.problems[0]}"


SENT = "\n  where: ro-crate-metadata.json\n  fix: get the crate again from where it came from"


def test_a_file_changed_missing_or_added_is_named(crate: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crate"
    shutil.copytree(crate, folder)
    path = folder / "tests/core/test_hashing.py"
    before, data = file_hash(path).removeprefix("sha256:"), path.read_bytes()
    path.write_bytes(data + b"#")
    after = file_hash(path).removeprefix("sha256:")
    assert (
        first_problem(folder)
        == f"checksums: tests/core/test_hashing.py: sha256 {after}, the crate says '{before}'{SENT}"
    )
    path.unlink()
    assert first_problem(folder) == f"checksums: tests/core/test_hashing.py: missing{SENT}"
    path.write_bytes(data)
    (folder / "data/more.jsonl").write_text("{}\n", "utf-8")
    assert first_problem(folder) == f"checksums: data/more.jsonl: not in the crate's metadata{SENT}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"softwareVersion": "0.1.0"',
            '"softwareVersion": "0.1.1"',
            "crate's metadata: ro-crate-metadata.json: @graph.",
        ),
        ('"@graph"', '"@grapf"', "checksums: "),
        ("{", "[", "checksums: ro-crate-metadata.json: no JSON: "),
    ],
)
def test_changed_metadata_are_named(crate: Path, old: str, new: str, message: str) -> None:
    path = crate / "ro-crate-metadata.json"
    data = path.read_text("utf-8")
    assert old in data
    try:
        path.write_text(data.replace(old, new, 1), "utf-8")
        assert first_problem(crate).startswith(message)
    finally:
        path.write_text(data, "utf-8")


def test_a_target_that_is_not_empty_is_left_alone(finished_run: Clone, crate: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", "utf-8")
    with run_folder(None, root=finished_run.folder) as run:
        for target in (tmp_path, tmp_path / "mine"):
            with pytest.raises(UrialError) as caught:
                export_crate(run, target)
            problem = "not empty" if target == tmp_path else "is a file"
            assert str(caught.value) == (
                f"{target}: {problem}\n  expected: a folder that is new or empty\n  fix: name another folder"
            )
    assert contents(tmp_path) == {"mine": b"mine"}
    with run_folder(None, root=crate) as run, pytest.raises(UrialError, match="the run is in no commit"):
        export_crate(run, tmp_path / "again")
    assert not (tmp_path / "again").exists()
