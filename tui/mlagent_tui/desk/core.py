"""Where the desk gets its engine and its workbench from: this machine, or (in tests) a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import EngineError, JournalError
from jupyter_mlagent.settings import SessionSettings

if TYPE_CHECKING:
    from jupyter_mlagent.notebook import NotebookFile
    from jupyter_mlagent.workbench import Workbench


Hear = Callable[[Any], None]


class Core(Protocol):
    """All is opened behind the first paint."""

    on_disk: bool
    """The notebook is a file of this machine."""

    async def open_notebook(self, path: Path) -> NotebookFile:
        """Raises NotebookError."""
        ...

    async def open_engine(self) -> Engine:
        """Not started yet. Raises MlagentError when the model's name means nothing."""
        ...

    def open_workbench(
        self, notebook: NotebookFile, engine: Engine, hear: Hear
    ) -> AbstractAsyncContextManager[Workbench]:
        """Kernel and trials end with the context. Raises KernelError.

        `hear` is told what others do in the same notebook, where there are others.
        """
        ...


class NoEngine:
    """Stands in where no model could be had: the notebook works, asking for proposals says why it cannot."""

    def __init__(self, reason: str) -> None:
        self._reason = reason or "There is no model; fetch one with `mlagent models pull`."

    def __getattr__(self, name: str) -> Any:
        raise EngineError(self._reason)


@dataclass(frozen=True)
class LocalCore:
    """A kernel and a model on this machine, the person's journal."""

    settings: SessionSettings
    model: str | None = None
    kernelspec: str | None = None
    keep_journal: bool = True
    leave_kernel: bool = False
    """When the terminal goes away."""
    on_disk = True

    async def open_notebook(self, path: Path) -> NotebookFile:
        return await asyncio.to_thread(_opened, path)

    async def open_engine(self) -> Engine:
        def opened() -> Engine:
            from jupyter_mlagent.engine.open import open_engine

            return open_engine(self.model)

        # In a thread: what this imports takes a second, and the keyboard shall not wait for it.
        return await asyncio.to_thread(opened)

    @contextlib.asynccontextmanager
    async def open_workbench(
        self, notebook: NotebookFile, engine: Engine, hear: Hear
    ) -> AsyncIterator[Workbench]:
        del hear
        open_bench = await asyncio.to_thread(_imported_workbench)
        journal = None
        if self.keep_journal:
            from jupyter_mlagent.journal import Journal

            # A broken journal must not stop the work; the session says so at the first step.
            with contextlib.suppress(JournalError):
                journal = Journal.open()
        try:
            async with open_bench(
                notebook.path,
                engine=engine,
                journal=journal,
                settings=self.settings,
                kernelspec=self.kernelspec,
                notebook=notebook,
                kernel_outlives_us=self.leave_kernel,
            ) as workbench:
                yield workbench
        finally:
            if journal is not None:
                journal.close()


def _opened(path: Path) -> NotebookFile:
    from jupyter_mlagent.notebook import open_notebook

    return open_notebook(path)


def _imported_workbench():  # type: ignore[no-untyped-def]
    import jupyter_client.asynchronous.client  # noqa: F401 - part of the second that starting would take
    import nbclient  # noqa: F401

    from jupyter_mlagent.workbench import open_workbench

    return open_workbench
