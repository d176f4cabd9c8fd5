"""One real kernel for each module of tests, with trials in copies of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from jupyter_mlagent.kernel import LocalKernel
from jupyter_mlagent.records import Metric, Trial
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.link import ClientLink
from jupyter_mlagent.trial.runner import KernelTrials


@dataclass
class Notebook:
    """A kernel, its link and its trials."""

    kernel: LocalKernel
    link: ClientLink
    trials: KernelTrials

    async def run(self, source: str) -> tuple[dict[str, Any], ...]:
        """Run a cell for real; it must not raise."""
        run = await self.kernel.run_cell(source)
        assert run.error is None, run.error
        return run.outputs

    async def text(self, source: str) -> str:
        """What a cell prints for real."""
        return "".join(o.get("text", "") for o in await self.run(source) if o["output_type"] == "stream")

    async def attempt(self, source: str, metric: Metric | None = None, **options: Any) -> Trial:
        before = options.pop("metric_before", None)
        limits = TrialLimits(**{"seconds": 30.0, **options})
        return await self.trials.try_cell(source, metric, limits, metric_before=before)


async def open_notebook(folder: Path) -> AsyncIterator[Notebook]:
    async with LocalKernel("python3", folder) as kernel:
        link = ClientLink(await kernel.link_client())
        trials = KernelTrials(link)
        yield Notebook(kernel, link, trials)
        await trials.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def notebook(tmp_path_factory: Any) -> AsyncIterator[Notebook]:
    async for opened in open_notebook(tmp_path_factory.mktemp("notebook")):
        yield opened
