"""A session inside the very kernel it works on: what `%mlagent` drives.

The session and its engine live on an event loop in a thread of their own. What must happen on the kernel's
main thread (reading variables, forking a trial) is handed back to it: while a magic runs, that thread waits
here and serves those requests.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.events import Failed, Ranked, SuggestEvent
from jupyter_mlagent.journal import Journal, SuggestionRecord
from jupyter_mlagent.records import Cell, Verdict
from jupyter_mlagent.session import Session
from mlagent_kernel.history import OWN_COMMANDS

T = TypeVar("T")
POLL_SECONDS = 0.02


class InProcessLink:
    """`KernelLink` to the kernel we run in: expressions are evaluated by whoever serves `jobs`."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._namespace = namespace

    @property
    def python(self) -> str | None:
        return None

    async def evaluate(self, expression: str) -> str:
        answer: Future[str] = Future()

        def job() -> None:
            try:
                answer.set_result(str(eval(expression, self._namespace)))  # noqa: S307 - our own expression
            except Exception as error:
                answer.set_exception(KernelError(f"{type(error).__name__}: {error}"))

        self.jobs.put(job)
        return await asyncio.wrap_future(answer)


class MomentaryJournal:
    """The person's journal, open only while something is written: an open database keeps a kernel from being
    forked, since the copy would share it."""

    def record_suggestion(self, record: SuggestionRecord) -> dict[str, int]:
        with Journal.open() as journal:
            return journal.record_suggestion(record)

    def record_verdict(
        self, step_id: int, verdict: Verdict, *, edited_source: str | None = None, reason: str = ""
    ) -> None:
        with Journal.open() as journal:
            journal.record_verdict(step_id, verdict, edited_source=edited_source, reason=reason)

    def mark_undone(self, step_id: int) -> None:
        with Journal.open() as journal:
            journal.mark_undone(step_id)


class Companion:
    """One per kernel: owns the loop, the engine and the session."""

    def __init__(self, shell: Any, model: str | None = None) -> None:
        from jupyter_mlagent.engine.open import open_engine
        from jupyter_mlagent.trial.runner import KernelTrials

        self._shell = shell
        self._link = InProcessLink(shell.user_global_ns)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="mlagent", daemon=True).start()
        self.engine = open_engine(model)
        self.session = Session(
            notebook=notebook_name(shell),
            engine=self.engine,
            trials=KernelTrials(self._link),
            journal=MomentaryJournal(),
        )
        self._watchers: list[Callable[[], None]] = []
        self.accepted: Acceptance | None = None
        """What was accepted last."""
        atexit.register(self.close)

    def follow(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every verdict, wherever it was given, and after every request."""
        self._watchers.append(watcher)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    @property
    def cells(self) -> tuple[Cell, ...]:
        return history_cells(self._shell)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop while this (main) thread serves its requests; Ctrl-C cancels it."""
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not done.done():
                with contextlib.suppress(queue.Empty):
                    self._link.jobs.get(timeout=POLL_SECONDS)()
        except KeyboardInterrupt:
            done.cancel()
            raise
        return done.result()

    def accept(self, proposal_id: str) -> Acceptance:
        """Raises MlagentError when there is no such proposal, or it no longer fits."""
        self.accepted = self.session.accept(proposal_id, self.cells)
        self._tell()
        return self.accepted

    def reject(self, proposal_id: str, reason: str = "") -> None:
        """Raises MlagentError when there is no such proposal."""
        self.session.reject(proposal_id, reason)
        self._tell()

    def suggest(
        self, on_event: Callable[[SuggestEvent], None], *, candidates: int | None, hint: str
    ) -> Ranked | Failed:
        """One request from the notebook as it stands; returns its last event."""

        async def follow(stream: AsyncGenerator[SuggestEvent]) -> Ranked | Failed:
            last: Ranked | Failed | None = None
            async with contextlib.aclosing(stream):
                async for event in stream:
                    on_event(event)
                    if isinstance(event, Ranked | Failed):
                        last = event
            return last or Failed(request_id="", message="The engine ended without an answer; try again.")

        try:
            return self.wait(follow(self.session.suggest(self.cells, candidates=candidates, hint=hint)))
        finally:
            self._tell()

    def close(self) -> None:
        """End the engine's worker and the loop; harmless when called twice."""
        if not self._loop.is_running():
            return
        ending = asyncio.run_coroutine_threadsafe(self.engine.close(), self._loop)
        with contextlib.suppress(Exception):
            ending.result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)


def notebook_name(shell: Any) -> str:
    """The notebook's path where the front end tells it, else the kernel's folder."""
    session = shell.user_ns.get("__session__") or shell.user_ns.get("__vsc_ipynb_file__")
    return str(session) if session else str(Path.cwd() / "(notebook)")


def history_cells(shell: Any) -> tuple[Cell, ...]:
    """What this kernel has executed, as cells; outputs are known only for values that a cell ended with."""
    results = shell.user_ns.get("Out", {})
    cells = []
    for number, source in enumerate(shell.user_ns.get("In", [])):
        if not source.strip() or source.lstrip().startswith(OWN_COMMANDS):
            continue
        outputs: tuple[dict[str, Any], ...] = ()
        if number in results:
            text = shell.display_formatter.format(results[number], include={"text/plain"})[0]
            outputs = ({"output_type": "execute_result", "data": text, "metadata": {}},)
        cells.append(
            Cell(id=f"in-{number}", kind="code", source=source, outputs=outputs, execution_count=number)
        )
    return tuple(cells)
