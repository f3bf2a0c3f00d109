"""Looks at the trained pairs and tuned models that lie beside the rows: what there is, whether they are what was trained, what can go."""

import shutil
import time
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.store import DAY
from urial.exchange.row_cache.kinds import TrainedSize
from urial.models.trained import MAKING, TUNED_RECORD, pairs_folder, require_sound_folder


def trained_folders() -> list[Path]:
    """The folder of each pair and of each tuned model, sorted."""
    folder = pairs_folder()
    found = folder.iterdir() if folder.is_dir() else ()
    # One that is being made begins with a dot.
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def is_tuned(folder: Path) -> bool:
    """Whether it is the folder of one model that was tuned, and not of a pair."""
    return (folder / TUNED_RECORD).is_file()


def trained_size(folders: list[Path]) -> TrainedSize:
    """How much some pairs and tuned models are."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    tuned = sum(map(is_tuned, folders))
    return TrainedSize(pairs=len(folders) - tuned, tuned=tuned, bytes=sum(path.stat().st_size for path in files))


def damage_of(folder: Path) -> UrialError | None:
    """What is wrong with a pair or a tuned model; None: nothing."""
    try:
        require_sound_folder(folder)
    except UrialError as error:
        return error
    return None


def prune_trained(older_than: int | None, damaged: bool, dry_run: bool) -> TrainedSize:
    """Remove the pairs and tuned models that are older than so many days, where it is said, and damaged, where that is said."""
    before = time.time() - (older_than or 0) * DAY
    chosen = [
        folder
        for folder in trained_folders()
        if (older_than is None or folder.stat().st_mtime < before) and (not damaged or damage_of(folder))
    ]
    size = trained_size(chosen)
    for folder in chosen if not dry_run else ():
        # Away at once: half a pair would be a damaged one.
        shutil.rmtree(folder.rename(folder.with_name(f"{MAKING}{folder.name}")), ignore_errors=True)
    return size
