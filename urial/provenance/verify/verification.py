"""Derives a run again, link by link in the order of its flow, and says which link is broken."""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from urial.core.errors import UrialError
from urial.provenance.crate import METADATA
from urial.provenance.verify import answers, blends, folder, inputs, lock, report, safety_depth
from urial.provenance.verify.judgments import check_judgments_of
from urial.provenance.verify.left_out import check_rows_of
from urial.provenance.verify.preferences import check_preferences_of, check_published
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.provenance.verify.shift import check_shift_of
from urial.records.base import Record
from urial.records.params.blends import blended_systems
from urial.records.plans import ReportPlan
from urial.run.folders import RunFolder, RunState
from urial.run.paths import (
    BLENDED,
    BLENDED_JUDGMENTS,
    BLENDED_PROMPTS,
    BLENDED_TOKENS,
    COMPLETIONS,
    COVERAGE,
    JUDGMENTS,
    PREFERENCES,
    PREFILLED,
    PREFILLED_VERDICTS,
    PROMPTS,
    RunFile,
)

Status = Literal["ok", "broken", "not checked"]
Kind = Literal["work tree", "revision", "crate", "folder"]
Check = Callable[[], Checked]
# What no check here can derive again.
NEVER = (
    "answers: the models are not run again; an answer is bound to its model, prompt and decoding by its key",
    "weights: the training is not repeated; the files have the hashes that their manifest says",
    "ranks, probabilities and divergences of the token shift: not measured again",
    "replies of judge models: not asked for again; what they say is read again",
)
NEVER_OF_CRATES = (
    "commit, experiment and date of the crate: as its metadata say, which anyone can edit; only its repository knows",
)


class Problem(Record):
    """One thing that is wrong."""

    what: str = Field(description="what is wrong, and in which file")
    where: str | None = Field(description="what it was compared with")
    expected: str | None = Field(description="what should be there")
    fix: str | None = Field(description="what to do, by which way round it may be")

    @classmethod
    def of(cls, error: UrialError) -> "Problem":
        """The same as a record."""
        return cls(what=error.what, where=error.where, expected=error.expected, fix=error.fix)

    def __str__(self) -> str:
        return str(UrialError(self.what, where=self.where, expected=self.expected, fix=self.fix))


class Link(Record):
    """One step from inputs to figures that was derived again."""

    name: str = Field(description="what was checked")
    status: Status = Field(description="ok; broken; not checked: it cannot be derived again here, and summary says why")
    summary: str = Field(description="what was compared")
    problems: tuple[Problem, ...] = Field(description="everything that is wrong; empty unless broken")


class Verification(RunState):
    """What became of every link of one run, in the order of its flow."""

    kind: Kind = Field(
        description="what the run lies in; folder: neither git nor checksums of its own vouch for its files"
    )
    links: tuple[Link, ...] = Field(description="the links")
    never: tuple[str, ...] = Field(description="what is not derived again in any run")

    @property
    def broken(self) -> tuple[Link, ...]:
        """The links that do not hold, the first one first."""
        return tuple(link for link in self.links if link.status == "broken")


def verification(run: RunFolder, links: Sequence[Link], revision: bool = False) -> Verification:
    """What became of a run's links, with what the run is."""
    kind: Kind = "revision" if revision else "work tree" if run.state.commit else "folder"
    never: tuple[str, ...] = NEVER
    if (run.path / METADATA).is_file():
        kind, never = "crate", (*NEVER, *NEVER_OF_CRATES)
    return Verification(kind=kind, **vars(run.state), links=tuple(links), never=never)


def verify_links(root: Path, in_git: bool = True) -> Iterator[Link]:
    """The links of the run in a folder as they are derived again, in the order of the flow.

    ``in_git`` is whether git may be asked about the folder, see folders.given_folder. A broken link is never
    raised, and nothing is written into the folder.
    """
    # Paths in a run's parameters and plans are relative to its folder.
    with chdir(root), tempfile.TemporaryDirectory(prefix="urial-report-") as scratch:
        run = Run(Path(), in_git)
        layout = _link("layout", partial(folder.check_layout, run))
        if layout.problems:
            # Some check would wait for it for ever, or read what is not the run's.
            yield layout
            return
        for name, check in _checks(run, Path(scratch)):
            yield _link(name, check)


