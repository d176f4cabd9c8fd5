"""When a branch ends: terminal and stagnation rules (ML-Master, arXiv 2506.16499, section 3.1)."""

from __future__ import annotations

from jupyter_mlagent.records import Direction, Operator, TrialStatus
from jupyter_mlagent.reward.reward import RewardConfig
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.value import gained


def stalled(
    node: Node, parent: Node, direction: Direction | None, config: RewardConfig, settings: SearchSettings
) -> int:
    """Improve steps in a row without a gain, up to `node`; a first step from the root begins anew.

    Failures and repairs neither end nor lengthen the row, unless they bring a gain.
    """
    better = gained(parent.metric, node.metric, direction, config, settings.least_gain)
    if better or parent.parent is None:
        return 0
    return parent.stalled + int(node.works and node.operator is Operator.IMPROVE)


def why_ended(node: Node, settings: SearchSettings) -> str:
    """One sentence: why a node that was just grown gets no children; empty when it may have some."""
    trial = node.trial
    assert trial is not None
    if node.works:
        if node.stalled >= settings.stagnation:
            return f"{node.stalled} steps in a row brought no gain."
    elif trial.cheated:
        return "Its result followed the held-out labels."
    elif trial.status is TrialStatus.OK:
        return "Its metric cannot be read."
    elif trial.status is TrialStatus.BLOCKED and trial.reason:
        return trial.reason
    elif trial.status is not TrialStatus.ERROR:
        return f"Its trial ended with {trial.status.value.replace('_', ' ')}."
    elif node.debug_depth >= settings.debug_depth:
        return f"{node.debug_depth} repairs in a row failed."
    return "The path has reached its longest." if node.depth >= settings.depth else ""
