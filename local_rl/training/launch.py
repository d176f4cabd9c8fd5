"""Starts a trainer's process and hears it: for the command line and for front ends alike."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator

import msgspec

from jupyter_mlagent.training_events import (
    TrainingEnded,
    TrainingEvent,
    TrainingState,
    TrainingStateChanged,
    decode,
)
from local_rl.training.folder import RunFolder

LOG_FILE = "train.log"


class TrainerProcess:
    """One sitting of a run. Leaving it alone does not end it: `pause` or `kill` do."""

    command: tuple[str, ...] = (sys.executable, "-m", "local_rl.training.process")

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        with (self.folder.path / LOG_FILE).open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                str(self.folder.path),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the one who listens, who then asks for a pause
                limit=1 << 24,
            )

    async def events(self) -> AsyncGenerator[TrainingEvent]:
        """What it tells, until its end; a death without a word is told too."""
        assert self._process is not None and self._process.stdout is not None
        last: TrainingEvent | None = None
        async for line in self._process.stdout:
            with contextlib.suppress(msgspec.DecodeError):
                last = decode(line)
                yield last
        code = await self._process.wait()
        paused = isinstance(last, TrainingStateChanged) and last.state is TrainingState.PAUSED
        if not paused and not isinstance(last, TrainingEnded):
            yield self._died(code)

    def pause(self) -> None:
        """After the update under way it saves a checkpoint and ends."""
        if self.alive and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    async def wait(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def kill(self) -> None:
        if self.alive and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _died(self, code: int) -> TrainingEnded:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        event = TrainingEnded(
            state=TrainingState.FAILED,
            adapter=None,
            message=(
                f"The trainer ended unexpectedly ({how}); go on from its last checkpoint with: "
                f"mlagent train resume {self.folder.name}"
            ),
        )
        self.folder.mend_events()
        self.folder.add_event(event)
        return event
