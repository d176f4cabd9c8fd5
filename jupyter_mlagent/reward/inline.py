"""Turn a variable that holds a score into an expression that computes it anew.

`acc` -> `accuracy_score(y_val, pred)` -> `accuracy_score(y_val, model.predict(X_val))`: single-assignment
substitution along the notebook's definitions. It goes from scores to predictions and stops there: models,
labels and features stay names, since those are what a new cell rebinds, or must not touch.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from jupyter_mlagent.records import Cell
from jupyter_mlagent.reward.definitions import Definition, Definitions
from jupyter_mlagent.reward.expressions import (
    PREDICT_METHODS,
    SCORE_METHODS,
    called_name,
    calls,
    is_constructor,
    names_read,
    parse_expression,
    root_name,
)
from jupyter_mlagent.reward.metric_names import KNOWN_FUNCTIONS
from jupyter_mlagent.reward.roles import is_model_name

DEPTH = 12
"""Longest chain of substitutions; a chain longer than this is not a metric anybody wrote."""

MAX_CHARACTERS = 2_000

_PURE_NODES = (
    *(ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Call, ast.keyword, ast.BinOp),
    *(ast.UnaryOp, ast.Compare, ast.Tuple, ast.List, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context),
    *(ast.IfExp, ast.BoolOp, ast.boolop, ast.Dict),
)
_CHANGING_METHODS = frozenset(
    [
        *("fit", "fit_transform", "partial_fit", "append", "extend", "pop", "update", "remove", "insert"),
        *("train", "compile", "sample", "shuffle", "permutation", "choice", "open", "input", "next", "exec"),
        *("eval", "setattr", "fit_resample", "backward", "step"),
    ]
)
"""Calls that change something, or give another value each time: never repeated by the metric."""


@dataclass(frozen=True)
class Inlined:
    expression: str
    notes: tuple[str, ...] = ()
    """Sentences for a person: what was replaced, and what the value still rests on."""
    settable: bool = False
    """True when no model is asked and no data scored: a plain variable, which any cell could set."""
    self_reported: bool = False
    """True when it is an attribute of a fitted object (`grid.best_score_`): the object's own word."""


def inline_metric(expression: str, cells: Sequence[Cell]) -> Inlined:
    """The metric as an expression that a new cell's objects change; `cells` are the notebook's, in order.

    Text that is not a Python expression comes back unchanged, as settable.
    """
    return inline_with(expression, Definitions(cells))


def inline_with(expression: str, definitions: Definitions) -> Inlined:
    """The same for definitions that are read already."""
    tree = parse_expression(expression)
    if tree is None:
        return Inlined(expression=expression, settable=True)
    inliner = _Inliner(definitions)
    result = inliner.expand(strip_format(tree), None, DEPTH)
    text = ast.unparse(result)
    if len(text) > MAX_CHARACTERS:
        result, text = tree, ast.unparse(tree)
    notes = list(dict.fromkeys(inliner.notes))
    reporter = _self_reporting_object(result)
    settable = reporter is None and not is_live(result, definitions)
    if reporter is not None:
        notes.append(f"The value is what {reporter} says of itself; a score on held-out data is safer.")
    notes += _stored_predictions(result, definitions)
    return Inlined(expression=text, notes=tuple(notes), settable=settable, self_reported=reporter is not None)


def strip_format(tree: ast.expr) -> ast.expr:
    """A score without what was put around it for reading: `round(acc, 3)`, `f"{acc * 100:.2f}%"` -> `acc`."""
    while True:
        inner = _unwrapped(tree)
        if inner is None:
            return tree
        tree = inner


def _unwrapped(tree: ast.expr) -> ast.expr | None:
    match tree:
        case ast.Call(func=ast.Name(id="round" | "float" | "str" | "repr" | "format"), args=[inner, *_]):
            return inner
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="round" | "around"), args=[inner, *_]
        ):
            return inner
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format"), args=[inner]):
            return inner
        case ast.Call(func=ast.Attribute(value=inner, attr="item" | "numpy" | "tolist"), args=[]):
            return inner
        case ast.Call(func=ast.Attribute(value=inner, attr="round"), args=[ast.Constant()] | []):
            return inner
        case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod(), right=right):
            return right.elts[0] if isinstance(right, ast.Tuple) and len(right.elts) == 1 else right
        case ast.BinOp(left=inner, op=ast.Mult(), right=ast.Constant(value=100 | 100.0)):
            return inner
        case ast.BinOp(left=ast.Constant(value=100 | 100.0), op=ast.Mult(), right=inner):
            return inner
        case ast.BinOp(
            left=ast.BinOp(left=ast.Constant(value=100 | 100.0), op=ast.Mult(), right=inner),
            op=ast.Div(),
            right=right,
        ):
            return ast.BinOp(left=inner, op=ast.Div(), right=right)
        case ast.JoinedStr(values=values):
            held = [value.value for value in values if isinstance(value, ast.FormattedValue)]
            return held[0] if len(held) == 1 else None
        case ast.FormattedValue(value=inner):
            return inner
    return None


