"""Does a state still measure what its trial measured? Else nothing may be built on it.

A trial judges its cell by the labels from before the cell, so a cell that replaces or splits them anew
gains nothing. But the next step starts from what that cell left behind: its labels would be the judge then.
So a state counts only while the metric, read in it as it stands, says what the trial said.
"""

from __future__ import annotations

import msgspec

from jupyter_mlagent.records import Metric, Trial, TrialStatus
from jupyter_mlagent.search.states import LiveStates
from jupyter_mlagent.search.value import alike

CHANGED = "The cell changed what the metric compares with, so no step may follow it."


async def held_to(states: LiveStates, sources: tuple[str, ...], metric: Metric | None, trial: Trial) -> Trial:
    """The trial, or a blocked one where the state it led to, named by `sources`, measures something else.

    A metric that differs from one reading of the same state to the next (random folds) proves nothing.
    """
    if metric is None or trial.status is not TrialStatus.OK or trial.metric_after is None:
        return trial
    once = (await states.read_metric(sources, metric)).value
    if alike(once, trial.metric_after):
        return trial
    again = (await states.read_metric(sources, metric)).value
    if not alike(once, again):
        return trial
    return msgspec.structs.replace(trial, status=TrialStatus.BLOCKED, metric_after=None, reason=CHANGED)
