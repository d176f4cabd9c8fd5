"""Which of a notebook's cells a fresh process must run so that one more cell finds what it needs.

Sound before small. Cells are left out only when every cell is plain, nothing but imports, definitions and
assignments, so that whatever a cell does, it does to names it mentions. A cell is then needed when it
mentions a name that is needed, and makes all its names needed: objects changed through a call or an alias
are mentioned wherever that happens. Imports are always run, and do not connect cells.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import dataclass

_PLAIN = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef)
_REACHING = frozenset(
    {"globals", "locals", "vars", "exec", "eval", "setattr", "delattr", "__import__", "getattr"}
)


def needed(history: Sequence[str], wanted: Sequence[str]) -> dict[int, str]:
    """What to run for the sources in `wanted`: positions in `history` (Python sources), in order, with
    sources.

    Of a cell that is not needed its imports remain: some are there for their effect.
    """
    cells = [_parts(source) for source in history]
    goals = [_mentioned(source) for source in wanted]
    known = [parts for parts in cells if parts is not None]
    if len(known) < len(cells) or any(goal is None for goal in goals):
        return dict(enumerate(history))
    imported = {name for parts in known for name in parts.imported}
    reached = {name for goal in goals for name in goal or ()} - imported
    chosen: set[int] = set()
    while True:
        found = {p for p, parts in enumerate(known) if p not in chosen and parts.mentioned & reached}
        if not found:
            break
        chosen |= found
        for position in found:
            reached |= known[position].mentioned - imported
    sources = {p: history[p] if p in chosen else parts.imports for p, parts in enumerate(known)}
    return {position: source for position, source in sources.items() if source}


@dataclass(frozen=True)
class _Parts:
    """A plain cell: the names it mentions, the names it imports, and its import statements alone."""

    mentioned: frozenset[str]
    imported: frozenset[str]
    imports: str


def _parts(source: str) -> _Parts | None:
    """None for a cell that is not plain."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    if not all(isinstance(statement, _PLAIN) for statement in body):
        return None
    imports = [statement for statement in body if isinstance(statement, (ast.Import, ast.ImportFrom))]
    imported = frozenset(
        (alias.asname or alias.name).partition(".")[0] for statement in imports for alias in statement.names
    )
    mentioned = _mentioned(source)
    if mentioned is None or mentioned & _REACHING or "*" in imported:
        return None
    return _Parts(mentioned - imported, imported, "\n".join(ast.unparse(statement) for statement in imports))


def _mentioned(source: str) -> frozenset[str] | None:
    """All names in a source that are no builtins, definitions included; None when it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {
        n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
    }
    reaching = names & _REACHING
    return frozenset(name for name in names if not hasattr(builtins, name)) | reaching
