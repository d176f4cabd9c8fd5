"""What an acceptance asks of a front end, where the cell goes, and how the real run compares to the trial."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Anchor, Candidate, Cell, Operator, Record, State, source_hash
from jupyter_mlagent.trial.api import MetricReading


class StaleProposalError(MlagentError):
    """The notebook changed under a proposal; it must not be applied."""


class Acceptance(Record):
    """What a front end has to do: put `source` at `anchor`, and run exactly that."""

    proposal_id: str
    source: str
    source_hash: str
    anchor: Anchor
    tried: bool
    """False when the person edited it: what runs is then not what was measured."""
    expected: Candidate


class Outcome(Record):
    """How the real run compares with the trial."""

    metric_after: float | None
    matches: bool
    message: str


def anchor_for(state: State, operator: Operator) -> Anchor:
    """After the focused (or last) cell; a repair takes the failing cell's place."""
    last = state.last_code_cell
    raised = (cell for cell in reversed(state.cells) if cell.errored)
    failing = last if last is not None and last.errored else next(raised, None)
    if operator is Operator.DEBUG and failing is not None:
        return Anchor(cell_id=failing.id, source_hash=source_hash(failing.source), replaces=True)
    cell = state.focused or last
    if cell is None:
        return Anchor(cell_id="", source_hash=source_hash(""))
    return Anchor(cell_id=cell.id, source_hash=source_hash(cell.source))


def check_anchor(anchor: Anchor, cells: Sequence[Cell]) -> None:
    """Raise StaleProposalError unless the anchor's cell still stands as it was."""
    if not anchor.cell_id:
        return
    cell = next((cell for cell in cells if cell.id == anchor.cell_id), None)
    if cell is None:
        raise StaleProposalError("The cell this proposal belongs to is gone; ask again.")
    if source_hash(cell.source) != anchor.source_hash:
        raise StaleProposalError("The cell this proposal belongs to was edited meanwhile; ask again.")


def compare(acceptance: Acceptance, reading: MetricReading, tolerance: float = 1e-6) -> Outcome:
    """Say whether the real result is the tried one, within a relative tolerance."""
    tried = acceptance.expected.trial.metric_after
    real = reading.value
    if not acceptance.tried:
        shown = "not readable" if real is None else f"{real:.6g}"
        return Outcome(metric_after=real, matches=True, message=f"You edited it; it measures {shown}.")
    if real is None:
        matches = tried is None
        return Outcome(metric_after=None, matches=matches, message=reading.reason)
    if tried is None:
        return Outcome(metric_after=real, matches=False, message=f"It measures {real:.6g} for real.")
    if abs(real - tried) <= tolerance * max(1.0, abs(tried)):
        return Outcome(metric_after=real, matches=True, message=f"{real:.6g}, as tried.")
    return Outcome(
        metric_after=real,
        matches=False,
        message=f"It measures {real:.6g} for real; the trial had {tried:.6g} (randomness, or time).",
    )
