"""What is known of one search, built up from its events. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from jupyter_mlagent.events import Notice
from jupyter_mlagent.records import Metric
from jupyter_mlagent.search.events import (
    BestChanged,
    BudgetSpent,
    ExpansionFailed,
    NodeAdded,
    PathChosen,
    SearchBegan,
    SearchEnded,
    SearchEvent,
    SearchPaused,
    SearchResumed,
    SelectionBegan,
    StandingsChanged,
    StepProposed,
    StepTried,
)
from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.tree import ROOT
from jupyter_mlagent.search.view import NodeView


@dataclass(frozen=True)
class Branch:
    """A node in its place on the screen; `lead` draws the lines from its parent."""

    node: NodeView
    lead: str


@dataclass
class SearchRecord:
    budget: SearchBudget
    nodes: dict[int, NodeView] = field(default_factory=dict)
    metric: Metric | None = None
    best: int | None = None
    best_metric: float | None = None
    trying: dict[str, int] = field(default_factory=dict)
    """Proposal -> the node it is tried in."""
    spent: BudgetSpent | None = None
    paused: bool = False
    message: str = ""
    """One sentence: what it noticed last."""
    chosen: PathChosen | None = None
    summary: str = ""
    """One paragraph: why the best path won."""
    ended: str = ""
    """Why, in a sentence; empty while it searches."""

    @property
    def steps(self) -> int:
        return max(0, len(self.nodes) - 1)

    def hear(self, event: SearchEvent) -> None:
        match event:
            case SearchBegan():
                self.nodes = {node.id: node for node in event.nodes}
                self.budget, self.metric = event.budget, event.metric
            case StepProposed():
                self.trying[event.proposal.id] = event.node
            case StepTried():
                self.trying.pop(event.proposal_id, None)
            case NodeAdded():
                self.nodes[event.node.id] = event.node
            case StandingsChanged():
                self._stand(event)
            case BestChanged():
                self.best, self.best_metric = event.node, event.metric
            case BudgetSpent():
                self.spent = event
            case SearchPaused():
                self.paused = True
            case SearchResumed():
                self.paused = False
            case SearchEnded():
                self.summary, self.ended, self.paused = event.summary, event.reason, False
                self.trying.clear()
            case SelectionBegan():
                self.message = f"Measuring the best {len(event.nodes)} paths on other splits of the data."
            case PathChosen():
                self.chosen, self.message = event, event.sentence
            case ExpansionFailed():
                self.message = event.reason
            case Notice():
                self.message = event.text
            case _:
                pass

    def stopped(self, reason: str) -> None:
        self.trying.clear()
        self.ended = self.ended or reason

    def branches(self) -> list[Branch]:
        """Every node under its parent, children in the order of growth."""
        children: dict[int | None, list[NodeView]] = {}
        for node in self.nodes.values():
            children.setdefault(node.parent, []).append(node)
        return list(_descend(children, None, ""))

    def _stand(self, event: StandingsChanged) -> None:
        for standing in event.nodes:
            node = self.nodes.get(standing.id)
            if node is not None:
                changed = {name: getattr(standing, name) for name in standing.__struct_fields__}
                self.nodes[standing.id] = msgspec.structs.replace(node, **changed)


def _descend(children: dict[int | None, list[NodeView]], of: int | None, above: str) -> Iterator[Branch]:
    below = children.get(of, [])
    for number, node in enumerate(below):
        last = number == len(below) - 1
        if node.id == ROOT:
            yield Branch(node, "")
            yield from _descend(children, node.id, "")
        else:
            yield Branch(node, above + ("└─" if last else "├─"))
            yield from _descend(children, node.id, above + ("  " if last else "│ "))
