"""A study of alignment, from instructions to a report whose every number can be traced.

Read the rooms in the order in which an instruction walks through them:

    plan          checks params.yaml and resolves every name in it, before anything is paid for
    models        the embedded pair is trained here; of other models, a manifest says which weights they are
    instructions  the queries
    prompts       how a base model is shown a query: versions, dialects, in-context examples
    generate      what each system answers
    token_shift   where the base model ranks every token of the aligned answers
    judge         how good the answers are, aspect by aspect
    report        numbers with their intervals, as JSON, tables, charts and a page

Beside the flow stand `run` (a run as a folder: files, lock, commit), `provenance` (trace, verify, cite, compare),
`exchange` (files from and for others), `experiments` (many runs of one project, side by side) and `cli`. All stand on `core`, `records`, `api`, `local_models`,
`microworld` and `statistics`.

In Python, `import urial` offers a few functions over these rooms, which `urial.functions` describes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from urial.core.errors import UrialError
    from urial.functions import answer, judge_answers, load_run, measure_shift, probe, render_prompt, win_rates

__version__ = "0.1.0"
__all__ = ["UrialError", "answer", "judge_answers", "load_run", "measure_shift", "probe", "render_prompt", "win_rates"]


def __getattr__(name: str) -> Any:
    """What is offered is imported when it is first used: whoever imports a room, or asks for help, waits for nothing else."""
    if name not in __all__:
        raise AttributeError(f"module 'urial' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("urial.core.errors" if name == "UrialError" else "urial.functions"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
