"""What each name in a metric expression is there for.

The rule, in one place:

* truth: what predictions are compared with. Always the object of before the cell.
* features: the argument of the model's own methods. An input of the model, so the cell may replace it (a
  step that adds features has to); it must have as many rows as before. Without any truth in the expression
  the features are what the model is measured on, and are held like truth.
* prediction: what the cell computed and the expression compares with truth. Taken from the cell as data.
* model: taken from the cell, as data.
* everything else (functions, scorers, modules, numbers, splitters): always the object of before the cell.

Roles come from where a name stands: the parameters of a scorer, the arguments of a model's method; where
that says nothing (`(pred == y_val).mean()`), from what the name is called.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from .kinds import Kind, is_instance, kind_of


class Role(Enum):
    TRUTH = "truth"
    FEATURES = "features"
    PREDICTION = "prediction"
    MODEL = "model"
    FIXED = "fixed"
    UNDECIDED = "undecided"
    """Data that could be truth or prediction: the judge decides by what the cell changed."""


_TRUTH = re.compile(
    r"^(y|ys|y_?(true|val|valid|validation|test|te|holdout|dev|eval|real|actual).*|.*_?true|truth|targets?"
    r"|labels?(_true|_val|_test)?|target_.*|ground_truth|gt|actuals?|expected|reference|observed)$",
    re.I,
)
_PREDICTION = re.compile(
    r"^(.*preds?|preds?_.*|.*predictions?|.*predicted|y_?hat.*|y_(score|prob|proba).*|.*_?probs?|.*_?probas?"
    r"|probas_pred|labels_pred|logits|oof.*|outputs?|forecasts?|estimates?|decision_values)$",
    re.I,
)
_MODEL = re.compile(
    r"^(model|estimator|clf|classifier|reg|regressor|pipe|pipeline|net|network|learner|est)$", re.I
)
_FEATURES = re.compile(r"^(x|xs|x_.*|features?|inputs?|data|df)$", re.I)
_SCORING_METHODS = frozenset({"score", "evaluate"})
_MODEL_CALLS = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "decision_function", "fit_predict", "score", "evaluate"}
)
"""Methods that make a model of an object about which nothing else is known."""
_SWAPPED: dict[Role | None, Role | None] = {
    Role.TRUTH: Role.PREDICTION,
    Role.PREDICTION: Role.TRUTH,
}
_SCOPES = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def role_of_parameter(name: str) -> Role | None:
    for pattern, role in (
        (_PREDICTION, Role.PREDICTION),
        (_TRUTH, Role.TRUTH),
        (_MODEL, Role.MODEL),
        (_FEATURES, Role.FEATURES),
    ):
        if pattern.match(name):
            return role
    return None


def resolve(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """The object that a name, or an attribute of a module, stands for; None when it is anything else."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, namespace)
        if kind_of(owner) is Kind.MODULE:
            return vars(owner).get(node.attr)
    return None


def assign(
    node: ast.AST, namespace: Mapping[str, Any], bound: frozenset[str] = frozenset()
) -> dict[ast.Name, Role]:
    """The role of every occurrence of a free name below `node`, names in `bound` aside.

    `namespace` holds the objects of before the cell.
    """
    return dict(_Assigner(namespace).visit(node, None, bound))


_Found = Iterator[tuple[ast.Name, Role]]


