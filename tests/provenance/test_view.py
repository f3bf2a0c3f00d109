"""`urial view`: which sites are shown, what the server gives and to whom, and how it ends."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import be_a_project, invoke
from tests.clones import Clone
from tests.provenance.finished import copied
from tests.provenance.viewed import served
from urial.core.errors import UrialError
from urial.provenance.view.server import HEADERS, SiteServer
from urial.provenance.view.sites import open_sites
from urial.run.dvc_cache import md5_of
from urial.run.files import folder_digest
from urial.run.paths import SITE

PAGE = '<!DOCTYPE html><title>t</title><header><div id="tools"></div></header>'
HASH = "sha256:" + "ab" * 32


def write_site(folder: Path, study: str = "pair") -> Path:
    files = {
        "index.html": PAGE,
        "tokens.html": PAGE,
        "assets/frame.js": '"use strict";\n',
        "data/index.js": f'urial.receive("index",{json.dumps({"run": {"study": study, "judge": None, "identifier": HASH}})});\n',
        "data/tokens/0000.js": 'urial.receive("tokens/0000", {});\n',
        "notes.txt": "of no known kind",
        ".hidden.html": "with a dot",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def asked(server: SiteServer, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    # As it is: the client would refuse some of what a hostile one sends.
    connection.putrequest(method, "/", skip_host=True)
    connection._buffer[0] = f"{method} {path} HTTP/1.1".encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
    for name, value in {"Host": f"127.0.0.1:{server.server_port}", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response, data


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteServer]:
    """Two sites beside a file that is nobody's business."""
    above = tmp_path_factory.mktemp("served")
    (above / "secret.html").write_text("secret", "utf-8")
    names = [str(write_site(above / name, study)) for name, study in (("one", "a <b>"), ("two", "other"))]
    (above / "two/tokens.html").unlink()
    with ExitStack() as stack, served(*open_sites(names, stack)) as server:
        yield server


def test_files_are_served_by_their_kind_and_nothing_else(two: SiteServer) -> None:
    kinds = {"index.html": "text/html", "assets/frame.js": "text/javascript", "data/tokens/0000.js": "text/javascript"}
    for name, kind in kinds.items():
        response, data = asked(two, f"/one/{name}?x=1")
        assert (response.status, response.headers.get_content_type()) == (200, kind)
        assert data
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
    for name in (
        "notes.txt",
        ".hidden.html",
        "data",
        "data/",
        "assets",
        "none.html",
        "data/index.js/",
        "three/index.html",
    ):
        response, data = asked(two, f"/one/{name}")
        assert (response.status, response.headers.get_content_type()) == (404, "text/plain"), name
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert name.encode() not in data


def test_a_head_is_a_page_without_its_body(two: SiteServer) -> None:
    response, data = asked(two, "/one/assets/frame.js", "HEAD")
    assert (response.status, response.headers["Content-Length"], data) == (200, "14", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/one/../secret.html", "/../secret.html", "/one/%2e%2e/secret.html", "/one/..%2fsecret.html", "//secret.html",
        "/one//../secret.html", "/one/..\\secret.html", "/one/./index.html", "/one/index.html/../../../secret.html",
        "/one/data/../../secret.html", "http://x.test/one/index.html", "*", "/one/\x00", "/one/index.html%00.js",
    ],
)  # fmt: skip
def test_no_address_leads_out_of_a_site(two: SiteServer, path: str) -> None:
    response, data = asked(two, path)
    assert response.status in (400, 404)
    assert b"secret" not in data


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n "), max_size=30))
def test_whatever_is_asked_is_a_file_of_a_site_or_refused(two: SiteServer, rest: str) -> None:
    response, data = asked(two, f"/one/{rest}")
    assert response.status in (200, 400, 404)
    assert b"secret" not in data


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "<script>"])
def test_nothing_can_be_done_but_read(two: SiteServer, method: str) -> None:
    response, data = asked(two, "/one/index.html", method)
    assert (response.status, data) == (501, b"not a request for a page\n")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["x.test", "x.test:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.x.test:{port}", ""])
def test_a_strangers_name_for_this_machine_gets_nothing(two: SiteServer, host: str) -> None:
    response, data = asked(two, "/one/index.html", Host=host.format(port=two.server_port))
    assert response.status == 421
    assert PAGE.encode() not in data


def test_this_machine_may_be_called_localhost(two: SiteServer) -> None:
    assert asked(two, "/one/index.html", Host=f"localhost:{two.server_port}")[0].status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_origins_get_nothing(two: SiteServer, site: str) -> None:
    asking = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"}
    assert asked(two, "/one/data/index.js", **asking)[0].status == 403
    # A link that somebody follows is no such request.
    assert asked(two, "/one/index.html", **{**asking, "Sec_Fetch_Mode": "navigate"})[0].status == 200


def test_several_runs_are_listed_and_link_to_each_other(two: SiteServer) -> None:
    listing = asked(two, "/")[1].decode("utf-8")
    assert 'href="/one/"' in listing
    assert "a &lt;b&gt;" in listing
    assert HASH in listing
    page = asked(two, "/one/tokens.html")[1].decode("utf-8")
    assert '<a href="/one/tokens.html" aria-current="true">' in page
    # The other one has no such page.
    assert '<a href="/two/" data-keeps-instruction>' in page
    assert page.count('<div id="tools">') == 1
    assert asked(two, "/frame.css")[0].headers.get_content_type() == "text/css"


