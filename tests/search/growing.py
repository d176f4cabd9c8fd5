"""Steps and trials for tests of the search, and what must hold of every tree."""

from __future__ import annotations

import random

from jupyter_mlagent.records import (
    Anchor,
    Direction,
    Operator,
    Proposal,
    Trial,
    TrialError,
    TrialStatus,
    source_hash,
)
from jupyter_mlagent.search.node import Status
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.tree import ROOT, Tree

NOWHERE = Anchor(cell_id="", source_hash=source_hash(""))


def step(code: str, operator: Operator = Operator.DRAFT, plan: str = "") -> Proposal:
    return Proposal(
        id=f"p-{source_hash(code)[:12]}",
        operator=operator,
        plan=plan or f"plan of {code}",
        code=code,
        source_hash=source_hash(code),
        anchor=NOWHERE,
    )


def ok(metric: float | None, before: float | None = 0.5) -> Trial:
    return Trial(status=TrialStatus.OK, metric_before=before, metric_after=metric, seconds=0.1)


def error(name: str = "ValueError", value: str = "Input contains NaN") -> Trial:
    return Trial(status=TrialStatus.ERROR, error=TrialError(name=name, value=value))


def ended(status: TrialStatus) -> Trial:
    return Trial(status=status)


def tree(
    metric: float | None = 0.5, direction: Direction | None = Direction.MAXIMIZE, **wishes: object
) -> Tree:
    return Tree(
        state_hash="start",
        metric=metric,
        direction=direction,
        settings=SearchSettings(**wishes),  # type: ignore[arg-type]
    )


def any_trial(chance: random.Random, metric: float | None) -> Trial:
    """What may come of a cell: mostly runs, better or worse; errors; and what is no evidence."""
    roll = chance.random()
    if roll < 0.6:
        base = 0.5 if metric is None else metric
        return ok(round(base + chance.uniform(-0.1, 0.1), 4), metric)
    if roll < 0.8:
        return error()
    if roll < 0.85:
        return ok(None, metric)
    if roll < 0.9:
        return Trial(status=TrialStatus.BLOCKED, cheated=chance.random() < 0.5)
    return ended(chance.choice([TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY, TrialStatus.NOT_TRIED]))


def check(found: Tree) -> None:
    """The invariants of visits, values, locks and what may be expanded."""
    settings, leases = found.settings, found.leases
    for node in found.nodes:
        children = [found.nodes[child] for child in node.children]
        own = 0 if node.id == ROOT else 1
        assert node.visits == own + sum(child.visits for child in children)
        assert abs(node.value - (own * node.own_value + sum(child.value for child in children))) < 1e-9
        assert 0.0 <= node.own_value <= 1.0
        assert all(child.parent == node.id and child.depth == node.depth + 1 for child in children)
        here = [lease for lease in leases if lease.node == node.id]
        below = [lease for lease in leases if node in found.lineage(lease.node)]
        assert (node.leases, node.reserved) == (len(here), sum(lease.width for lease in here))
        assert node.virtual == len(below)
        assert node.id == ROOT or node.leases <= 1
        assert (node.status is Status.EXPANDING) == (bool(here) and not node.pruned)
        if node.id != ROOT:
            most = settings.improvements if node.works else settings.repairs
            assert len(node.children) + node.reserved <= most
        assert node.depth <= settings.depth
        assert node.debug_depth <= settings.debug_depth
        if not node.works:
            assert all(child.operator is Operator.DEBUG for child in children)
    root = found.nodes[ROOT]
    assert len(root.children) + root.reserved <= settings.drafts * (1 + settings.redrafts)
    assert root.visits == len(found.nodes) - 1 == len(found.growths)
    best = found.best
    if best is not None:
        assert best.works and best.trial is not None and best.trial.metric_after == best.metric
        assert found.best_path[-1] is best
        assert all(node.works and node.trial.status is TrialStatus.OK for node in found.best_path)


def shape(found: Tree) -> list[tuple[object, ...]]:
    """All that two equal trees have in common."""
    return [
        (
            node.id,
            node.parent,
            node.state_hash,
            node.operator,
            node.visits,
            node.value,
            node.ended,
            node.works,
        )
        for node in found.nodes
    ]
