"""The pipe on which a supervisor tells what happens in a trial, read without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from mlagent_kernel.channel import LineReader

_MAX_LINE = 64 << 20


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user can enter, deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mlagent-trial-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class ReportPipe:
    """A FIFO in a folder of its own that only this user can enter; use as a context manager.

    Leaving it tells the supervisor that nobody waits any more: it then ends the trial and itself.
    """

    def __enter__(self) -> ReportPipe:
        self._stack = contextlib.ExitStack()
        self.path = self._stack.enter_context(private_folder()) / "report"
        os.mkfifo(self.path, 0o600)
        self._reader = LineReader(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), _MAX_LINE)
        self.abandoned = False
        self._messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader.descriptor, self._read)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.remove_reader(self._reader.descriptor)
        os.close(self._reader.descriptor)
        self._stack.close()

    async def next(self) -> dict[str, Any] | None:
        """The next message; None once the supervisor has gone."""
        return await self._messages.get()

    def abandon(self) -> None:
        """Make `next` return None, whatever else may still come."""
        self.abandoned = True
        self._messages.put_nowait(None)

    def _read(self) -> None:
        for message in self._reader.read():
            self._messages.put_nowait(message)
        if self._reader.closed:
            self._loop.remove_reader(self._reader.descriptor)
            self._messages.put_nowait(None)
