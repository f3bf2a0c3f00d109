"""Files of former systems, which DVC leaves in the work tree when a system is removed from the parameters."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.paths import ENVIRONMENT, RUN_FILES
from urial.run.reader import RunReader


def remove_former_files(run: RunReader) -> list[Path]:
    """Remove what lies beside the files of the run's own systems, as `dvc checkout` does; the paths that are gone.

    The stage report depends on whole folders, since DVC has no list of dependencies that follows a loop. With a former
    system's file in them it would record a folder that a clone of the commit never has. DVC records dependencies when a
    stage has ended, so what the stage removes is not recorded.

    Raises UrialError for a file that DVC's cache does not have, since nothing would bring it back.
    """
    former = _former_files(run)
    cache = DvcCache.of(run.data.parent) if former else None
    for path in former:
        if cache is None or not path.is_file() or not cache.has(md5_of(path.read_bytes())):
            raise UrialError(
                "belongs to no system of this run, and DVC's cache does not have it",
                path=path,
                expected=f"files of {', '.join(run.plan.systems)}",
                fix="move it to another folder, or add its system to params.yaml",
            )
        path.unlink()
    return former


def _former_files(run: RunReader) -> list[Path]:
    keys = {"system": run.plan.systems, "base system": run.plan.base_systems}
    # data/plan is one output, which DVC writes again.
    looped = [(kind, keys[kind.each]) for kind in RUN_FILES if kind.each in keys and kind.stage != "plan"]
    own = {run.file(kind, key) for kind, names in looped for key in names}
    own |= {run.file(ENVIRONMENT, f"{kind.stage}/{key}") for kind, names in looped for key in names}
    folders = {path.parent for path in own if path.parent.is_dir()}
    # .gitignore and what a killed stage leaves, which .dvcignore keeps out of the folders, have a dot.
    return sorted(path for folder in folders for path in folder.iterdir() if path not in own and path.name[0] != ".")
