"""From a lease to an order: what an expansion is told of the state that it works in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_mlagent.agent.prediction import Precedent
from jupyter_mlagent.records import Cell
from jupyter_mlagent.search.events import SearchEvent
from jupyter_mlagent.search.expander import Order
from jupyter_mlagent.search.memory import cells_at, recall, tried_codes
from jupyter_mlagent.search.tree import Lease, Tree

SEED_STRIDE = 7919
"""Between the seeds of two expansions, so that neighbouring seeds of a search share none."""


def order_of(tree: Tree, lease: Lease, cells: Sequence[Cell], tell: Callable[[SearchEvent], None]) -> Order:
    """`cells`: the notebook as it stands at the root."""
    node = tree.node(lease.node)
    return Order(
        node=node.id,
        operator=lease.operator,
        width=lease.width,
        cells=cells_at(cells, tree, node.id),
        sources=tuple(step.proposal.code for step in tree.path(node.id) if step.proposal is not None),
        metric=node.metric,
        memory=recall(tree, node.id),
        tried=tried_codes(tree, node.id),
        hint=tree.hint_for(node.id),
        seed=tree.settings.seed + SEED_STRIDE * lease.id,
        precedents=precedents(tree),
        tell=tell,
    )


def precedents(tree: Tree) -> tuple[Precedent, ...]:
    """Everything tried in the tree that is evidence for or against its like."""
    return tuple(
        Precedent(
            code=node.proposal.code,
            metric_before=tree.nodes[node.parent].metric,
            metric_after=node.metric if node.works else None,
            predicted=node.proposal.predicted.metric if node.proposal.predicted else None,
        )
        for node in tree.nodes
        if node.proposal is not None and node.parent is not None and node.scored
    )
