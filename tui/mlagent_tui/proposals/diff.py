"""What a proposal changes: against the cell it replaces, or the cell it is most like. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from jupyter_mlagent.records import Proposal
from mlagent_tui.notebook.face import CellFace

ALIKE = 0.5
"""Below this likeness a cell is something else, not an earlier version."""
LONGEST_COMPARED = 4_000
STYLES = {
    "+": "$text-success on $success-muted 40%",
    "-": "$text-error on $error-muted 40%",
    "@": "$foreground-muted",
}


@dataclass(frozen=True)
class Diff:
    against: str
    """In words: `the cell it replaces`, `cell [3]`, or `nothing: a new cell`."""
    lines: tuple[str, ...]
    """Each with its mark: `+`, `-` or a blank."""


def diff_of(proposal: Proposal, faces: Sequence[CellFace]) -> Diff:
    base, words = _base(proposal, faces)
    old = base.source.splitlines() if base else []
    new = proposal.code.splitlines()
    lines = difflib.unified_diff(old, new, lineterm="", n=max(len(old), 3))
    body = tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
    return Diff(words, body or tuple(f" {line}" for line in new))


def diff_content(diff: Diff) -> Content:
    head = Content.styled(f"against {diff.against}", "italic $foreground-muted")
    return Content("\n").join([head, *(Content.styled(line, line_style(line)) for line in diff.lines)])


def line_style(line: str) -> str:
    """Of one line of a unified diff."""
    return STYLES.get(line[:1], "")


def _base(proposal: Proposal, faces: Sequence[CellFace]) -> tuple[CellFace | None, str]:
    if proposal.anchor.replaces:
        face = next((face for face in faces if face.id == proposal.anchor.cell_id), None)
        if face is not None:
            return face, "the cell it replaces"
    best, likeness = None, ALIKE
    for face in faces:
        if face.kind != "code" or len(face.source) > LONGEST_COMPARED:
            continue
        if face.source == proposal.code:
            continue  # it was accepted and stands there now
        matcher = difflib.SequenceMatcher(None, face.source, proposal.code, autojunk=False)
        if matcher.real_quick_ratio() > likeness and matcher.quick_ratio() > likeness:
            ratio = matcher.ratio()
            if ratio > likeness:
                best, likeness = face, ratio
    if best is None:
        return None, "nothing: a new cell"
    count = "" if best.execution_count is None else f" [{best.execution_count}]"
    return best, f"cell{count}, which it resembles"
