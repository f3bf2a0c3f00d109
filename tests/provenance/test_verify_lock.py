"""dvc.lock is read strictly, and digests are those that DVC makes."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.run.files import Digests
from urial.run.lockfile import Lock, LockedFile, lock_digest

LOCK = """\
schema: '2.0'
stages:
  plan:
    cmd: python -m stages.plan
    deps:
    - path: prompts
      hash: md5
      md5: b73fa7dd83a4309fc61ddbb53e6979ff.dir
      size: 112257
      nfiles: 27
    - path: stages/plan.py
      hash: md5
      md5: 49cb6033879e5691c09b741fd5bf96e1
      size: 901
      isexec: true
    params:
      params.yaml:
        seed: 0
    outs:
    - path: data/plan
      hash: md5
      md5: 987252700b18752c36e33004f7a7fabd.dir
      size: 64598
      nfiles: 11
"""


def by_dvc(path: Path, root: Path) -> tuple[str | None, int | None, int | None]:
    """What DVC's own library makes of a file or folder."""
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db import HashFileDB

    store = HashFileDB(localfs, "/never-written")
    ignore = DvcIgnoreFilter(localfs, str(root))
    _, meta, found = build(store, str(path), localfs, "md5", dry_run=True, ignore=ignore)
    return found.hash_info.value, meta.size, meta.nfiles


NAMES = st.sampled_from(["a", "B.txt", "é", "a b", "x.pyc", "__pycache__", "A", "a.b", ".hidden", "zz", "keep.pyc"])
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.binary(max_size=40), max_size=8)
IGNORED = st.lists(
    st.sampled_from(["*.pyc", "__pycache__", "!keep.pyc", "/data/a", "a b/", ".*", "**/zz", "# a comment", ""]),
    max_size=4,
)


def write_tree(folder: Path, tree: dict[tuple[str, ...], bytes]) -> None:
    folder.mkdir(parents=True)
    for parts, data in tree.items():
        path = folder.joinpath(*parts)
        if path.exists() or any((folder / Path(*parts[:depth])).is_file() for depth in range(1, len(parts))):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@given(tree=TREES, ignored=IGNORED)
def test_a_folder_has_the_digest_that_dvc_gives_it(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, ...], bytes], ignored: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (root / ".dvcignore").write_text("\n".join(ignored), "utf-8")
    write_tree(root / "data", tree)
    found = Digests(root).of(root / "data")
    assert (found.md5, found.size, found.nfiles) == by_dvc(root / "data", root)


@given(data=st.binary(max_size=3000) | st.text().map(lambda text: text.replace("\n", "\r\n").encode()))
def test_a_file_has_the_digest_that_dvc_gives_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("file") / "f"
    path.write_bytes(data)
    for part in (7, 2**24):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("urial.run.files._PART", part)
            found = Digests(path.parent).of(path)
        assert (found.md5, found.size, found.nfiles) == by_dvc(path, path.parent)


def test_a_lock_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK, "utf-8")
    (stage,) = Lock.read(tmp_path).stages.values()
    assert (stage.name, stage.cmd, stage.params) == ("plan", "python -m stages.plan", {"params.yaml": {"seed": 0}})
    assert stage.deps[1] == LockedFile(
        path="stages/plan.py", md5="49cb6033879e5691c09b741fd5bf96e1", size=901, isexec=True
    )
    assert [(item.path, item.nfiles) for item in (*stage.deps, *stage.outs)] == [
        ("prompts", 27), ("stages/plan.py", None), ("data/plan", 11),
    ]  # fmt: skip
    assert lock_digest(path) == bytes_hash(LOCK.encode())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema: '2.0'", "schema: '1.0'", "line 1: field 'schema': input should be '2.0', got '1.0'"),
        ("size: 901", "size: -1", "line 14: field 'stages.plan.deps.1.size': input should be greater than or equal to 0, got -1"),
        (
            "md5: 49cb", "md5: 49CB",
            "line 13: field 'stages.plan.deps.1.md5': string should match pattern '^[0-9a-f]{32}(\\.dir)?$', "
            "got '49CB6033879e5691c09b741fd5bf96e1'",
        ),
        ("hash: md5\n      md5: 49", "hash: md4\n      md5: 49", "line 12: field 'stages.plan.deps.1.hash': input should be 'md5', got 'md4'"),
        (
            "size: 901", "sizf: 901",
            "line 11: missing field 'stages.plan.deps.1.size'; "
            "line 14: unknown field 'stages.plan.deps.1.sizf'; did you mean 'size'?",
        ),
    ],
)  # fmt: skip
def test_what_is_no_lock_is_named_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "dvc.lock"
    assert old in LOCK
    path.write_text(LOCK.replace(old, new), "utf-8")
    with pytest.raises(UrialError) as caught:
        Lock.read(tmp_path)
    assert str(caught.value) == (
        f"{path}: {message}\n  expected: a file that DVC wrote\n  fix: restore it: git checkout dvc.lock"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "field 'the whole value': input should be an object, got None"),
        (b"\xff", "line 1: invalid UTF-8 at byte 0"),
        (LOCK.encode("utf-16"), "line 1: invalid UTF-8 at byte 0"),
        (LOCK.replace("size: 901", "size: [901").encode(), "line 15: not valid YAML: "),
        (LOCK.replace("    outs:", "    cmd: a\n    outs:").encode(), "line 19: not valid YAML: found duplicate key"),
        (b"a: &a [x]\nb: *c\n", "line 2: not valid YAML: "),
    ],
)
def test_what_is_no_yaml_is_named_with_its_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_bytes(data)
    with pytest.raises(UrialError, match="dvc.lock[:,] " + re.escape(message)) as caught:
        Lock.read(tmp_path)
    assert caught.value.fix == "restore it: git checkout dvc.lock"


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=re.escape(f"{tmp_path}/dvc.lock: cannot be read: No such file or directory")):
        Lock.read(tmp_path)
    with pytest.raises(UrialError, match=re.escape(f"{tmp_path}/dvc.lock: cannot be read: No such file or directory")):
        lock_digest(tmp_path / "dvc.lock")
    with pytest.raises(UrialError, match=re.escape(f"{tmp_path}/gone: cannot be read: No such file or directory")):
        Digests(tmp_path).of(tmp_path / "gone")
