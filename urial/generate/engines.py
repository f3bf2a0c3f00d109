"""The engine of the model that is at work: systems of one model share it, and that of another model takes its place."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from urial.generate.engine import Engine
from urial.records.engine import EngineSettings
from urial.records.model import ServerReference
from urial.records.plans import SystemPlan


class Engines:
    """Opens an engine when it is first needed, and has one open at a time. A context manager: at its end none is."""

    def __init__(self, logs: Path) -> None:
        """``logs`` is the folder for what servers print that are started here."""
        self.logs = logs
        self._resources = ExitStack()
        # What decides about an engine, and the engine.
        self._open: tuple[object, Engine] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = None
        self._resources.__exit__(kind, error, trace)

    def of(self, plan: SystemPlan, folder: Path) -> Engine:
        """The engine of a system whose model is in ``folder``."""
        decides = (folder, plan.server, plan.threads, plan.generation)
        if self._open is None or self._open[0] != decides:
            # Before the next one is loaded, so that the memory need not have room for two.
            self._open = None
            self._resources.close()
            self._open = (decides, self._opened(plan, folder))
        return self._open[1]

    def _opened(self, plan: SystemPlan, folder: Path) -> Engine:
        match plan.server:
            case ServerReference() as server:
                from urial.generate.server_batch import OpenAIEngine

                return OpenAIEngine(server, plan.generation.on_context_overflow == "error")
            case EngineSettings() as settings:
                from urial.generate.managed_engine import ManagedEngine

                log = self.logs / f"{plan.system}-{os.getpid()}.log"
                return self._resources.enter_context(ManagedEngine(plan, settings, folder, log))
            case None:
                from urial.generate.transformers_batch import TransformersEngine

                return TransformersEngine(folder, plan.threads, plan.generation.batch_size)
