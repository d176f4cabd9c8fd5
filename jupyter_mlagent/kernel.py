"""A kernel of our own: started for one notebook, its cells run in it, ended with us.

Running a cell and collecting its outputs is nbclient's work; this module adds the sentences a person needs
when the kernel is absent, dies or is not Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Record, TrialError
from jupyter_mlagent.threads import yielding_environment

DEFAULT_KERNELSPEC = "python3"
START_SECONDS = 60
ALIVE_POLL_SECONDS = 0.5
DIED = (
    "The kernel died while it ran a cell (killed, out of memory, or the cell ended it); "
    "nothing was written to the notebook."
)


class CellRun(Record):
    """One cell run for real in the notebook's kernel."""

    outputs: tuple[dict[str, Any], ...]
    """In nbformat's shape."""
    execution_count: int | None
    seconds: float
    error: TrialError | None = None


class LocalKernel:
    """One kernel process on this machine; use as an async context manager.

    Raises KernelError when the kernelspec is not installed, is not for Python, or the kernel does not start.
    """

    def __init__(
        self, kernelspec: str = DEFAULT_KERNELSPEC, cwd: Path | None = None, *, outlives_us: bool = False
    ) -> None:
        """`outlives_us`: a process that ends without shutting it down leaves it running."""
        self.kernelspec = kernelspec
        self._outlives_us = outlives_us
        self.cwd = cwd or Path.cwd()
        self._client: Any = None
        self._link_client: Any = None
        self._running: Any = None
        self._sockets: TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> LocalKernel:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.shield(self.shutdown())

    async def start(self) -> None:
        from nbformat.v4 import new_notebook

        from jupyter_mlagent.printing_client import PrintingClient

        check_kernelspec(self.kernelspec)
        self._client = PrintingClient(
            new_notebook(),
            kernel_name=self.kernelspec,
            timeout=None,
            startup_timeout=START_SECONDS,
            allow_errors=True,
            resources={"metadata": {"path": str(self.cwd)}},
        )
        try:
            self._client.create_kernel_manager()
            if os.name == "posix":
                # Unix sockets in a private folder: what the kernel says never crosses a TCP port.
                self._sockets = TemporaryDirectory(prefix="mlagent-")
                self._client.km.transport = "ipc"
                self._client.km.ip = str(Path(self._sockets.name) / "kernel")
            # A kernel watches its parent and ends with it, unless it was started as independent.
            await self._client.async_start_new_kernel(
                cwd=str(self.cwd), independent=self._outlives_us, env=yielding_environment()
            )
            await self._client.async_start_new_kernel_client()
        except asyncio.CancelledError:
            await self.shutdown()
            raise
        except Exception as error:
            await self.shutdown()
            raise KernelError(
                f"The kernel '{self.kernelspec}' did not start ({type(error).__name__}: {error}); "
                f"try `jupyter kernelspec list`, or name another one with --kernel."
            ) from error

    async def link_client(self) -> Any:
        """A client with channels of its own, so that silent requests never meet a running cell's replies."""
        if self._link_client is None:
            from jupyter_client.asynchronous.client import AsyncKernelClient

            # Not `manager.client()`: that one shares its identity with nbclient's, and the kernel's
            # ROUTER socket would send its replies to either.
            client = AsyncKernelClient()
            client.load_connection_info(self._manager.get_connection_info())
            client.start_channels()
            await client.wait_for_ready(timeout=START_SECONDS)
            self._link_client = client
        return self._link_client

    async def run_cell(self, source: str) -> CellRun:
        """Run one cell; a cell that raises is a result (`error`), not an exception.

        Raises KernelError when the kernel dies under it. Cancelling this call interrupts the cell.
        """
        from nbformat.v4 import new_code_cell

        manager = self._manager
        self._running = cell = new_code_cell(source)
        self._client.nb.cells = [cell]
        began = time.perf_counter()
        # A task of its own: nbclient takes a cancellation for a dead kernel, and does not see every death.
        running = asyncio.ensure_future(self._client.async_execute_cell(cell, 0, store_history=True))
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=ALIVE_POLL_SECONDS)
                if not running.done() and not await manager.is_alive():
                    raise KernelError(DIED)
            await running
        except asyncio.CancelledError:
            await self.interrupt()
            raise
        except KernelError:
            raise
        except Exception as error:
            raise KernelError(DIED) from error
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
            if not running.cancelled():
                running.exception()
        outputs = tuple(dict(output) for output in cell.outputs)
        return CellRun(
            outputs=outputs,
            execution_count=cell.execution_count,
            seconds=time.perf_counter() - began,
            error=error_of(outputs),
        )

    @property
    def live_outputs(self) -> tuple[dict[str, Any], ...]:
        """What the running cell (or the last one) has shown so far, to be looked at as often as one likes."""
        return () if self._running is None else tuple(dict(output) for output in self._running.outputs)

    async def interrupt(self) -> None:
        if self._client is not None:
            await self._manager.interrupt_kernel()

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        manager = None if self._client is None else self._client.km
        return getattr(getattr(manager, "provisioner", None), "pid", None)

    async def is_alive(self) -> bool:
        return self._client is not None and bool(await self._manager.is_alive())

    async def restart(self) -> None:
        await self.shutdown()
        await self.start()

    async def shutdown(self) -> None:
        """End the kernel and its children; harmless when it is gone already."""
        client, self._client = self._client, None
        link, self._link_client = self._link_client, None
        if link is not None:
            link.stop_channels()
        if client is None:
            return
        if client.kc is not None:
            client.kc.stop_channels()
        if client.km is not None:
            with contextlib.suppress(Exception):
                await client.km.shutdown_kernel(now=True)
        if self._sockets is not None:
            self._sockets.cleanup()
            self._sockets = None

    @property
    def _manager(self) -> Any:
        if self._client is None:
            raise KernelError("The kernel was not started.")
        return self._client.km


def error_of(outputs: tuple[dict[str, Any], ...]) -> TrialError | None:
    """The error output of a cell, if it raised."""
    for output in outputs:
        if output.get("output_type") == "error":
            return TrialError(
                name=str(output.get("ename", "")),
                value=str(output.get("evalue", "")),
                traceback=tuple(str(line) for line in output.get("traceback", ())),
            )
    return None


def check_kernelspec(name: str) -> None:
    """Raise KernelError unless a Python kernel of that name is installed."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel as error:
        known = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise KernelError(
            f"The kernel '{name}' is not installed here (installed: {known}); "
            f"name one of these with --kernel, or install it: `python -m ipykernel install --name {name}`."
        ) from error
    if spec.language.lower() != "python":
        raise KernelError(
            f"The kernel '{name}' runs {spec.language}; mlagent works with Python kernels only."
        )
