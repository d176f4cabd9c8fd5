"""The steps to a node as cells to put into the notebook: what accepting any path means."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.records import Anchor, Candidate, Cell, source_hash
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import Tree


def acceptances(tree: Tree, node_id: int, cells: Sequence[Cell]) -> tuple[Acceptance, ...]:
    """In order; `cells` are the notebook's that the search began from.

    An anchor names one of them or, from the second step on, the proposal of the step before. Of a step that
    failed it is the path to the state that it was tried in.
    """
    found: list[Acceptance] = []
    for node in tree.path(node_id):
        candidate = candidate_of(node)
        found.append(
            Acceptance(
                proposal_id=candidate.proposal.id,
                source=candidate.proposal.code,
                source_hash=candidate.proposal.source_hash,
                anchor=_anchor(candidate, found[-1] if found else None, cells),
                tried=True,
                expected=candidate,
            )
        )
    return tuple(found)


def candidate_of(node: Node) -> Candidate:
    assert node.proposal is not None and node.trial is not None
    return Candidate(
        rank=1, proposal=node.proposal, trial=node.trial, reward=node.own_value, scored=node.scored
    )


def _anchor(candidate: Candidate, before: Acceptance | None, cells: Sequence[Cell]) -> Anchor:
    """In the place of a cell of the notebook that it repairs, else after the step before it."""
    anchor = candidate.proposal.anchor
    known = any(cell.id == anchor.cell_id for cell in cells)
    if known and (anchor.replaces or before is None):
        return anchor
    if before is not None:
        return Anchor(cell_id=before.proposal_id, source_hash=before.source_hash)
    last = next((cell for cell in reversed(cells) if cell.kind == "code" and cell.source.strip()), None)
    if last is None:
        return Anchor(cell_id="", source_hash=source_hash(""))
    return msgspec.structs.replace(
        anchor, cell_id=last.id, source_hash=source_hash(last.source), replaces=False
    )
