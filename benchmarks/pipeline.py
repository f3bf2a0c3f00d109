"""What `dvc repro` costs from nothing, by stage, against another build; and when nothing changed, against `dvc status`.

The committed state of this repository and of a baseline (a checkout with an environment in its .venv) are cloned, given
the same work (the first 84 instructions, no preferences) and empty caches, and run as a user would; the pair's weights have
to be the same bytes in both. Then each stage's command runs once more by itself, with an empty row cache: seconds of
processor by stage, imports included. What the run took beyond these is DVC's own.

Exits with 1 where this build takes more than 0.65 of the baseline's time, or `dvc repro` more than 1.5 times `dvc status`.
Other work on the machine spoils seconds; those of the processor hardly.

python -m benchmarks.pipeline --before CHECKOUT --json pipeline.json
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dvc.utils.serialize import modify_yaml

ROOT = Path(__file__).parents[1]
MOST_OF_BEFORE, MOST_OF_STATUS = 0.65, 1.5
READINGS = 3
INSTRUCTIONS = 84


class Command(NamedTuple):
    """Seconds of one command and all processes that it started, and what it printed."""

    seconds: float
    processor: float
    printed: str


class Build:
    """A clone of one build. Its commands run with the build's own environment and a row cache that begins empty."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "--quiet", str(source), str(folder)], check=True)  # noqa: S607 (the user's git)
        # What is imported is the clone, wherever the environment's own is.
        path = f"{source / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder)}
        with modify_yaml(str(folder / "params.yaml")) as params:
            params["run"]["limit"] = INSTRUCTIONS
            if "preferences" in params:
                params["preferences"]["systems"] = []

    def run(self, command: str, cache: str = "rows") -> Command:
        """Raises CalledProcessError, after what it said, where the command fails."""
        before, started = _processor(), time.perf_counter()
        environment = {**self.environment, "URIAL_CACHE_DIR": f"{self.folder}-{cache}"}
        done = subprocess.run(
            command.split(), cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        seconds, processor = time.perf_counter() - started, _processor() - before
        if done.returncode != 0:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        done.check_returncode()
        return Command(seconds, processor, done.stdout)

    def weights(self) -> list[bytes]:
        """The bytes of the pair's weights."""
        folders = (self.folder / "data" / "models" / role for role in ("base", "aligned"))
        return [(folder / "model.safetensors").read_bytes() for folder in folders]


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(build: Build) -> dict[str, float]:
    """Seconds of a whole run, and those of the processor by stage, all systems of a stage together."""
    whole = build.run("dvc repro")
    found = {"seconds": whole.seconds, "processor": whole.processor}
    stages: dict[str, float] = defaultdict(float)
    for command in re.findall(r"^> (python -m .*)$", whole.printed, re.MULTILINE):
        stages[command.split()[2].removeprefix("stages.")] += build.run(command, "stages").processor
    return found | stages | {"dvc": whole.processor - sum(stages.values())}


def again(build: Build) -> dict[str, float]:
    """Seconds of `dvc repro` and `dvc status` where nothing changed: the best of some, by turns."""
    commands = {"repro_again": "dvc repro", "status": "dvc status"}
    readings = [{name: build.run(command).seconds for name, command in commands.items()} for _ in range(READINGS)]
    return {name: min(reading[name] for reading in readings) for name in commands}


def show(results: dict[str, dict[str, float]]) -> None:
    """A row a stage, a column a build."""
    names = dict.fromkeys(name for result in results.values() for name in result)
    print("".join(f"{title:>14}" for title in ("", *results)))
    for name in names:
        cells = (f"{result[name]:.1f}" if name in result else "-" for result in results.values())
        print("".join(f"{cell:>14}" for cell in (name, *cells)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="a checkout of the baseline with its environment in .venv")
    parser.add_argument("--json", type=Path, help="write every figure here")
    options = parser.parse_args(arguments)
    sources = {"urial": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    with tempfile.TemporaryDirectory() as temporary:
        builds = {name: Build(source, Path(temporary) / name) for name, source in sources.items()}
        results = {name: measure(build) for name, build in builds.items()}
        if any(build.weights() != builds["urial"].weights() for build in builds.values()):
            sys.exit("the builds trained other models: their times are not of the same work")
        results["urial"] |= again(builds["urial"])
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    ours = results["urial"]
    if ours["repro_again"] > MOST_OF_STATUS * ours["status"]:
        sys.exit(f"`dvc repro` with nothing to do takes more than {MOST_OF_STATUS:g} times `dvc status`")
    if "before" in results and ours["seconds"] > MOST_OF_BEFORE * results["before"]["seconds"]:
        sys.exit(f"`dvc repro` takes more than {MOST_OF_BEFORE:g} of the baseline's time")


if __name__ == "__main__":
    main()
