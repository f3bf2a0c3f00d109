"""What is asked of a server, and what the same model answers to it in this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.real.environments import NotInstalledError
from tests.real.servers import RealServer
from tests.real.weights import manifest_folder, transformers_folder
from tests.served import aligned_plan, base_plan, served_folders, served_model
from tests.tiny_models import decoding
from urial.core.row_cache import RowCache
from urial.generate.run import generate
from urial.prompts.versions.assembly import assemble
from urial.prompts.versions.library import load_prompt
from urial.records.base import Role
from urial.records.completion import AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import Limits, ServerReference
from urial.records.params.file import Decoding
from urial.records.plans import SystemPlan

PROMPT = "general/urial-k3"
QUESTIONS = tuple(
    make_query(f"q{number}", turns=(text,))
    for number, text in enumerate(
        (
            "What is the capital of France?",
            "Can you tell me how to make chocolate chip cookies?",
            "Who wrote Pride and Prejudice, and when was it published?",
            "Give me three tips for staying healthy.",
            "翻译成中文: good morning 🙂",
            "Write a short poem about the sea.",
        )
    )
)
# As many tokens as an answer may have.
NEW_TOKENS = 24
PATIENT = Limits(concurrency=4, retries=100, timeout_seconds=900, total_seconds=3_600)


def asked(**changes: Any) -> Decoding:
    """Greedy, a few tokens, with changes."""
    return decoding(**{"max_new_tokens": NEW_TOKENS, **changes})


@dataclass(frozen=True)
class Case:
    """A system and what it is asked."""

    # base: through the prompt version; aligned: in chat.
    role: Role
    how: Decoding = field(default_factory=asked)
    instructions: Sequence[Instruction] = QUESTIONS
    prompt: str = PROMPT

    def plan(self, model: ServerReference) -> SystemPlan:
        """The system with its model on a server."""
        if self.role == "aligned":
            return aligned_plan(model, decoding=self.how)
        return base_plan(model, prompt_name=self.prompt, prompt=load_prompt(self.prompt), decoding=self.how)


def reference(server: RealServer) -> ServerReference:
    """The server as a study names it."""
    return served_model(server.url, server.name, limits=PATIENT)


def served(case: Case, server: RealServer, folder: Path) -> list[Completion]:
    """The rows of a server's model, with a row cache below ``folder``."""
    model = reference(server)
    plan = case.plan(model)
    stands_for = served_folders(model, model, folder / "models") / case.role
    with RowCache(folder / "rows") as cache:
        prompts = assemble(plan, case.instructions, stands_for)
        return generate(plan, case.instructions, prompts, stands_for, cache)


class InProcess:
    """Real models in this process."""

    def __init__(self, folder: Path) -> None:
        """``folder`` gets what is found out."""
        self.folder = folder

    def model(self, name: str, role: Role) -> Path:
        """The folder under data/models that stands for the model; skips where it cannot be had."""
        try:
            return manifest_folder(transformers_folder(name), role, self.folder / name)
        except NotInstalledError as error:
            pytest.skip(f"{name} cannot be had here: {error}")

    def prompts(self, name: str, case: Case) -> list[AssembledPrompt]:
        """What the model is given."""
        return assemble(self._plan(case), case.instructions, self.model(name, case.role))

    def completions(self, name: str, case: Case) -> list[Completion]:
        """What it answers; it is not asked twice."""
        with RowCache(self.folder / "rows") as cache:
            prompts = self.prompts(name, case)
            return generate(self._plan(case), case.instructions, prompts, self.model(name, case.role), cache)

    def _plan(self, case: Case) -> SystemPlan:
        plan = case.plan(served_model("http://127.0.0.1:9/v1"))
        generation = plan.generation.model_copy(update={"batch_size": len(QUESTIONS)})
        return plan.model_copy(update={"server": None, "threads": 2, "generation": generation})
