"""Put the path that a search chose into a notebook, and keep it only where the kernel confirms it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.autopilot import Notebook, StepKept, gain_of
from jupyter_mlagent.records import Anchor, Cell, Metric, source_hash
from jupyter_mlagent.search.value import is_better
from jupyter_mlagent.workbench import is_code


def changed_meanwhile(before: Sequence[Cell], now: Sequence[Cell]) -> str:
    """One sentence where the code cells are not those that the search began from; empty where they are."""
    sources = {cell.id: cell.source for cell in now}
    base = [cell for cell in before if is_code(cell)]
    if all(sources.get(cell.id) == cell.source for cell in base) and len(base) == sum(map(is_code, now)):
        return ""
    return (
        "You changed the notebook while the search ran. It searched on from the notebook as it was; what it "
        "found is measured again in the notebook as it is."
    )


async def keep_path(
    notebook: Notebook, path: Sequence[Acceptance], before: float | None, metric: Metric
) -> list[StepKept]:
    """Put a path into the notebook and run it; all of it goes again unless the end is a real gain."""
    kept: list[StepKept] = []
    made: dict[str, str] = {}
    value = before
    for step in path:
        here = msgspec.structs.replace(step, anchor=_placed(notebook.cells, step, made))
        applied = await notebook.apply(here, gain_of(step.expected, metric))
        made[step.proposal_id] = applied.cell_id
        after = applied.outcome.metric_after
        kept.append(
            StepKept(
                step=len(kept) + 1,
                candidate=step.expected,
                cell_id=applied.cell_id,
                metric_before=value,
                metric_after=after,
            )
        )
        value = after
        if applied.run.error is not None:
            break
    if len(kept) < len(path) or not is_better(value, before, metric.direction):
        for _ in kept:
            notebook.undo()
        return []
    return kept


def _placed(cells: Sequence[Cell], step: Acceptance, made: Mapping[str, str]) -> Anchor:
    """The step's anchor in the notebook as it is now; what the person edited is never replaced."""
    anchor = step.anchor
    if anchor.cell_id in made:
        return msgspec.structs.replace(anchor, cell_id=made[anchor.cell_id])
    cell = next((cell for cell in cells if cell.id == anchor.cell_id), None)
    cell = cell or next((cell for cell in reversed(cells) if is_code(cell)), None)
    if cell is None:
        return Anchor(cell_id="", source_hash=source_hash(""))
    untouched = cell.id == anchor.cell_id and source_hash(cell.source) == anchor.source_hash
    return Anchor(
        cell_id=cell.id,
        source_hash=source_hash(cell.source),
        replaces=anchor.replaces and untouched,
    )
