"""Where a state's outputs are pulled from, and what speaks against that."""

import shlex
from collections.abc import Sequence

from urial.run.remotes import DataRemote


def pull_commands(stores: Sequence[DataRemote], outputs: Sequence[str]) -> list[str]:
    """The shell commands that bring outputs into a fresh clone: out of remotes, and computed where no remote has them."""
    chosen, computed = _sources(stores, outputs)
    lines = []
    for store in chosen:
        name = shlex.quote(store.name)
        if not store.committed:
            lines.append(f"dvc remote add --local {name} {shlex.quote(store.url)}")
            lines += [f"dvc remote modify --local {name} {key} {shlex.quote(value)}" for key, value in store.settings]
        # The last one has what the others lack, so that DVC fails where that is not so.
        rest = computed or store is not chosen[-1]
        lines.append(f"dvc pull{'' if store.default else f' --remote {name}'}{' --allow-missing' if rest else ''}")
    return [*lines, *(["dvc repro"] if computed else [])]


def data_caveat(stores: Sequence[DataRemote], outputs: Sequence[str], push: str) -> str | None:
    """Why it is not sure that the outputs can be had; ``push`` is the command that pushes them."""
    chosen, computed = _sources(stores, outputs)
    if computed and not stores:
        return "neither the commit nor this clone names a DVC remote: its outputs have to be computed anew"
    if computed:
        lacking = ", ".join(f"{store.name} lacks at least {store.lacks:,} files" for store in stores)
        return f"no DVC remote has all outputs ({lacking}): what none has is to be computed anew; run `{push}`"
    asked = [store for store in chosen if store.whole is None]
    if not asked:
        return None
    names = " or ".join(f"{store.name} ({store.url})" for store in asked)
    ask = " and ".join(f"`dvc status --cloud --remote {shlex.quote(store.name)}`" for store in asked)
    return f"not known whether the outputs are in the DVC remote {names}, behind a network: ask by {ask}"


def _sources(stores: Sequence[DataRemote], outputs: Sequence[str]) -> tuple[list[DataRemote], bool]:
    """The remotes to pull from, one after the other, and whether something is in none and has to be computed.

    One that has everything is enough. Else those behind a network, which may have what the others lack, come last.
    """
    rest = set(outputs)
    for store in stores:
        if store.whole is not None and rest <= store.whole:
            return ([store] if rest else []), False
    chosen = []
    for store in stores:
        if store.whole and rest & store.whole:
            chosen.append(store)
            rest -= store.whole
    if not rest:
        return chosen, False
    unknown = [store for store in stores if store.whole is None]
    return [*chosen, *unknown], not unknown
