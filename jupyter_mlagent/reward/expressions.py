"""Small questions about Python expressions that metric detection, inlining and roles share."""

from __future__ import annotations

import ast

PREDICT_METHODS = frozenset(
    [
        *("predict", "predict_proba", "predict_log_proba", "decision_function", "fit_predict", "forecast"),
        *("get_forecast", "get_prediction", "predict_on_batch", "predict_classes", "cross_val_predict"),
        *("predict_mean", "staged_predict", "transform_predict"),
    ]
)
"""Methods and functions whose result is a prediction."""

SCORE_METHODS = frozenset({"score", "evaluate", "cross_val_score", "cross_validate"})
"""Methods and functions that predict and score at once."""


def parse_expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def called_name(node: ast.AST) -> str | None:
    """`f` for `f(...)` and `a.b.f(...)`; None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else None


def calls(node: ast.AST) -> list[ast.Call]:
    return [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]


def names_read(node: ast.AST) -> list[str]:
    """Names that an expression reads, each once, in source order, bound ones of comprehensions left out."""
    bound = {
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    } | {
        argument.arg
        for inner in ast.walk(node)
        if isinstance(inner, ast.Lambda)
        for argument in inner.args.args
    }
    found = [
        inner
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and inner.id not in bound
    ]
    found.sort(key=lambda name: (getattr(name, "lineno", 0), getattr(name, "col_offset", 0)))
    return list(dict.fromkeys(name.id for name in found))


def string_keys(node: ast.AST) -> list[str]:
    """`val_loss` of `history["val_loss"][-1]`, `test_score` of `results["test_score"].mean()`."""
    slices = [inner.slice for inner in ast.walk(node) if isinstance(inner, ast.Subscript)]
    return [key.value for key in slices if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def root_name(node: ast.expr) -> str | None:
    """`a` for `a`, `a.b`, `a[0].c` and `a.f(x).g`; None where no name stands at the root."""
    while True:
        match node:
            case ast.Name():
                return node.id
            case ast.Attribute() | ast.Subscript() | ast.Starred():
                node = node.value
            case ast.Call():
                node = node.func
            case _:
                return None


def is_constructor(node: ast.AST) -> bool:
    """A call of something named like a class: `LogisticRegression()`, `xgb.XGBClassifier()`."""
    name = called_name(node)
    return name is not None and name[:1].isupper()
