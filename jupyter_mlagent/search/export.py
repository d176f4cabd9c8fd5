"""A search for other eyes: JSON in the shape of AIDE's journal, and one self-contained HTML page."""

from __future__ import annotations

import difflib
import html
import importlib.resources
import json
import re
from typing import Any

from jupyter_mlagent.records import Direction, Trial
from jupyter_mlagent.search.explain import explain
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import ROOT, Tree
from jupyter_mlagent.search.value import is_better

OUTPUT_CHARACTERS = 20_000
"""Longest output of a node in an export; the middle of a longer one is left out."""


def aide_journal(tree: Tree) -> str:
    """JSON as AIDE (aideml, serialisation version 2) writes its journal, so that its viewers open it.

    Its nodes hold whole scripts; ours hold the cell of their step, and the notebook itself is no node: a
    first step has no parent there.
    """
    nodes = [_aide_node(tree, node) for node in tree.nodes[1:]]
    parents = {_name(node.id): _name(node.parent) for node in tree.nodes[1:] if node.parent}
    return json.dumps({"nodes": nodes, "node2parent": parents, "__version": "2"}, separators=(",", ":"))


def _aide_node(tree: Tree, node: Node) -> dict[str, Any]:
    assert node.proposal is not None and node.trial is not None
    trial, direction = node.trial, tree.direction
    readable = node.works and node.metric is not None
    return {
        "code": node.proposal.code,
        "plan": node.proposal.plan,
        "step": node.id - 1,
        "id": _name(node.id),
        "ctime": float(node.id),
        "parent": None,
        "children": [],
        "_term_out": [_text(trial)],
        "exec_time": trial.seconds,
        "exc_type": trial.error.name if trial.error else None,
        "exc_info": {"args": [trial.error.value]} if trial.error else None,
        "exc_stack": [] if trial.error else None,
        "analysis": node.ended or trial.reason,
        "metric": {
            "value": node.metric if readable else None,
            "maximize": direction is Direction.MAXIMIZE if readable and direction is not None else None,
        },
        "is_buggy": not node.works,
    }


def page(tree: Tree, title: str) -> str:
    """One HTML file without any reference outwards: the tree, each node's code, output and diff."""
    best = {node.id for node in tree.best_path}
    shades = _shades(tree)
    data = {
        "summary": explain(tree),
        "nodes": [_page_node(tree, node, best, shades.get(node.id)) for node in tree.nodes],
    }
    # A tag within the data would end the script element that holds it.
    parts = {"title": html.escape(title), "data": json.dumps(data).replace("<", "\\u003c")}
    template = importlib.resources.files("jupyter_mlagent.search").joinpath("page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _page_node(tree: Tree, node: Node, best: set[int], shade: float | None) -> dict[str, Any]:
    proposal, trial = node.proposal, node.trial
    return {
        "id": node.id,
        "parent": node.parent,
        "depth": node.depth,
        "operator": node.operator.value if node.operator else "notebook",
        "status": node.status.value,
        "works": node.works,
        "best": node.id in best,
        "metric": node.metric if node.works else None,
        "shade": shade,
        "visits": node.visits,
        "mean": round(node.mean, 4),
        "plan": proposal.plan if proposal else "The notebook as it stands",
        "code": proposal.code if proposal else "",
        "diff": _diff(tree, node),
        "output": _text(trial) if trial else "",
        "ended": node.pruned or node.ended,
        "seconds": trial.seconds if trial else 0.0,
    }


def _shades(tree: Tree) -> dict[int, float]:
    """From 0 (the worst metric of the search) to 1 (the best), by rank: one outlier leaves the rest apart."""
    direction = tree.direction
    if direction is None:
        return {}
    found = [node for node in tree.nodes if node.works and is_better(node.metric, None, direction)]
    values = sorted({direction.sign * node.metric for node in found if node.metric is not None})
    places = {value: place / max(1, len(values) - 1) for place, value in enumerate(values)}
    return {node.id: places[direction.sign * node.metric] for node in found if node.metric is not None}


def _diff(tree: Tree, node: Node) -> str:
    """Against the parent's cell; empty for first steps."""
    above = tree.nodes[node.parent].proposal if node.parent else None
    if node.proposal is None or above is None:
        return ""
    lines = difflib.unified_diff(
        above.code.splitlines(), node.proposal.code.splitlines(), "parent", "this", lineterm=""
    )
    return "\n".join(lines)


def _text(trial: Trial) -> str:
    """What the cell printed, showed and raised, as text."""
    parts = []
    for output in trial.outputs:
        if output.get("output_type") == "stream":
            parts.append(_joined(output.get("text", "")))
        elif output.get("output_type") != "error":
            parts.append(_joined(output.get("data", {}).get("text/plain", "")) + "\n")
    if trial.error is not None:
        parts.append(f"{trial.error.name}: {trial.error.value}\n")
    text = "".join(parts)
    if len(text) <= OUTPUT_CHARACTERS:
        return text
    half = OUTPUT_CHARACTERS // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _name(node_id: int | None) -> str:
    assert node_id is not None and node_id != ROOT
    return f"{node_id:032x}"
