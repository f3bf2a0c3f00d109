"""What an error means in a run that `dvc exp run -S` began: how its change is taken back, and what a new name may have meant."""

import os
from collections.abc import Mapping
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean
from urial.core.text import and_more
from urial.core.yaml_files import parse_yaml_record
from urial.run.pipeline import YamlObject, named_paths

# Sections of params.yaml whose entries have names of the user's.
CATALOGS = ("systems", "studies", "instruction_sets", "published_outputs", "judges")
# Where DVC runs an experiment that changes nothing in the work tree (--temp, --queue).
_ASIDE = Path(".dvc/tmp/exps")
_BACK = "what -S has set stays in params.yaml; `git checkout HEAD -- params.yaml` takes it back, with all else there that is in no commit"


def of_experiment(error: UrialError, path: Path) -> UrialError:
    """The error of a run with parameters ``path``, with what is to be known where DVC has just changed that file."""
    if "DVC_EXP_NAME" not in os.environ:
        # Never the same one, which would be raised from itself.
        return error.but()
    project, _, aside = Path.cwd().as_posix().partition(f"/{_ASIDE.as_posix()}/")
    hints = [error.fix, _unfinished_entry(error, path), _elsewhere(Path(project), path) if aside else _BACK]
    return error.but(fix="\n  fix: ".join(hint for hint in hints if hint) or None)


def _elsewhere(project: Path, path: Path) -> str | None:
    """Which files an experiment does not find that runs in a copy of the project, and the project does."""
    try:
        named = named_paths(parse_yaml_record(path, YamlObject).root)
    except UrialError:
        return None
    lost = sorted(str(file) for file in named if not file.exists() and (project / file).exists())
    if not lost:
        return None
    return (
        f"DVC runs this experiment in a copy of the project, where {and_more(lost, 3)} {'is' if len(lost) == 1 else 'are'} not: "
        "name each by its whole path, or from the home folder, as in ~/models"
    )


def _unfinished_entry(error: UrialError, path: Path) -> str | None:
    """What was meant where -S began an entry of a catalog by one of its fields, and the others are missing."""
    section, name, field, *_ = (*(error.field or "").split("."), "", "")
    if section not in CATALOGS or not name:
        return None
    try:
        entries = parse_yaml_record(path, YamlObject).root[section]
        entry = entries[name]
    except (UrialError, KeyError, TypeError):
        return None
    # Which kind of entry it is, is missing where only the entry is named.
    if not isinstance(entry, Mapping) or (field or "kind") in entry:
        return None
    others = [other for other in entries if isinstance(other, str) and other != name]
    meant = did_you_mean(name, others) or ""
    return f"{name!r} is not all there: a new entry needs all of its fields, and -S takes a dot in a name for a level; {meant}"
