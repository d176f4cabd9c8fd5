"""Which names a metric expression reads, and what part each plays: model, labels, features, functions."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass

from jupyter_mlagent.reward.expressions import (
    PREDICT_METHODS,
    SCORE_METHODS,
    called_name,
    calls,
    names_read,
    parse_expression,
    root_name,
)
from jupyter_mlagent.reward.metric_names import KNOWN_FUNCTIONS

_LABELS = re.compile(
    r"^(?:y|Y|labels?|targets?|true|truth|actual|y_?true)(?:$|[_\d])|_(?:labels?|targets?|true|y)$",
    re.IGNORECASE,
)
_FEATURES = re.compile(r"^(?:X|x|features?|inputs?|data|exog)(?:$|[_\d])|_(?:X|x|features?|inputs?|exog)$")
_MODELS = re.compile(
    r"(?:^|_)(?:model|net|network|clf|classifier|reg|regressor|est|estimator|pipe|pipeline|grid|gs|search|learner|"
    r"lr|logreg|rf|knn|svm|svc|xgb|lgbm|gbm|gb|dt|tree|nb|mlp|results?|res|fitted|kmeans|km)\d*(?:$|_)",
    re.IGNORECASE,
)
_CROSS_VALIDATION = frozenset({"cross_val_score", "cross_val_predict", "cross_validate"})
CLUSTER_SCORES = frozenset({"silhouette_score", "calinski_harabasz_score", "davies_bouldin_score"})
"""Scores of (data, assigned clusters): no labels are held."""


@dataclass(frozen=True)
class Roles:
    """Every field lists names in the order the expression reads them."""

    reads: tuple[str, ...] = ()
    """All names but builtins."""
    models: tuple[str, ...] = ()
    """What predicts or scores: what a new cell is to rebind."""
    labels: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """Functions and modules that are called."""

    @property
    def data(self) -> tuple[str, ...]:
        """What a new cell must leave alone."""
        return tuple(name for name in self.reads if name in self.labels or name in self.features)

    @property
    def others(self) -> tuple[str, ...]:
        known = {*self.models, *self.labels, *self.features, *self.functions}
        return tuple(name for name in self.reads if name not in known)


def is_model_name(name: str) -> bool:
    """Whether a variable of this name usually holds an estimator: `model`, `best_clf`, `pipe2`."""
    return bool(_MODELS.search(name))


def roles(expression: str) -> Roles:
    """The part each name plays in a metric expression; all empty where it is not Python."""
    tree = parse_expression(expression)
    if tree is None:
        return Roles()
    reads = [name for name in names_read(tree) if not hasattr(builtins, name)]
    models: set[str] = set()
    labels: set[str] = set()
    features: set[str] = set()
    functions: set[str] = set()
    for call in calls(tree):
        _read_call(call, models, labels, features, functions)
    functions -= models
    features -= models
    for name in reads:
        if name not in models | functions | features and _LABELS.search(name):
            labels.add(name)
        elif name not in models | functions | labels and _FEATURES.search(name):
            features.add(name)
    if not models:
        models = _self_reporting(tree) - labels - features - functions
    return Roles(
        reads=tuple(reads),
        models=_ordered(reads, models),
        labels=_ordered(reads, labels - models),
        features=_ordered(reads, features - models - labels),
        functions=_ordered(reads, functions),
    )


def _read_call(
    call: ast.Call, models: set[str], labels: set[str], features: set[str], functions: set[str]
) -> None:
    name = called_name(call)
    arguments = _arguments(call)
    if name in _CROSS_VALIDATION:
        _add(models, arguments.get("estimator") or arguments.get(0))
        _add(features, arguments.get("X") or arguments.get(1))
        _add(labels, arguments.get("y") or arguments.get(2))
        _add(functions, call.func)
    elif isinstance(call.func, ast.Attribute) and name in PREDICT_METHODS | SCORE_METHODS:
        _add(models, call.func.value)
        _add(features, arguments.get("X") or arguments.get(0))
        if name in SCORE_METHODS:
            _add(labels, arguments.get("y") or arguments.get(1))
    elif name in CLUSTER_SCORES:
        _add(functions, call.func)
        _add(features, arguments.get("X") or arguments.get(0))
        assigned = arguments.get("labels") or arguments.get(1)
        if isinstance(assigned, ast.Attribute):
            _add(models, assigned)
    elif name in KNOWN_FUNCTIONS:
        _add(functions, call.func)
        truth = arguments.get("y_true") or arguments.get("labels_true") or arguments.get(0)
        if isinstance(truth, ast.Name | ast.Attribute | ast.Subscript):
            _add(labels, truth)
    elif isinstance(call.func, ast.Name) and is_model_name(call.func.id):
        models.add(call.func.id)
        _add(features, arguments.get(0))
    elif isinstance(call.func, ast.Name):
        functions.add(call.func.id)
        models |= {
            node.id for node in arguments.values() if isinstance(node, ast.Name) and is_model_name(node.id)
        }
    elif (root := root_name(call.func)) in {"np", "numpy", "torch", "tf", "pd", "math", "metrics", "sm", "F"}:
        functions.add(str(root))


def _arguments(call: ast.Call) -> dict[int | str, ast.expr]:
    found: dict[int | str, ast.expr] = dict(enumerate(call.args))
    return found | {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _add(names: set[str], node: ast.expr | None) -> None:
    root = root_name(node) if node is not None else None
    if root is not None:
        names.add(root)


def _self_reporting(tree: ast.expr) -> set[str]:
    """Roots of `grid.best_score_`, `results.rsquared`: objects that carry their own score."""
    return {
        root
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and (root := root_name(node.value)) is not None
    }


def _ordered(reads: list[str], names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in reads if name in names)