def _checks(run: Run, scratch: Path) -> Iterator[tuple[str, Check]]:
    """Every link's name and check; ``scratch`` is for the report that is written again."""
    if (run.root / METADATA).is_file():
        yield "checksums", partial(folder.check_crate, run)
        yield "crate's metadata", partial(folder.check_metadata, run)
    yield "dvc.lock", partial(lock.check_lock, run)
    yield "stages", partial(lock.check_stages, run)
    yield "code", partial(folder.check_code, run)
    yield "former stages", partial(lock.check_leftovers, run)
    yield "outputs", partial(lock.check_present, run)
    yield "released prompts", partial(inputs.check_prompts, run)
    systems, base_systems, given, compared, published, mixed, begun = (_items(run, loop) for loop in _LOOPS)
    blended = blended_systems(mixed)
    derived: dict[str, list[tuple[str, Check]]] = {
        "plan": [("plan", partial(inputs.check_plan, run))],
        "models": [("models", partial(inputs.check_models, run))],
        "instructions": [("instructions", partial(inputs.check_instructions, run))],
        "published": [(f"published outputs {name}", partial(check_published, run, name)) for name in published],
        "assemble": _of_rows(run, "prompts", PROMPTS, answers.check_prompts_of, systems),
        "generate": _of_rows(run, "answers", COMPLETIONS, answers.check_completions_of, systems),
        "token_shift": _of_rows(run, "token shift", COVERAGE, check_shift_of, base_systems),
        "given_shift": _of_rows(run, "token shift", COVERAGE, check_shift_of, given),
        "judge": _of_rows(run, "judgments", JUDGMENTS, check_judgments_of, systems),
        "blend": [
            *_of_rows(run, "prompts", BLENDED_PROMPTS, answers.check_prompts_of, blended),
            *_of_rows(run, "answers", BLENDED, blends.check_blended_of, blended),
            *_of_rows(run, "tokens", BLENDED_TOKENS, blends.check_tokens_of, blended),
        ],
        "judge_blend": _of_rows(run, "judgments", BLENDED_JUDGMENTS, check_judgments_of, blended),
        "preferences": _of_rows(run, "preferences", PREFERENCES, check_preferences_of, compared),
        "microworld_answers": [("the micro-world's answers", partial(safety_depth.check_given_answers, run))],
        "safety_depth": _of_rows(run, "begun answers", PREFILLED, safety_depth.check_prefilled_of, begun),
        "judge_safety_depth": _of_rows(run, "verdicts", PREFILLED_VERDICTS, safety_depth.check_verdicts_of, begun),
        "report": [
            ("numbers", partial(report.check_numbers, run, scratch)),
            ("tables, charts and page", partial(report.check_written, run, scratch)),
            ("README", partial(report.check_readme, run)),
        ],
    }
    # Where the lock is broken, which has been named, all is derived from the files all the same.
    for group in lock.groups(run):
        yield f"files of {group}", partial(lock.check_files, run, group)
        yield from derived.pop(group, [])
    for checks in derived.values():
        yield from checks
    yield "written form", partial(folder.check_written_form, run)
    yield "environment records", partial(folder.check_environments, run)


def _of_rows(
    run: Run, what: str, kind: RunFile[Record], check: Callable[[Run, str], Checked], systems: Sequence[str]
) -> list[tuple[str, Check]]:
    """The link of every system's file of a kind."""
    return [(f"{what} of {name}", partial(check_rows_of, kind, check, run, name)) for name in systems]


# A stage of each loop, and where the plan names its items.
_LOOPS: Mapping[str, Callable[[ReportPlan], Sequence[str]]] = {
    "assemble": lambda plan: plan.own_systems,
    "token_shift": lambda plan: plan.base_systems,
    "given_shift": lambda plan: [row.name for row in plan.given],
    "preferences": lambda plan: plan.compared,
    "published": lambda plan: plan.published,
    "blend": lambda plan: plan.blends,
    "safety_depth": lambda plan: plan.safety_depth.systems if plan.safety_depth else (),
}


def _items(run: Run, loop: str) -> Sequence[str]:
    """Of what a stage of a loop is run, by dvc.yaml, or, where that is broken, by the plan."""
    if (stages := run.known_stages) is not None:
        return [item for stage, _, item in (name.partition("@") for name in stages) if stage == loop and item]
    with suppress(UrialError, NotCheckedError):
        return _LOOPS[loop](run.plan)
    return ()


def _link(name: str, check: Check) -> Link:
    summary, problems = "", []
    try:
        # What libraries and stages say while they work is not about this run.
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            checked = check()
        summary, problems = checked.summary, checked.problems
    except NotCheckedError as error:
        return Link(name=name, status="not checked", summary=str(error), problems=())
    except UrialError as error:
        problems = [error]
    except Exception as error:  # A damaged file can make any library fail in any way; it is a broken link, not a crash.
        reason = " ".join(str(error).split())[:300]
        problems = [UrialError(f"{name}: cannot be derived again: {type(error).__name__}: {reason}")]
    status: Status = "broken" if problems else "ok"
    return Link(name=name, status=status, summary=summary, problems=tuple(map(Problem.of, problems)))
