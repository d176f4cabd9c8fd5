"""The host's hold on a fresh process: the kernel's own interpreter, which replays the notebook inside the
guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.trial.inject import bundle
from jupyter_mlagent.trial.process import end, line, program


class FreshProcess:
    """Started once and kept: it brings the notebook's state back and serves trials from it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def request(
        self, spec: str, surroundings: dict[str, Any], wanted: list[str], python: str | None
    ) -> None:
        """Send one request; its report comes on the FIFO that `spec` names.

        `wanted`: the sources that will be run; cells of the notebook that they do not need are left out.

        Raises KernelError when the interpreter cannot be started.
        """
        if self._process is None or self._process.returncode is not None:
            self._process = await self._start(surroundings, python)
        assert self._process.stdin is not None
        state = {**surroundings["state"], "wanted": wanted}
        self._process.stdin.write(line({"spec": spec, "state": state}))
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def close(self) -> None:
        """End it and everything it started."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        await end(process)

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def _start(self, surroundings: dict[str, Any], python: str | None) -> asyncio.subprocess.Process:
        interpreter = python or surroundings["python"]
        sources = bundle()
        try:
            process = await asyncio.create_subprocess_exec(
                interpreter,
                "-c",
                program("fresh"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=surroundings["environ"],
                cwd=surroundings["state"]["cwd"] or os.sep,
                start_new_session=True,
            )
        except OSError as error:
            raise KernelError(
                f"A fresh process could not be started with {interpreter} ({error.strerror or error})."
            ) from error
        assert process.stdin is not None
        process.stdin.write(line([sources.package, sources.sources]))
        return process