class _Assigner:
    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def visit(self, node: ast.AST, role: Role | None, bound: frozenset[str]) -> _Found:
        """`role`: what the surrounding expression makes of its parts. `bound`: names local to the
        expression.
        """
        if isinstance(node, ast.Name):
            if node.id not in bound:
                yield node, self._final(node.id, role)
        elif isinstance(node, ast.Call):
            yield from self._call(node, role, bound)
        elif isinstance(node, ast.Lambda):
            arguments = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
            yield from self.visit(node.body, role, bound | arguments)
        else:
            if isinstance(node, _SCOPES):
                targets = [n for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)]
                bound = bound | {target.id for target in targets}
            for child in ast.iter_child_nodes(node):
                yield from self.visit(child, role, bound)

    def _call(self, node: ast.Call, role: Role | None, bound: frozenset[str]) -> _Found:
        function = resolve(node.func, self._namespace)
        if isinstance(node.func, ast.Attribute) and self._is_model(node.func, bound):
            yield from self.visit(node.func.value, Role.MODEL, bound)
            yield from self._model_arguments(node, bound)
        elif kind_of(function) is Kind.MODEL:
            yield from self.visit(node.func, Role.MODEL, bound)
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from self.visit(argument, Role.FEATURES, bound)
        else:
            inherited = role if isinstance(node.func, ast.Attribute) else Role.FIXED
            yield from self.visit(node.func, inherited, bound)
            parameters = scorer_parameters(function)
            arguments = list(arguments_by_parameter(node, parameters))
            if self._swapped(arguments, parameters):
                parameters = {name: _SWAPPED.get(found, found) for name, found in parameters.items()}
            for name, argument in arguments:
                yield from self.visit(argument, parameters.get(name) or role, bound)

    def _swapped(self, arguments: list[tuple[str, ast.expr]], parameters: Mapping[str, Role | None]) -> bool:
        """Whether truth and prediction stand in each other's place: accuracy_score(model.predict(X), y)."""
        looks = {
            parameters.get(name): self._looks_predicted(argument)
            for name, argument in arguments
            if parameters.get(name) in _SWAPPED
        }
        return looks.get(Role.TRUTH) is True and looks.get(Role.PREDICTION) is False

    def _looks_predicted(self, node: ast.expr) -> bool:
        return any(
            kind_of(self._namespace.get(name.id)) is Kind.MODEL
            or role_of_parameter(name.id) in (Role.PREDICTION, Role.MODEL)
            for name in ast.walk(node)
            if isinstance(name, ast.Name)
        )

    def _is_model(self, function: ast.Attribute, bound: frozenset[str]) -> bool:
        root: ast.expr = function.value
        while isinstance(root, (ast.Attribute, ast.Subscript)):
            root = root.value
        if not isinstance(root, ast.Name):
            return False
        if root.id in bound or root.id not in self._namespace:
            return function.attr in _MODEL_CALLS
        value = self._namespace[root.id]
        known = kind_of(value)
        return known is Kind.MODEL or (
            isinstance(value, (list, tuple, dict)) and function.attr in _MODEL_CALLS
        )

    def _model_arguments(self, node: ast.Call, bound: frozenset[str]) -> _Found:
        assert isinstance(node.func, ast.Attribute)
        scoring = node.func.attr in _SCORING_METHODS
        for index, argument in enumerate(node.args):
            role = Role.TRUTH if scoring and index == 1 else Role.FEATURES
            yield from self.visit(argument, role, bound)
        for keyword in node.keywords:
            truth = scoring and role_of_parameter(keyword.arg or "") is Role.TRUTH
            yield from self.visit(keyword.value, Role.TRUTH if truth else Role.FEATURES, bound)

    def _final(self, name: str, role: Role | None) -> Role:
        """A role for a name, given what surrounds it and what it was bound to before the cell."""
        known = kind_of(self._namespace[name]) if name in self._namespace else None
        if known in (Kind.MODULE, Kind.CALLABLE, Kind.SCALAR):
            return Role.FIXED
        if known is Kind.HELD:  # a data loader, say: what the model is measured on
            return Role.TRUTH
        if known is Kind.MODEL:
            return Role.MODEL
        if role is Role.FIXED:
            return Role.FIXED
        if role is not None:
            return role
        by_name = role_of_parameter(name)
        if by_name in (Role.TRUTH, Role.PREDICTION) or (by_name is Role.MODEL and known is None):
            return by_name
        return Role.UNDECIDED if known is Kind.DATA else Role.FIXED


def scorer_parameters(function: Any) -> dict[str, Role | None]:
    """All parameters of a function with their roles, when those show that it evaluates; else nothing.

    A parameter called `x` or `y` alone says nothing (`pearsonr(x, y)`): it takes a pair of truth and
    prediction, or a model with something to measure it on.
    """
    if is_instance(function, ("sklearn.metrics._scorer", "_BaseScorer")):
        return {"estimator": Role.MODEL, "X": Role.FEATURES, "y_true": Role.TRUTH}
    if kind_of(function) is not Kind.CALLABLE:
        return {}
    found = {name: role_of_parameter(name) for name in parameter_names(function)}
    roles = set(found.values())
    if {"X", "labels"} <= found.keys():  # clustering scores: silhouette_score(X, labels) and its kind
        return {**found, "X": Role.TRUTH, "labels": Role.PREDICTION}
    return found if {Role.TRUTH, Role.PREDICTION} <= roles or Role.MODEL in roles else {}


def parameter_names(function: Any) -> list[str]:
    """In order; empty where a function does not tell (C functions)."""
    try:
        return list(inspect.signature(function).parameters)
    except (ValueError, TypeError):
        return []


def arguments_by_parameter(
    node: ast.Call, parameters: Mapping[str, object]
) -> Iterator[tuple[str, ast.expr]]:
    """Each argument with the name of the parameter it goes to (`""` where that is unknown)."""
    names = list(parameters)
    for index, argument in enumerate(node.args):
        yield (names[index] if index < len(names) else ""), argument
    for keyword in node.keywords:
        yield keyword.arg or "", keyword.value
