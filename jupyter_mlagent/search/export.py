"""A search for other eyes: JSON in the shape of AIDE's journal, and one self-contained HTML page."""

from __future__ import annotations

import html
import importlib.resources
import json
import re
from typing import Any

import msgspec

from jupyter_mlagent.records import Direction
from jupyter_mlagent.search.explain import explain
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import ROOT, Tree
from jupyter_mlagent.search.view import text_of, views_of


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
        "_term_out": [text_of(trial)],
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
    data = {"summary": explain(tree), "nodes": msgspec.to_builtins(views_of(tree))}
    # A tag within the data would end the script element that holds it.
    parts = {"title": html.escape(title), "data": json.dumps(data).replace("<", "\\u003c")}
    template = importlib.resources.files("jupyter_mlagent.search").joinpath("page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _name(node_id: int | None) -> str:
    assert node_id is not None and node_id != ROOT
    return f"{node_id:032x}"
