"""How one metric expression is read: which names it takes from the cell, and in which places."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import roles
from .roles import Role

CELL = "__cell_"
"""Prefix of a name that stands for the cell's object in an expression otherwise evaluated with pristine
ones.
"""
_FROM_CELL = frozenset({Role.MODEL, Role.FEATURES, Role.PREDICTION, Role.UNDECIDED})
_MOST_FUNCTIONS = 50
_NO_COLUMNS = frozenset({"values", "to_numpy", "iloc", "loc", "array", "T"})
"""Attributes of a table that are not one of its columns."""


@dataclass(frozen=True)
class Plan:
    """What a metric expression needs, decided before the cell ran."""

    source: str
    taken: dict[str, frozenset[Role]]
    """Names whose object comes from the cell, with the roles they play."""
    truth: tuple[str, ...]
    """Names held from before that the result is compared with."""
    fixed: tuple[str, ...]
    """All other names: held from before."""
    inner: dict[str, Role]
    """Of those names, the ones that functions of the notebook read as globals."""
    truth_columns: dict[str, frozenset[str]]
    """Columns that are the truth in a table that also holds features; a name without an entry is truth as a
    whole.
    """
    on_features: bool
    """Nothing but features to measure the model on: they are the truth then."""

    @property
    def undecided(self) -> tuple[str, ...]:
        return tuple(name for name, found in self.taken.items() if found == {Role.UNDECIDED})

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(name for name, found in self.taken.items() if Role.MODEL in found)

    @property
    def verifiable(self) -> bool:
        """Whether something held from before judges what the cell made."""
        return bool(self.truth) or len(self.undecided) > 1 or not self.taken


def parse(source: str) -> ast.Expression:
    """Raises SyntaxError."""
    return ast.parse(source.strip(), "<metric>", "eval")


def make(source: str, namespace: Mapping[str, Any]) -> Plan:
    """Plan the reading of `source` over the objects of before the cell. Raises SyntaxError."""
    tree = parse(source)
    found = roles.assign(tree.body, namespace)
    functions = _functions([node.id for node in found], namespace)
    inner = _inner_roles(functions, namespace)
    on_features = Role.TRUTH not in (*found.values(), *inner.values())
    by_name: dict[str, set[Role]] = {}
    for name, role in [*((node.id, role) for node, role in found.items()), *inner.items()]:
        by_name.setdefault(name, set()).add(_final(role, on_features))
    return Plan(
        source=source,
        taken={
            name: frozenset(played & _FROM_CELL) for name, played in by_name.items() if played & _FROM_CELL
        },
        truth=tuple(name for name, played in by_name.items() if Role.TRUTH in played),
        fixed=tuple(
            name for name, played in by_name.items() if played == {Role.FIXED} and not hasattr(builtins, name)
        ),
        inner={name: _final(role, on_features) for name, role in inner.items()},
        truth_columns={} if on_features else _truth_columns(tree, found, functions, namespace),
        on_features=on_features,
    )


def _truth_columns(
    tree: ast.AST,
    found: Mapping[ast.Name, Role],
    functions: Iterable[types.FunctionType],
    namespace: Mapping[str, Any],
) -> dict[str, frozenset[str]]:
    """For names that are truth only by single columns (`test.price`, `test["price"]`): those columns."""
    columns: dict[str, set[str]] = {}
    whole: set[str] = set()
    sources = [(tree, found), *(_read(function, namespace) for function in functions)]
    for source, roles_there in sources:
        parents = {child: node for node in ast.walk(source) for child in ast.iter_child_nodes(node)}
        for node, role in roles_there.items():
            if role is Role.TRUTH:
                column = _column(parents.get(node))
                columns.setdefault(node.id, set()).add(column or "")
                whole |= {node.id} if column is None else set()
    return {name: frozenset(named) for name, named in columns.items() if name not in whole}


def _column(parent: ast.AST | None) -> str | None:
    if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant):
        column = parent.slice.value
        return column if isinstance(column, str) else None
    if isinstance(parent, ast.Attribute) and parent.attr not in _NO_COLUMNS:
        return parent.attr
    return None


def try_make(source: str, namespace: Mapping[str, Any]) -> tuple[Plan | None, str]:
    """(plan, "") or (None, why there is none)."""
    try:
        return make(source, namespace), ""
    except (SyntaxError, ValueError, RecursionError) as error:
        return None, f"The metric is not a Python expression: {error}."


def _final(role: Role, on_features: bool) -> Role:
    return Role.TRUTH if on_features and role is Role.FEATURES else role


def occurrences(tree: ast.Expression, plan: Plan, namespace: Mapping[str, Any]) -> dict[ast.Name, Role]:
    found = roles.assign(tree.body, namespace)
    return {node: _final(role, plan.on_features) for node, role in found.items()}


def _functions(names: Iterable[str], namespace: Mapping[str, Any]) -> list[types.FunctionType]:
    """Functions of the notebook among `names`, and those they call in turn."""
    waiting = [namespace.get(name) for name in names]
    functions: list[types.FunctionType] = []
    while waiting and len(functions) < _MOST_FUNCTIONS:
        function = waiting.pop()
        if not isinstance(function, types.FunctionType) or function.__globals__ is not namespace:
            continue
        if any(function is known for known in functions):
            continue
        functions.append(function)
        waiting += [namespace[name] for name in global_names(function.__code__) if name in namespace]
    return functions


def global_names(code: types.CodeType) -> set[str]:
    """Names that a function, or one nested in it, may look up outside itself."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= global_names(constant)
    return names


def _inner_roles(functions: list[types.FunctionType], namespace: Mapping[str, Any]) -> dict[str, Role]:
    """Roles of the globals that the notebook's own functions read; truth wins where they differ."""
    merged: dict[str, Role] = {}
    for function in functions:
        for name, role in _globals_of(function, namespace):
            if name in namespace and (role is Role.TRUTH or merged.get(name) in (None, Role.FIXED)):
                merged[name] = role
    return merged


def _globals_of(function: types.FunctionType, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Role]]:
    names = global_names(function.__code__)
    for node, role in _read(function, namespace)[1].items():
        if node.id in names:
            yield node.id, role


def _read(
    function: types.FunctionType, namespace: Mapping[str, Any]
) -> tuple[ast.AST, Mapping[ast.Name, Role]]:
    """A function's source and the roles in it; without its source, the names that it reads."""
    names = global_names(function.__code__)
    local = frozenset(function.__code__.co_varnames + function.__code__.co_cellvars)
    try:
        tree: ast.AST = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        tree = ast.Tuple([ast.Name(name, ast.Load()) for name in names], ast.Load())
    return tree, roles.assign(tree, namespace, local)


def rewritten(plan: Plan, namespace: Mapping[str, Any]) -> ast.Expression:
    """The expression with every name that comes from the cell marked by the prefix CELL."""
    tree = parse(plan.source)
    for node, role in occurrences(tree, plan, namespace).items():
        if role in _FROM_CELL:
            node.id = CELL + node.id
    return tree