def is_live(tree: ast.expr, definitions: Definitions | None = None) -> bool:
    """Whether evaluating the expression asks a model or scores data anew."""
    for call in calls(tree):
        name = called_name(call) or ""
        if name in KNOWN_FUNCTIONS | PREDICT_METHODS | SCORE_METHODS or is_model_name(name):
            return True
        if definitions is not None and isinstance(call.func, ast.Name) and name in definitions.functions:
            return True
        if any(isinstance(node, ast.Name) and is_model_name(node.id) for node in call.args):
            return True
        if any(is_model_name(node) for node in names_read(call.func)):
            return True
    return any(isinstance(node, ast.Compare) for node in ast.walk(tree)) and bool(names_read(tree))


def is_pure(tree: ast.expr) -> bool:
    """Whether evaluating the expression again changes nothing and gives the same value."""
    nodes = list(ast.walk(tree))
    return all(isinstance(node, _PURE_NODES) for node in nodes) and not any(
        (called_name(call) or "") in _CHANGING_METHODS or is_constructor(call) for call in calls(tree)
    )


@dataclass
class _Inliner:
    definitions: Definitions
    notes: list[str] = field(default_factory=list)

    def expand(self, tree: ast.expr, order: tuple[int, int] | None, depth: int) -> ast.expr:
        """The expression, as written in the statement at `order` (None: at the end), with names replaced."""
        replaced = {
            name: value
            for name in names_read(tree)
            if depth > 0 and (value := self._replacement(name, order, depth)) is not None
        }
        return _Substitution(replaced).visit(copy.deepcopy(tree)) if replaced else tree

    def _replacement(self, name: str, order: tuple[int, int] | None, depth: int) -> ast.expr | None:
        found = self.definitions.last(name) if order is None else self.definitions.before(name, order)
        if found is None or found.value is None:
            return None
        value = _bound_value(found)
        if value is None or not is_pure(value) or not self._is_result(value, found.order, depth):
            return None
        expanded = self.expand(value, found.order, depth - 1)
        if name in names_read(expanded):
            # `c = b * c`: at the end `c` is the product, not the factor.
            return None
        self._note_rebound(value, found)
        return expanded

    def _is_result(self, value: ast.expr, order: tuple[int, int], depth: int) -> bool:
        """Whether the value is a score or a prediction, or made from one (not data, not a model)."""
        if depth <= 0:
            return False
        names = {called_name(call) or "" for call in calls(value)}
        if names & (KNOWN_FUNCTIONS | PREDICT_METHODS | SCORE_METHODS):
            return True
        for call in calls(value):
            if isinstance(call.func, ast.Name):
                if is_model_name(call.func.id) and not is_constructor(call):
                    return True
                function = self.definitions.functions.get(call.func.id)
                if function is not None and _arguments_hold_model(call):
                    return True
        return any(self._is_result_name(name, order, depth) for name in names_read(value))

    def _is_result_name(self, name: str, order: tuple[int, int], depth: int) -> bool:
        found = self.definitions.before(name, order)
        value = _bound_value(found) if found is not None else None
        return (
            found is not None
            and value is not None
            and is_pure(value)
            and self._is_result(value, found.order, depth - 1)
        )

    def _note_rebound(self, value: ast.expr, found: Definition) -> None:
        for name in names_read(value):
            last = self.definitions.last(name)
            if last is not None and last.order > found.order:
                self.notes.append(
                    f"{name} was bound again after {found.name} was computed; the metric uses the new {name}."
                )


def _bound_value(found: Definition) -> ast.expr | None:
    """The expression whose value the name got; a place of a tuple only where that place is known."""
    if found.value is None or found.kind not in ("assigned", "unpacked"):
        return None
    if found.position is None:
        return found.value
    if isinstance(found.value, ast.Tuple) and found.position < len(found.value.elts):
        return found.value.elts[found.position]
    if called_name(found.value) == "evaluate":
        return ast.Subscript(value=found.value, slice=ast.Constant(value=found.position), ctx=ast.Load())
    return None


def _arguments_hold_model(call: ast.Call) -> bool:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(
        (isinstance(value, ast.Name) and is_model_name(value.id))
        or any((called_name(inner) or "") in PREDICT_METHODS for inner in calls(value))
        for value in values
    )


def _self_reporting_object(tree: ast.expr) -> str | None:
    """`grid` for `grid.best_score_`: a metric that only reads an attribute of a fitted object."""
    match tree:
        case ast.Attribute(value=value) | ast.UnaryOp(operand=ast.Attribute(value=value)):
            return root_name(value) if not calls(value) else None
        case ast.Subscript(value=value) | ast.BinOp(left=value, right=ast.Constant()):
            return _self_reporting_object(value)
    return None


def _stored_predictions(tree: ast.expr, definitions: Definitions) -> list[str]:
    """Warns of a score of stored predictions: a cell that sets them sets the metric."""
    if any((called_name(call) or "") in PREDICT_METHODS | SCORE_METHODS for call in calls(tree)):
        return []
    stored = [
        node.id
        for call in calls(tree)
        if (called_name(call) or "") in KNOWN_FUNCTIONS
        for node in call.args[1:2]
        if isinstance(node, ast.Name)
    ]
    return [
        f"{name} is not recomputed: the metric reads whatever a cell stores there."
        for name in stored
        if (found := definitions.last(name)) is None or found.kind != "function"
    ]


class _Substitution(ast.NodeTransformer):
    def __init__(self, replaced: dict[str, ast.expr]) -> None:
        self._replaced = replaced

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self._replaced:
            return copy.deepcopy(self._replaced[node.id])
        return node
