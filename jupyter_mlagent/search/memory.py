"""What a prompt is told of the search, scoped as in ML-Master (arXiv 2506.16499, section 3.2).

The parent's code and output are the cells themselves. Of the siblings come plan, result and metric, without
code, so that they inform without being copied; for a draft these are the other drafts. A repair sees the
failing cell as the last of the notebook, and the attempts before it by what they raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from jupyter_mlagent.agent.memory import MemoryEntry, remember
from jupyter_mlagent.records import Cell, Trial
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import Tree


def recall(tree: Tree, node_id: int) -> tuple[MemoryEntry, ...]:
    """For a prompt that is to make another child of `node_id`; oldest first."""
    node = tree.node(node_id)
    siblings = [tree.node(child) for child in node.children]
    return tuple(_entry(each) for each in [*_history(tree, node), *siblings])


def tried_codes(tree: Tree, node_id: int) -> tuple[str, ...]:
    """The cells from which another child of `node_id` must differ: the siblings', and the failing one."""
    node = tree.node(node_id)
    codes = [each.proposal.code for each in _history(tree, node) if each.proposal is not None]
    if not node.works and node.proposal is not None:
        codes.append(node.proposal.code)
    siblings = (tree.node(child).proposal for child in node.children)
    return (*codes, *(proposal.code for proposal in siblings if proposal is not None))


def cells_at(start: Sequence[Cell], tree: Tree, node_id: int) -> tuple[Cell, ...]:
    """The notebook in a node's state, with outputs; a failing cell stands last, with what it raised."""
    node = tree.node(node_id)
    steps = tree.path(node_id) if node.works else [*tree.path(node_id), node]
    cells = list(start)
    for step in steps:
        cell = _cell(step)
        if cell is None:
            continue
        anchor = step.proposal.anchor if step.proposal is not None else None
        place = next(
            (i for i, found in enumerate(cells) if anchor and anchor.replaces and found.id == anchor.cell_id),
            None,
        )
        if place is None:
            cells.append(cell)
        else:
            cells[place] = msgspec.structs.replace(cell, id=cells[place].id)
    return tuple(cells)


def _history(tree: Tree, node: Node) -> list[Node]:
    """Of a failing cell: the attempts that it was to repair, oldest first."""
    failed = []
    for above in tree.lineage(node.id):
        if above.works or above.proposal is None:
            break
        failed.append(above)
    return failed[:0:-1]


def _entry(node: Node) -> MemoryEntry:
    assert node.proposal is not None and node.trial is not None
    return remember(node.proposal, node.trial)


def _cell(node: Node) -> Cell | None:
    if node.proposal is None or node.trial is None:
        return None
    return Cell(id=node.proposal.id, kind="code", source=node.proposal.code, outputs=_outputs(node.trial))


def _outputs(trial: Trial) -> tuple[dict[str, Any], ...]:
    """As a notebook would show them: what the static check found is an error as well."""
    shown = any(output.get("output_type") == "error" for output in trial.outputs)
    if trial.error is None or shown:
        return trial.outputs
    error = {
        "output_type": "error",
        "ename": trial.error.name,
        "evalue": trial.error.value,
        "traceback": list(trial.error.traceback),
    }
    return (*trial.outputs, error)
