"""What a search tells while it runs; nodes are told of by their id in the tree."""

from __future__ import annotations

from jupyter_mlagent.records import Operator, Record


class ExpansionBegan(Record, tag="expansion_began"):
    node: int
    operator: Operator
    width: int


class NodeGrown(Record, tag="node_grown"):
    node: int
    parent: int
    metric: float | None
    works: bool
    best: bool
    """Whether it is the best so far."""


class ExpansionFailed(Record, tag="expansion_failed"):
    node: int
    reason: str


class SearchEnded(Record, tag="search_ended"):
    """Always the last event of a search that was not closed."""

    reason: str
    steps: int
    tokens: int
    seconds: float
    own_seconds: float
    """Of them, what the search itself took: everything but waiting for model and trials."""
    metric_start: float | None
    metric_best: float | None
    path: tuple[int, ...]
    """The nodes of the best path, oldest first; empty when nothing bettered the notebook."""


SearchEvent = ExpansionBegan | NodeGrown | ExpansionFailed | SearchEnded
