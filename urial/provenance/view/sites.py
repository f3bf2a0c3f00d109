"""The sites that are shown: of the work tree, of a folder that holds a run, or of a revision, out of DVC's cache."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more
from urial.run.dvc_cache import DvcCache
from urial.run.files import real_path
from urial.run.folders import WORK_TREE, run_folder
from urial.run.lockfile import LOCK, Lock
from urial.run.paths import SITE
from urial.run.pipeline import PIPELINE
from urial.run.project import find_root
from urial.run.reader import pull
from urial.run.running import require_nothing_running

# What every site has; a folder with other pages in it is none.
MARKS = ("index.html", "assets/frame.js")
MOST_NAMED = 3


@dataclass(frozen=True)
class Site:
    """A site that is served."""

    # As the user named its run, or "workspace".
    name: str
    # Its part of the address.
    slug: str
    folder: Path
    # Folders that its files really lie in: DVC can link them out of its cache.
    homes: tuple[Path, ...]
    # The commit, or the folder.
    state: str
    # What the site says of its run; empty where it is of an earlier form.
    run: dict[str, Any]


def open_sites(names: Sequence[str], stack: ExitStack) -> list[Site]:
    """The sites of work trees (``.`` or ``workspace``), folders, revisions and experiments, as long as the stack is open.

    Revisions are laid out in temporary folders. Raises UrialError for a run that is not there, was never computed or is not
    here whole, and for one that is named twice.
    """
    keys = [WORK_TREE[0] if name in WORK_TREE else name for name in names]
    if twice := next((name for name in keys if keys.count(name) > 1), None):
        raise UrialError(f"{shorten(twice)}: named twice", expected="different runs")
    sites: list[Site] = []
    for name in names:
        if name in WORK_TREE and find_root(Path()) is not None:
            site = _in_folder(Path(), WORK_TREE[1])
        elif os.path.isdir(name):
            site = _in_folder(Path(name), Path(name).absolute().name)
        else:
            site = _of_revision(name, stack)
        taken = {other.slug for other in sites}
        slugs = (site.slug, *(f"{site.slug}-{number}" for number in range(2, len(names) + 2)))
        sites.append(_named(site, next(slug for slug in slugs if slug not in taken)))
    return sites


def _named(site: Site, slug: str) -> Site:
    """Folders of one name are told apart by their addresses."""
    return site if slug == site.slug else replace(site, name=slug, slug=slug)


def _site(name: str, folder: Path, state: str, cache: Path | None = None) -> Site:
    homes = (real_path(folder), *([real_path(cache)] if cache else ()))
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not any(real_path(path).is_relative_to(home) for home in homes):
            raise UrialError(
                f"a link to {shorten(str(real_path(path)), 300)}",
                path=path,
                expected="files of the site: what a link outside leads to is not served",
                fix="go into the run's own project and run `urial view` there",
            )
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_") or "run"
    return Site(name, slug, folder, homes, state, _run_of(folder))


def _of_revision(revision: str, stack: ExitStack) -> Site:
    if find_root(Path()) is None:
        raise UrialError(
            f"{shorten(revision)}: no such folder",
            expected="the folder of a run or crate; inside of a project also a revision or DVC experiment",
        )
    run = stack.enter_context(run_folder(revision, needs=(SITE,)))
    commit = str(run.state.commit)[:12]
    state = f"experiment {run.state.experiment}, commit {commit}" if run.state.experiment else f"commit {commit}"
    return _site(revision, run.path / SITE, state)


def _in_folder(folder: Path, name: str) -> Site:
    """The site of a run's folder, or the folder of a site itself."""
    if not os.path.lexists(folder / SITE) and all((folder / mark).is_file() for mark in MARKS):
        return _site(name, folder, str(folder))
    if not (folder / SITE / "index.html").is_file():
        raise _missing(folder)
    own = DvcCache.of(folder).folder if folder == Path() else None
    if lacking := _lacking(folder):
        require_nothing_running(folder)
        raise UrialError(
            f"not all of the site is here: {and_more(lacking, MOST_NAMED)}",
            path=folder / SITE,
            fix=f"{pull([SITE])}{'' if folder == Path() else f', in {folder}'}",
        )
    return _site(name, folder / SITE, "the work tree" if folder == Path() else str(folder), own)


def _missing(folder: Path) -> UrialError:
    """Why a folder has no site."""
    if not (folder / PIPELINE).is_file():
        return UrialError(
            f"no run and no site: it has neither {SITE}/index.html nor {PIPELINE}",
            path=folder,
            expected=f"the folder of a run, such as one that `urial export` made, or {SITE} of one",
        )
    require_nothing_running(folder)
    where = "" if folder == Path() else f", in {folder}"
    if (folder / LOCK).is_file() and SITE in Lock.read(folder).outs:
        return UrialError("the site is not here", path=folder / SITE, fix=f"{pull([SITE])}{where}")
    return UrialError(
        "the run has not been computed, so that it has no site", path=folder / SITE, fix=f"run `dvc repro`{where}"
    )


def _lacking(folder: Path) -> list[str]:
    """Files that dvc.lock names and that are not here, as far as DVC's cache knows which these are."""
    with suppress(UrialError):
        locked = Lock.read(folder).outs.get(SITE) if (folder / LOCK).is_file() else None
        listed = DvcCache.of(folder).listing(locked.md5) if locked else None
        return [name for name in sorted(listed or {}) if not (folder / SITE / name).is_file()]
    return []


def _run_of(folder: Path) -> dict[str, Any]:
    try:
        # One call: urial.receive("index", {...});
        text = (folder / "data" / "index.js").read_text("utf-8")
        run = json.loads(text[text.index("{") : text.rindex("}") + 1])["run"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return run if isinstance(run, dict) else {}
