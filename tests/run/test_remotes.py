"""Addresses without secrets, and what is a folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.run.remotes import is_folder, public_url

ROOT = Path("/run")


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://token@example.org/a.git", "https://example.org/a.git"),
        ("https://me:p%40ss@example.org:8443/a.git?key=1#part", "https://example.org:8443/a.git"),
        ("https://me:p@ss@example.org/a.git", "https://example.org/a.git"),
        ("ssh://git:pass@example.org:22/a.git", "ssh://git@example.org:22/a.git"),
        ("git@example.org:me/a.git", "git@example.org:me/a.git"),
        ("s3://bucket/folder", "s3://bucket/folder"),
        ("/srv/a.git", "/srv/a.git"),
        ("../a.git", "/a.git"),
        ("file:///srv/a.git", "file:///srv/a.git"),
    ],
)
def test_public_addresses(url: str, public: str) -> None:
    assert public_url(url, ROOT) == public


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/srv/a.git", True), ("a.git", True), ("./a:b", True), ("file:///a", True), ("host:a", False),
        ("https://example.org/a", False), ("git@example.org:a", False), ("ssh://example.org/a", False),
        ("ext::sh -c id", False),
    ],
)  # fmt: skip
def test_folders(url: str, folder: bool) -> None:
    assert is_folder(url) == folder


@given(user=st.text("abc:%", max_size=8), password=st.text("xyz0123456789", min_size=8, max_size=12))
def test_a_password_never_stays(user: str, password: str) -> None:
    for scheme in ("https", "http", "ssh", "ftp", "s3"):
        assert password not in public_url(f"{scheme}://{user}:{password}@example.org/a.git?token={password}", ROOT)
