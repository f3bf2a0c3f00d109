"""What a revision that somebody sent may say of DVC remotes, and what this clone's settings are for."""

from pathlib import Path
from typing import Any

import pytest

from urial.core.errors import UrialError
from urial.run.remotes import lent_settings

PLAIN = "['remote \"store\"']\n    url = {}\n"


def write(folder: Path, text: str, local: str = "") -> Path:
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text(text, "utf-8")
    if local:
        (folder / ".dvc/config.local").write_text(local, "utf-8")
    return folder


def lent(folder: Path, root: Path) -> tuple[tuple[list[str], list[str]], dict[str, Any]]:
    """Which remotes are asked, and what DVC is told of them."""
    from dvc.config import Config

    before = (folder / ".dvc/config").read_bytes()
    with lent_settings(folder, root, root / "cache") as remotes:
        found = Config(str(folder / ".dvc"))
        assert found["cache"]["dir"] == str(root / "cache")
        told = {name: {key: str(value) for key, value in found["remote"][name].items()} for name in found["remote"]}
    assert (folder / ".dvc/config").read_bytes() == before
    assert not (folder / ".dvc/config.local").exists()
    return remotes, {name: {key: told[name].get(key) for key in ("url", "endpointurl", "configpath")} for name in told}


def place(url: object, **others: str) -> dict[str, str | None]:
    return {"url": str(url), "endpointurl": None, "configpath": None, **others}


def test_remotes_of_the_revision_and_of_this_clone_are_asked_the_default_first(tmp_path: Path) -> None:
    bundled = "[core]\n    remote = bundled\n['remote \"bundled\"']\n    url = ../remote\n"
    theirs = write(tmp_path / "theirs", bundled + PLAIN.format("/srv/store"))
    ours = write(tmp_path / "ours", bundled, "[core]\n    remote = group\n['remote \"group\"']\n    url = ../mine\n")
    assert lent(theirs, ours) == (
        (["group", "bundled", "store"], []),
        # The bundled remote is that of the revision.
        {"group": place(ours / "mine"), "bundled": place(theirs / "remote"), "store": place("/srv/store")},
    )


@pytest.mark.parametrize(
    "setting", ["configpath = ../aws", "credentialpath = ../aws", "endpointurl = https://x.invalid", "profile = other"]
)
def test_a_remote_that_names_more_than_its_place_is_not_asked(tmp_path: Path, setting: str) -> None:
    """A configuration of AWS can name a program, and some servers are sent a key."""
    theirs = write(tmp_path / "theirs", PLAIN.format("s3://bucket/x") + f"    {setting}\n")
    assert lent(theirs, write(tmp_path / "ours", "")) == (([], ["store"]), {})


def test_a_program_for_a_token_is_not_run(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", PLAIN.format("webdavs://x.invalid/x") + "    bearer_token_command = id\n")
    assert lent(theirs, write(tmp_path / "ours", "")) == (([], ["store"]), {})


def test_settings_of_the_work_tree_are_its_own_files(tmp_path: Path) -> None:
    text = PLAIN.format("s3://bucket/x") + "    configpath = ../aws\n"
    theirs, ours = write(tmp_path / "theirs", text), write(tmp_path / "ours", text)
    assert lent(theirs, ours) == (
        (["store"], []),
        {"store": place("s3://bucket/x", configpath=str(ours / "aws"))},
    )


def test_a_password_goes_where_the_work_tree_says(tmp_path: Path) -> None:
    hostile = PLAIN.format("s3://theirs/x") + "    endpointurl = https://x.invalid\n"
    theirs = write(tmp_path / "theirs", hostile)
    secret = "['remote \"store\"']\n    secret_access_key = secret\n"
    ours = write(tmp_path / "ours", PLAIN.format("s3://ours/x"), secret)
    assert lent(theirs, ours) == ((["store"], []), {"store": place("s3://ours/x")})
    named = write(tmp_path / "named", "", f"{secret}    url = s3://mine/x\n")
    assert lent(theirs, named) == ((["store"], []), {"store": place("s3://mine/x")})


def test_other_settings_of_a_revision_are_left_out(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", "[core]\n    site_cache_dir = notes\n[cache]\n    type = symlink\n")
    ours = write(tmp_path / "ours", "")
    with lent_settings(theirs, ours, ours / "cache"):
        assert (theirs / ".dvc/config").read_text("utf-8").strip() == "[core]"


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    theirs, ours = write(tmp_path / "theirs", "[cache\n"), write(tmp_path / "ours", "")
    with pytest.raises(UrialError) as error:
        lent(theirs, ours)
    assert str(error.value).startswith(f"{theirs}/.dvc/config: config file error: ")
    assert (theirs / ".dvc/config").read_text("utf-8") == "[cache\n"


def test_folders_may_have_any_letters(tmp_path: Path) -> None:
    """DVC reads such settings, and cannot write them."""
    local = "[core]\n    remote = größe\n['remote \"größe\"']\n    url = ../größe\n"
    theirs, ours = write(tmp_path / "é", PLAIN.format("../ü")), write(tmp_path / "ä", "", local)
    assert lent(theirs, ours) == (
        (["größe", "store"], []),
        {"größe": place(tmp_path / "ä/größe"), "store": place(tmp_path / "é/ü")},
    )
