"""Does a notebook, run top to bottom in a fresh kernel, give the metric that was reported?"""

from __future__ import annotations

from pathlib import Path

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.kernel import LocalKernel
from jupyter_mlagent.notebook import open_notebook
from jupyter_mlagent.records import Metric, Record
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.link import ClientLink
from jupyter_mlagent.trial.runner import KernelTrials

RELATIVE_TOLERANCE = 1e-6
"""Sums over threads may differ in their last digits."""


class Reproduction(Record):
    reproduced: bool
    value: float | None
    message: str
    """One sentence for the person."""


async def reproduce(
    path: Path, metric: Metric, reported: float, *, kernelspec: str | None, limits: TrialLimits
) -> Reproduction:
    """Run the notebook at `path` in a kernel of its own and measure again; the file is not touched."""
    notebook = open_notebook(path)
    async with LocalKernel(kernelspec or notebook.kernelspec, cwd=path.resolve().parent) as kernel:
        for position, cell in enumerate(notebook.cells, start=1):
            if cell.kind != "code" or not cell.source.strip():
                continue
            try:
                run = await kernel.run_cell(cell.source)
            except KernelError as error:
                return Reproduction(reproduced=False, value=None, message=f"Cell {position}: {error}")
            if run.error is not None and not cell.errored:
                return Reproduction(
                    reproduced=False,
                    value=None,
                    message=f"Run from the top in a fresh kernel, cell {position} raises {run.error.name}.",
                )
        trials = KernelTrials(ClientLink(await kernel.link_client(), python=None))
        try:
            reading = await trials.read_metric(metric, limits)
        finally:
            await trials.close()
    return judge(reported, reading.value, reading.reason)


def judge(reported: float, value: float | None, reason: str = "") -> Reproduction:
    """Compare within `RELATIVE_TOLERANCE`."""
    if value is None:
        return Reproduction(
            reproduced=False, value=None, message=f"The metric cannot be read in a fresh kernel: {reason}"
        )
    if abs(value - reported) <= RELATIVE_TOLERANCE * max(1.0, abs(reported)):
        return Reproduction(
            reproduced=True,
            value=value,
            message=f"Run from the top in a fresh kernel it gives {value:.6g} again.",
        )
    return Reproduction(
        reproduced=False,
        value=value,
        message=f"Run from the top in a fresh kernel it gives {value:.6g}, not {reported:.6g}: "
        f"something in the notebook is random; give it a seed (random_state=...).",
    )
