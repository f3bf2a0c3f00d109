"""A run as a Research Object Crate: its files with their checksums, and which stage made what of what.

The metadata are RO-Crate's with the terms of its Process Run profile and of W3C PROV. They follow from the files, the
commit and its date alone, so that exporting twice gives the same bytes.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from urial import __version__
from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash, short_hash
from urial.run.exporting import commit_and_date, new_folder, require_new_folder
from urial.run.files import Digests, real_path, require_no_linked_folder
from urial.run.folders import RunFolder, RunState
from urial.run.git import git
from urial.run.lockfile import LOCK, Lock, lock_digest
from urial.run.paths import DATA, REPORT, guess_schema
from urial.run.pipeline import PARAMETERS, current_lock
from urial.run.reader import pull

METADATA = "ro-crate-metadata.json"
PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.5"
# The version of RO-Crate that the profile is made for.
RO_CRATE = "1.1"
LICENCE = "https://spdx.org/licenses/Apache-2.0"
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
TERMS = {"prov": "http://www.w3.org/ns/prov#"}
SOFTWARE = "#urial"
# What the software is, as it was when the run was made: the crate has its code as well.
HOME = "README.md"
# What only the run's repository knows, a PropertyValue each.
COMMIT, EXPERIMENT, CHANGED = "#commit", "#experiment", "#changed-files"
# The bundled remote holds once more what lies under data/.
LEFT_OUT = ("remote/", ".dvc/config.local", METADATA)
# What a link in the run must not lead to.
SECRET = (".git/", ".dvc/config.local")
FORMATS = {
    ".json": "application/json", ".jsonl": "application/jsonl", ".yaml": "application/yaml", ".lock": "application/yaml",
    ".parquet": "application/vnd.apache.parquet", ".svg": "image/svg+xml", ".html": "text/html", ".csv": "text/csv",
    ".md": "text/markdown", ".py": "text/x-python", ".css": "text/css", ".toml": "application/toml", ".txt": "text/plain",
}  # fmt: skip


def export_crate(folder: RunFolder, target: Path) -> int:
    """Write the crate of a run to ``target``, whole or not at all; returns the number of its files.

    Raises UrialError when the target is neither new nor empty, a file of the run is missing, or the run is in no commit.
    """
    require_new_folder(target)
    require_no_linked_folder(folder.path, DATA)
    _, date = commit_and_date(folder)
    files = run_files(folder.path)
    with new_folder(target) as made:
        build_crate(folder.path, files, folder.state, date).write(made)
    return len(files) + 1


def run_files(root: Path) -> list[str]:
    """What belongs to a run: the files that git tracks, and all outputs of dvc.lock. Raises UrialError for a lost one."""
    tracked = git(root, "ls-files", "-z").split("\0")
    named = [name for name in tracked if name and not name.startswith(LEFT_OUT)]
    _require_files_of_run(root, named)
    found = {name for name in named if (root / name).is_file()}
    lock, digests = current_lock(root), Digests(root)
    for path, out in lock.outs.items():
        if not (root / path).exists():
            raise UrialError("missing", path=path, where=f"{LOCK}, stage {lock.makers[path]}", fix=pull([path]))
        _require_files_of_run(root, [path])
        found.update(digests.paths_of(out))
    _require_files_of_run(root, found)
    return sorted(found)


def _require_files_of_run(root: Path, files: Iterable[str]) -> None:
    """Raises UrialError for a link to what is no file of the run, and may be secret."""
    top = real_path(root)
    for name in files:
        found = real_path(root / name)
        if not found.is_relative_to(top) or found.relative_to(top).as_posix().startswith(SECRET):
            raise UrialError(
                f"{shorten(name)}: a link to {shorten(str(found), 300)}, which is no file of the run",
                fix="remove the link, or put a file there",
            )


def build_crate(root: Path, files: list[str], state: RunState, date: str) -> Any:
    """The crate of these files of a run, as the library has it; ``date`` is that of the commit, ISO 8601."""
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=RO_CRATE)
    crate.metadata.extra_contexts.append(CONTEXT)
    crate.metadata.extra_terms.update(TERMS)
    lock, digests = current_lock(root), Digests(root)
    made = {name: f"#stage-{lock.makers[path]}" for path, out in lock.outs.items() for name in digests.paths_of(out)}
    ids = {}
    for name in files:
        properties = _file_properties(root, name)
        if name in made:
            properties["prov:wasGeneratedBy"] = {"@id": made[name]}
        ids[name] = crate.add_file(root / name, name, properties=properties).id
    every = {COMMIT: state.commit, EXPERIMENT: state.experiment, CHANGED: list(state.dirty)}
    stated = {identifier: value for identifier, value in every.items() if value}
    for identifier, value in stated.items():
        properties = {"@type": "PropertyValue", "name": identifier.removeprefix("#"), "value": value}
        crate.add(ContextEntity(crate, identifier, properties=properties))
    references = [{"@id": identifier} for identifier in stated]
    # RO-Crate 1.1 wants no list of one.
    crate.root_dataset["additionalProperty"] = references if len(references) > 1 else references[0]
    for identifier, properties in _context_entities(lock, digests, ids):
        crate.add(ContextEntity(crate, identifier, properties=properties))
    for name, content in _root_properties(root, state, date, lock, ids).items():
        crate.root_dataset[name] = content
    return crate


def _file_properties(root: Path, name: str) -> dict[str, object]:
    path = root / name
    found: dict[str, object] = {
        "name": name,
        "contentSize": str(path.stat().st_size),
        "sha256": file_hash(path).removeprefix("sha256:"),
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
    }
    if name.startswith((f"{DATA}/", "prompts/")) or name == PARAMETERS:
        with contextlib.suppress(UrialError):
            found["conformsTo"] = {"@id": f"schemas/{guess_schema(Path(name))}.json"}
    return found


def _context_entities(lock: Lock, digests: Digests, ids: dict[str, str]) -> Iterator[tuple[str, dict[str, object]]]:
    """The software, and an action a stage: what it used, and what it made."""
    yield (
        SOFTWARE,
        {
            "@type": ["SoftwareApplication", "prov:SoftwareAgent"],
            "name": "urial",
            "softwareVersion": __version__,
            "url": {"@id": HOME},
            "license": {"@id": LICENCE},
        },
    )
    yield LICENCE, {"@type": "CreativeWork", "name": "Apache-2.0"}
    yield PROCESS_RUN, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    for stage in lock.stages.values():
        used, result = (
            [{"@id": ids[name]} for entry in entries for name in digests.paths_of(entry) if name in ids]
            for entries in (stage.deps, stage.outs)
        )
        properties: dict[str, object] = {
            "@type": ["CreateAction", "prov:Activity"],
            "name": stage.name,
            "description": stage.cmd,
            # A text: the profile lists two, and no entities.
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "instrument": {"@id": SOFTWARE},
            "prov:wasAssociatedWith": {"@id": SOFTWARE},
            "object": [*used, *({"@id": ids[name]} for name in stage.params if name in ids)],
            "result": result,
        }
        yield f"#stage-{stage.name}", properties


def _root_properties(root: Path, state: RunState, date: str, lock: Lock, ids: dict[str, str]) -> dict[str, object]:
    commit, digest = str(state.commit), lock_digest(root / LOCK)
    named = f" (experiment {state.experiment})" if state.experiment else ""
    changed = f" and {len(state.dirty)} files that differ from it" if state.dirty else ""
    found: dict[str, object] = {
        "name": f"urial run {commit[:12]}{named}",
        "description": f"A run of the urial pipeline at commit {commit}{changed}: data, prompts, parameters, models, rows, "
        f"report, and the lock {short_hash(digest)} that binds them. `urial verify DIR` checks it.",
        "datePublished": date,
        "identifier": [f"git:{commit}", f"dvc.lock {digest}"],
        "license": {"@id": LICENCE},
        "conformsTo": {"@id": PROCESS_RUN},
        "mentions": [{"@id": f"#stage-{name}"} for name in lock.stages],
    }
    if REPORT.path() in ids:
        found["mainEntity"] = {"@id": ids[REPORT.path()]}
    return found
