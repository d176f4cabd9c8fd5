"""What a front end shows of the tree: each node once in full, then only what changed of its standing."""

from __future__ import annotations

import difflib
from typing import Any

from jupyter_mlagent.records import Cell, Operator, Prediction, Record, Trial
from jupyter_mlagent.search.node import Node, Status
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.search.value import is_better

OUTPUT_CHARACTERS = 20_000
"""Longest output of a node as text; the middle of a longer one is left out."""


class Standing(Record):
    """What of a node changes while the tree grows around it."""

    id: int
    status: Status
    best: bool
    """Whether it is on the best path."""
    shade: float | None
    """From 0 (the worst metric of the search) to 1 (the best), by rank: one outlier leaves the rest apart.
    None where it has no metric."""
    visits: int
    """Steps in its subtree, itself included."""
    mean: float
    """Mean value of those steps, in [0, 1]."""
    ended: str
    """One sentence: why it gets no more children; empty while it may."""
    pinned: bool
    hint: str


class NodeView(Standing):
    """One node, flat and ready for JSON; `id` 0 is the notebook as it stands."""

    parent: int | None
    depth: int
    operator: Operator | None
    plan: str
    works: bool
    metric: float | None
    """Of the state it leads to; None where it does not work."""
    predicted: Prediction | None
    """What was expected of it before its trial."""
    code: str
    diff: str
    """Against the parent's cell, in unified form; empty for first steps."""
    output: str
    """What it printed, showed and raised, as text."""
    error: str
    """What it raised, in one line."""
    seconds: float


class NodeDetail(Record, tag="node_detail"):
    """What is too large to be sent for every node."""

    node: int
    trial: Trial | None
    """With its outputs in nbformat's shape; None for the notebook itself."""
    cells: tuple[Cell, ...]
    """The notebook in this node's state, outputs included: what a jump to it shows. Of a step that failed
    the failing cell stands last."""


def view_of(tree: Tree, node: Node, standing: Standing) -> NodeView:
    proposal, trial = node.proposal, node.trial
    return NodeView(
        **{name: getattr(standing, name) for name in standing.__struct_fields__},
        parent=node.parent,
        depth=node.depth,
        operator=node.operator,
        plan=proposal.plan if proposal else "The notebook as it stands",
        works=node.works,
        metric=node.metric if node.works else None,
        predicted=proposal.predicted if proposal else None,
        code=proposal.code if proposal else "",
        diff=_diff(tree, node),
        output=text_of(trial) if trial else "",
        error=f"{trial.error.name}: {trial.error.value}" if trial and trial.error else "",
        seconds=trial.seconds if trial else 0.0,
    )


def views_of(tree: Tree) -> tuple[NodeView, ...]:
    """The whole tree, in the order of growth."""
    return tuple(
        view_of(tree, node, standing) for node, standing in zip(tree.nodes, standings(tree), strict=True)
    )


def standings(tree: Tree) -> tuple[Standing, ...]:
    best = {node.id for node in tree.best_path}
    shades = _shades(tree)
    return tuple(
        Standing(
            id=node.id,
            status=node.status,
            best=node.id in best,
            shade=shades.get(node.id),
            visits=node.visits,
            mean=round(node.mean, 4),
            ended=node.pruned or node.ended,
            pinned=node.pinned,
            hint=node.hint,
        )
        for node in tree.nodes
    )


def _shades(tree: Tree) -> dict[int, float]:
    direction = tree.direction
    if direction is None:
        return {}
    found = [node for node in tree.nodes if node.works and is_better(node.metric, None, direction)]
    values = sorted({direction.sign * node.metric for node in found if node.metric is not None})
    places = {value: place / max(1, len(values) - 1) for place, value in enumerate(values)}
    return {node.id: places[direction.sign * node.metric] for node in found if node.metric is not None}


def _diff(tree: Tree, node: Node) -> str:
    above = tree.nodes[node.parent].proposal if node.parent else None
    if node.proposal is None or above is None:
        return ""
    lines = difflib.unified_diff(
        above.code.splitlines(), node.proposal.code.splitlines(), "parent", "this", lineterm=""
    )
    return "\n".join(lines)


def text_of(trial: Trial) -> str:
    """What the cell printed, showed and raised."""
    parts = [_as_text(output) for output in trial.outputs]
    if trial.error is not None:
        parts.append(f"{trial.error.name}: {trial.error.value}\n")
    text = "".join(parts)
    if len(text) <= OUTPUT_CHARACTERS:
        return text
    half = OUTPUT_CHARACTERS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _as_text(output: dict[str, Any]) -> str:
    match output.get("output_type"):
        case "stream":
            return _joined(output.get("text", ""))
        case "error":
            return ""
        case _:
            return _joined(output.get("data", {}).get("text/plain", "")) + "\n"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