def test_one_run_is_what_the_address_leads_to(tmp_path: Path) -> None:
    with ExitStack() as stack, served(*open_sites([str(write_site(tmp_path / "a run"))], stack)) as server:
        response, _ = asked(server, "/")
        assert (response.status, response.headers["Location"]) == (302, "/a-run/")
        assert asked(server, "/a-run/")[1] == PAGE.encode()


def test_runs_of_one_name_have_addresses_of_their_own(tmp_path: Path) -> None:
    folders = [str(write_site(tmp_path / name / "run")) for name in "abc"]
    with ExitStack() as stack:
        assert [site.slug for site in open_sites(folders, stack)] == ["run", "run-2", "run-3"]


def test_a_link_out_of_the_site_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    folder = write_site(tmp_path / "site")
    (folder / "shift.html").symlink_to("../secret.html")
    with pytest.raises(UrialError, match="a link to") as error, ExitStack() as stack:
        open_sites([str(folder)], stack)
    assert error.value.path == folder / "shift.html"


def test_a_link_made_while_it_is_served_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    folder = write_site(tmp_path / "site")
    with ExitStack() as stack, served(*open_sites([str(folder)], stack)) as server:
        (folder / "shift.html").symlink_to("../secret.html")
        assert asked(server, "/site/shift.html")[0].status == 404


def locked_project(folder: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose dvc.lock and DVC's cache know a site of these files; none of them is there."""
    be_a_project(folder)
    (folder / ".dvc").mkdir()
    digests = {name: md5_of(text.encode()) for name, text in files.items()}
    md5 = folder_digest(digests)
    listed = json.dumps([{"md5": digests[name], "relpath": name} for name in sorted(files)])
    (folder / ".dvc/cache/files/md5" / md5[:2]).mkdir(parents=True)
    (folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).write_text(listed, "utf-8")
    size = sum(map(len, files.values()))
    (folder / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  report:\n    cmd: report\n    outs:\n    - path: {SITE}\n      hash: md5\n"
        f"      md5: {md5}\n      size: {size}\n      nfiles: {len(files)}\n",
        "utf-8",
    )
    monkeypatch.chdir(folder)


def test_a_run_that_was_never_computed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be_a_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert invoke("view").output == (
        "Error: data/report/site: the run has not been computed, so that it has no site\n  fix: run `dvc repro`\n"
    )


def test_a_site_that_is_not_here_or_half_here_says_how_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"index.html": PAGE, "assets/frame.js": "", "data/index.js": "x", "data/tokens/0000.js": "y"}
    locked_project(tmp_path, files, monkeypatch)
    said = invoke("view").output
    assert said.startswith("Error: data/report/site: the site is not here\n  fix: run `dvc pull data/report/site`")
    (tmp_path / SITE).mkdir(parents=True)
    (tmp_path / SITE / "index.html").write_text(PAGE, "utf-8")
    (tmp_path / SITE / "data").mkdir()
    (tmp_path / SITE / "data/index.js").write_text("x", "utf-8")
    said = invoke("view").output
    assert said.startswith(
        "Error: data/report/site: not all of the site is here: assets/frame.js, data/tokens/0000.js\n"
        "  fix: run `dvc pull data/report/site`"
    )


def test_what_is_no_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.html").write_text("somebody's pages", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert "no run and no site" in invoke("view").output
    assert invoke("view", "calm-fox").output.startswith("Error: 'calm-fox': no such folder\n")
    assert invoke("view", write_site(tmp_path / "run"), tmp_path / "run").output.endswith("expected: different runs\n")


def test_a_port_that_is_taken_says_so(tmp_path: Path) -> None:
    folder = write_site(tmp_path / "run")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = invoke("view", folder, "--no-open", "--port", str(port)).output
    assert said.startswith(f"Error: port {port}: ")
    assert "leave --port out" in said


def test_the_command_serves_a_run_until_it_is_interrupted(record_clone: Clone, interruptible: None) -> None:
    command = [sys.executable, "-m", "urial", "view", "--no-open"]
    environment = {**record_clone.environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, cwd=record_clone.folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as viewing:
        assert viewing.stdout is not None
        address = viewing.stdout.readline().strip()
        connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=60)
        connection.request("GET", "/workspace/")
        page = connection.getresponse().read()
        connection.close()
        viewing.send_signal(signal.SIGINT)
        assert viewing.wait(timeout=60) == 0
    assert page == (record_clone.folder / SITE / "index.html").read_bytes()


def test_experiments_and_revisions_come_out_of_the_cache(
    record_clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = copied(record_clone, tmp_path)
    commit = clone.run("git", "rev-parse", "HEAD").stdout.strip()
    clone.run("git", "update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/calm-fox", commit)
    shutil.rmtree(clone.folder / SITE)
    before = clone.run("git", "status", "--porcelain").stdout
    monkeypatch.chdir(clone.folder)
    with ExitStack() as stack:
        (site,) = open_sites(["calm-fox"], stack)
        recorded = {path.relative_to(record_clone.folder / SITE) for path in (record_clone.folder / SITE).rglob("*")}
        assert {path.relative_to(site.folder) for path in site.folder.rglob("*")} == recorded
        assert (site.slug, site.state) == ("calm-fox", f"experiment calm-fox, commit {commit[:12]}")
    assert not site.folder.exists()
    assert not (clone.folder / SITE).exists()
    assert clone.run("git", "status", "--porcelain").stdout == before
