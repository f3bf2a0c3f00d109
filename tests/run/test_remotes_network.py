"""The finished run goes to a folder, an sshd and an S3 server, and comes back in another clone byte for byte."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.clones import ROOT, Clone
from tests.remote_servers import s3_server, sshd

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
# Made anew, since this file is in the repository that is searched for it.
SECRET = f"canary-{token_hex(8)}"
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that has the run of record, from the remote that is in the repository."""
    clone = make_clone(ROOT, tmp_path_factory.mktemp("run"))
    clone.run("dvc", "pull", "--quiet")
    return clone


@pytest.fixture(autouse=True)
def only_these_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, agent, profile or proxy of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    git = (("GIT_AUTHOR", "test"), ("GIT_COMMITTER", "test"))
    for role, name in git:
        monkeypatch.setenv(f"{role}_NAME", name)
        monkeypatch.setenv(f"{role}_EMAIL", "test@localhost")


def make_clone(source: Path, folder: Path) -> Clone:
    """A clone with an empty DVC cache."""
    clone = Clone(folder / "clone", folder / "rows")
    clone.folder.mkdir(parents=True)
    clone.run("git", "clone", "--quiet", str(source), ".")
    return clone


def set_remote(run: Clone, name: str, url: str, **fields: str) -> None:
    """Make it the default remote, and commit that."""
    run.run("dvc", "remote", "add", "--default", name, url)
    for field, value in fields.items():
        run.run("dvc", "remote", "modify", name, field, value)
    run.run("git", "add", ".dvc/config")
    run.run("git", *IDENTITY, "commit", "--quiet", "-m", f"remote {name}")


def come_back(run: Clone, folder: Path, *local: tuple[str, str, str]) -> Clone:
    """Push, and pull in another clone; ``local`` are settings that no clone brings along, as name, field, value."""
    for setting in local:
        run.run("dvc", "remote", "modify", "--local", *setting)
    run.run("dvc", "push")
    other = make_clone(run.folder, folder)
    # The remote that is in the repository must not be what answers.
    shutil.rmtree(other.folder / "remote")
    assert not (other.folder / ".dvc/cache").exists()
    for setting in local:
        other.run("dvc", "remote", "modify", "--local", *setting)
    other.run("dvc", "pull")
    return other


def require_same(run: Clone, other: Clone) -> None:
    """Every output has the same bytes, and DVC finds both clones in the same state."""
    assert len(other.outputs()) > 50
    assert other.outputs() == run.outputs()
    assert other.run("dvc", "status").stdout == run.run("dvc", "status").stdout
    assert other.run("dvc", "status", "--cloud").stdout == "Cache and remote 'far' are in sync.\n"


def require_unwritten(run: Clone, secret: str) -> None:
    """No commit has the secret, and no file that git would take."""
    assert run.run("git", "log", "--all", "-p", f"-S{secret}").stdout == ""
    assert run.run("git", "grep", "--untracked", secret, check=False).returncode == 1
    ignored = run.run("git", "check-ignore", ".dvc/config.local").stdout
    assert ignored == ".dvc/config.local\n"


@pytest.fixture
def far(run: Clone) -> Iterator[Clone]:
    """The run, put back after its remote was changed."""
    before = run.run("git", "rev-parse", "HEAD").stdout.strip()
    yield run
    run.run("git", "reset", "--quiet", "--hard", before)
    (run.folder / ".dvc/config.local").unlink(missing_ok=True)


def test_a_folder_takes_the_run_and_gives_it_back(far: Clone, tmp_path: Path) -> None:
    set_remote(far, "far", str(tmp_path / "store"))
    require_same(far, come_back(far, tmp_path / "other"))


def test_an_ssh_server_takes_the_run_and_gives_it_back(far: Clone, tmp_path: Path) -> None:
    with sshd(tmp_path / "ssh") as server:
        (tmp_path / "home/.ssh").mkdir(mode=0o700)
        shutil.copy(server.known_hosts, tmp_path / "home/.ssh/known_hosts")
        set_remote(far, "far", f"ssh://127.0.0.1:{server.port}{tmp_path}/store")
        refused = far.run("dvc", "push", check=False)
        assert refused.returncode != 0
        assert "Permission denied" in refused.stdout
        require_same(far, come_back(far, tmp_path / "other", ("far", "keyfile", str(server.key))))
    require_unwritten(far, str(server.key))


def test_an_s3_server_takes_the_run_and_gives_it_back(
    far: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(tmp_path / "s3") as address:
        set_remote(far, "far", "s3://shared/urial", endpointurl=address, region="us-east-1")
        refused = far.run("dvc", "push", check=False)
        assert refused.returncode != 0
        assert "Unable to locate credentials" in refused.stdout
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "urial")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        make_bucket(address, "shared")
        other = come_back(far, tmp_path / "other")
        require_same(far, other)
        # Of S3, config.local serves as well, for those who have no such variables.
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        other.run("dvc", "remote", "modify", "--local", "far", "access_key_id", "urial")
        other.run("dvc", "remote", "modify", "--local", "far", "secret_access_key", SECRET)
        assert other.run("dvc", "status", "--cloud").stdout == "Cache and remote 'far' are in sync.\n"
    assert SECRET in (other.folder / ".dvc/config.local").read_text()
    require_unwritten(other, SECRET)
    require_unwritten(far, SECRET)


def make_bucket(address: str, name: str) -> None:
    """What whoever runs the server does once."""
    import boto3

    boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket=name)
