"""What a search tells while it runs: one tagged record per event, in the order things happen.

Made like `jupyter_mlagent/events.py`: JSON over a WebSocket (`encode`), messages in a terminal program, or
lines printed; a front end needs no other channel. Nodes are told of by their id in the tree, 0 being the
notebook as it stood when the search began. What comes when:

    search_began                             the tree so far: the notebook, and what a resumed search had
    expansion_began, step_proposed, step_tried, ...      a state is being worked in; several at a time
    node_added, node_ended, best_changed, standings_changed, budget_spent       what came of it
    expansion_failed                         nothing came of it (engine or kernel lost, nothing new found)
    search_paused, search_resumed            somebody asked for it (`commands.py`)
    search_ended                             no more nodes
    selection_began                          the best paths are measured on other splits of the data
    path_chosen                              always the last: the cells to put into the notebook

A front end keeps the `NodeView`s by id, and merges each `Standing` of `standings_changed` into its node.
Given the same seed, trials and commands the tree is the same; seconds differ.
"""

from __future__ import annotations

import msgspec

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.events import Notice
from jupyter_mlagent.records import Direction, Metric, Operator, Proposal, Record, TrialStatus
from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.view import NodeView, Standing


class SearchBegan(Record, tag="search_began"):
    nodes: tuple[NodeView, ...]
    direction: Direction | None
    budget: SearchBudget
    workers: int
    metric: Metric | None = None


class ExpansionBegan(Record, tag="expansion_began"):
    node: int
    operator: Operator
    width: int


class StepProposed(Record, tag="step_proposed"):
    """A cell was written for a child of `node`; its trial begins."""

    node: int
    proposal: Proposal


class StepTried(Record, tag="step_tried"):
    """Its trial has ended; it becomes a node once the others of its expansion have ended too."""

    node: int
    proposal_id: str
    status: TrialStatus
    metric: float | None
    seconds: float


class NodeAdded(Record, tag="node_added"):
    node: NodeView


class NodeEnded(Record, tag="node_ended"):
    """It gets no more children; `reason` is one sentence."""

    node: int
    reason: str


class BestChanged(Record, tag="best_changed"):
    node: int | None
    """None: the node that was the best was pruned, and nothing else betters the notebook."""
    metric: float | None
    path: tuple[int, ...]
    """The nodes of the best path, oldest first."""


class StandingsChanged(Record, tag="standings_changed"):
    nodes: tuple[Standing, ...]
    """Of the nodes whose standing is another than before."""


class BudgetSpent(Record, tag="budget_spent"):
    steps: int
    tokens: int
    seconds: float
    """Pauses left out."""
    progress: float
    """The share of the budget that is spent, in [0, 1]."""


class ExpansionFailed(Record, tag="expansion_failed"):
    node: int
    reason: str


class SearchPaused(Record, tag="search_paused"):
    under_way: int
    """Expansions that still end."""


class SearchResumed(Record, tag="search_resumed"):
    pass


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
    summary: str = ""
    """One paragraph: why the best path won."""


class SelectionBegan(Record, tag="selection_began"):
    nodes: tuple[int, ...]
    """The ends of the paths that are measured."""
    splits: int


class PathChosen(Record, tag="path_chosen"):
    """What goes into the notebook: its steps in order, each ready to be inserted and run."""

    node: int | None
    """None: nothing bettered the notebook."""
    steps: tuple[Acceptance, ...]
    changed: bool = False
    """Whether other splits of the data, or the person, chose another path than the search's best."""
    sentence: str = ""
    """Why, where there is something to say."""


SearchEvent = (
    SearchBegan
    | ExpansionBegan
    | StepProposed
    | StepTried
    | NodeAdded
    | NodeEnded
    | BestChanged
    | StandingsChanged
    | BudgetSpent
    | ExpansionFailed
    | SearchPaused
    | SearchResumed
    | SearchEnded
    | SelectionBegan
    | PathChosen
    | Notice
)


def encode(event: SearchEvent) -> bytes:
    """JSON with a `type` field."""
    return msgspec.json.encode(event)


def decode(data: bytes | str) -> SearchEvent:
    """The event that `encode` wrote; raises `msgspec.ValidationError` for anything else."""
    event: SearchEvent = msgspec.json.decode(data, type=SearchEvent)
    return event
