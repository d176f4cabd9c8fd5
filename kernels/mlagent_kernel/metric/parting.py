"""Splits a metric expression into what needs the model and what judges it.

When a model cannot be brought to the judge (a class the cell itself defines, say), the trial evaluates the
parts that need it, and only their values, plain arrays, are brought.
"""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Mapping
from typing import Any

from . import plan as plans
from .plan import Plan

PART = "__part_"
"""Prefix of the name that stands for a part's value."""


def split(
    plan: Plan, namespace: Mapping[str, Any], away: frozenset[str]
) -> tuple[ast.Expression, list[str]] | None:
    """The expression with its parts replaced by `__part_0` ..., and the parts' sources.

    A part is the largest expression that uses a model in `away` and nothing it is compared with. None when
    such a model stands where it cannot be parted from the truth: `model.score(X, y)`,
    `cross_val_score(model, X, y)`.
    """
    if any(name in away for name in plan.inner):
        return None
    tree = plans.rewritten(plan, namespace)
    splitter = _Splitter(plan, namespace, away)
    tree.body = splitter.visit(tree.body)
    return None if splitter.failed else (ast.fix_missing_locations(tree), splitter.sources)


class _Splitter(ast.NodeTransformer):
    def __init__(self, plan: Plan, namespace: Mapping[str, Any], away: frozenset[str]) -> None:
        self._away = {plans.CELL + name for name in away}
        self._open = {plans.CELL + name for name in plan.undecided}
        self._bare = {plans.CELL + name for name in plan.models}
        self._closed = frozenset(plan.truth) | {
            name for name in plan.fixed if plan.inner and isinstance(namespace.get(name), types.FunctionType)
        }
        self._known = {plans.CELL + name for name in plan.taken} | set(plan.fixed) | set(dir(builtins))
        self.sources: list[str] = []
        self.failed = False

    def visit(self, node: ast.AST) -> Any:
        names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
        if not names & self._away:
            return node
        if isinstance(node, ast.Name) and node.id in self._bare:
            self.failed = True
            return node
        if isinstance(node, ast.expr) and self._apart(names):
            name = f"{PART}{len(self.sources)}"
            self.sources.append(ast.unparse(_original(node)))
            return ast.Name(name, ast.Load())
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            # Not the bound method, but what it is bound to.
            node.func.value = self.visit(node.func.value)
            node.args = [self.visit(argument) for argument in node.args]
            node.keywords = [self.visit(keyword) for keyword in node.keywords]
            return node
        return self.generic_visit(node)

    def _apart(self, names: set[str]) -> bool:
        """Whether nothing in these names is truth, undecided, or local to a comprehension around."""
        return not names & (self._closed | self._open) and names <= self._known


def _original(node: ast.expr) -> ast.expr:
    """The same expression over the names as the cell knows them."""
    copy = ast.parse(ast.unparse(node), mode="eval").body
    for name in ast.walk(copy):
        if isinstance(name, ast.Name) and name.id.startswith(plans.CELL):
            name.id = name.id[len(plans.CELL) :]
    return copy
