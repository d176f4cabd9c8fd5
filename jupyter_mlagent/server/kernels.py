"""Reaching the kernels of this Jupyter server for trials, without touching the clients of their notebooks."""

from __future__ import annotations

import contextlib
from typing import Any

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Metric, Trial
from jupyter_mlagent.trial.api import MetricReading, Probe, TrialLimits, TrialRunner
from jupyter_mlagent.trial.link import ClientLink
from jupyter_mlagent.trial.runner import KernelTrials

READY_SECONDS = 30
NO_KERNEL = "This notebook has no running kernel; start one, run its cells, and ask again."


class NoKernel:
    """The trial runner of a notebook without a kernel: says so."""

    async def probe(self) -> Probe:
        raise KernelError(NO_KERNEL)

    async def read_metric(self, metric: Metric, limits: TrialLimits) -> MetricReading:
        del metric, limits
        raise KernelError(NO_KERNEL)

    async def try_cell(self, code: str, metric: Metric | None, limits: TrialLimits, **options: Any) -> Trial:
        del code, metric, limits, options
        raise KernelError(NO_KERNEL)

    async def cancel(self) -> None: ...

    async def close(self) -> None: ...


class ServerTrials:
    """Trial runners for the server's kernels; one is good until its kernel process changes."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def process_of(self, kernel_id: str) -> tuple[str, int | None]:
        """What changes when a kernel is exchanged or restarted; raises KernelError when it is gone."""
        kernel = self._kernel(kernel_id)
        return kernel_id, getattr(getattr(kernel, "provisioner", None), "pid", None)

    async def open(self, kernel_id: str) -> TrialRunner:
        """Raises KernelError: gone, dead, not Python, or not of this machine."""
        kernel = self._kernel(kernel_id)
        language = (getattr(kernel.kernel_spec, "language", "") or "").lower()
        if language != "python":
            raise KernelError(
                f"This notebook's kernel runs {language or 'an unknown language'}; "
                "suggestions work with Python kernels only."
            )
        if not await kernel.is_alive():
            raise KernelError("The kernel of this notebook is dead; restart it and run its cells again.")
        return await _trials(kernel)

    def _kernel(self, kernel_id: str) -> Any:
        try:
            return self._manager.get_kernel(kernel_id)
        except Exception:
            raise KernelError(NO_KERNEL) from None


async def _trials(kernel: Any) -> TrialRunner:
    from jupyter_client.asynchronous.client import AsyncKernelClient

    # Not `kernel.client()`: that one shares its identity with the server's own client, and the kernel would
    # send the notebook's replies to either.
    client = AsyncKernelClient()
    client.load_connection_info(kernel.get_connection_info())
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=READY_SECONDS)
    except RuntimeError as error:
        client.stop_channels()
        raise KernelError(
            f"The kernel does not answer ({error}); wait until it is idle, or interrupt it, and ask again."
        ) from None
    return _OwnClientTrials(client)


class _OwnClientTrials(KernelTrials):
    """Trials together with the client that was opened for them."""

    def __init__(self, client: Any) -> None:
        super().__init__(ClientLink(client, python=None))
        self._own_client = client

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await super().close()
        self._own_client.stop_channels()
