"""Where the notebook's variables come from: every binding of a name, in execution order."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.records import Cell
from jupyter_mlagent.reward.expressions import root_name


@dataclass(frozen=True)
class Definition:
    """One binding of a name; `value` is what a plain assignment at the top level assigned."""

    name: str
    order: tuple[int, int]
    """(index of the cell, index of the statement in it)"""
    value: ast.expr | None
    position: int | None = None
    """Index within `a, b = value`; None when the whole value was bound."""
    kind: str = "assigned"
    """`assigned`, `unpacked`, `loop`, `branch`, `updated`, `function`, `class`, `imported` or `other`."""


class Definitions:
    """All bindings of a notebook's code cells; the last one of a name is what the kernel holds."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._all: dict[str, list[Definition]] = {}
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        for index, cell in enumerate(cells):
            module = parse_cell(cell.source) if cell.kind == "code" else None
            if module is None or cell.errored:
                # A cell that raised may have bound anything up to where it stopped.
                continue
            for number, statement in enumerate(module.body):
                self._statement(statement, (index, number))

    def last(self, name: str) -> Definition | None:
        """The binding that holds at the end; None for names that no readable cell binds."""
        found = self._all.get(name)
        return found[-1] if found else None

    def before(self, name: str, order: tuple[int, int]) -> Definition | None:
        """The last binding of the name before the statement at `order`."""
        found = [definition for definition in self._all.get(name, ()) if definition.order < order]
        return found[-1] if found else None

    def _bind(self, definition: Definition) -> None:
        self._all.setdefault(definition.name, []).append(definition)

    def _statement(self, statement: ast.stmt, order: tuple[int, int]) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._target(target, value, order)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self._bind(Definition(name, order, value))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.functions[name] = statement
                self._bind(Definition(name, order, None, kind="function"))
            case ast.ClassDef(name=name):
                self._bind(Definition(name, order, None, kind="class"))
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    bound = alias.asname or alias.name.split(".")[0]
                    self._bind(Definition(bound, order, None, kind="imported"))
            case ast.AugAssign(target=target):
                self._stored(target, order, "updated")
            case ast.For() | ast.AsyncFor() | ast.While():
                self._stored(statement, order, "loop")
            case ast.If() | ast.With() | ast.AsyncWith() | ast.Try() | ast.TryStar() | ast.Match():
                self._stored(statement, order, "branch")
            case _:
                self._stored(statement, order, "other")

    def _target(self, target: ast.expr, value: ast.expr, order: tuple[int, int]) -> None:
        match target:
            case ast.Name(id=name):
                self._bind(Definition(name, order, value))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                starred = any(isinstance(element, ast.Starred) for element in elements)
                for position, element in enumerate(elements):
                    if isinstance(element, ast.Name) and not starred:
                        self._bind(Definition(element.id, order, value, position=position, kind="unpacked"))
                    else:
                        self._stored(element, order, "other")
            case _:
                # `a[0] = ...` and `a.b = ...` change the object: what was assigned before no longer tells.
                self._stored(target, order, "updated")

    def _stored(self, node: ast.AST, order: tuple[int, int], kind: str) -> None:
        for inner in _outside_functions(node):
            name = _stored_name(inner)
            if name is not None:
                self._bind(Definition(name, order, None, kind=kind))


def _stored_name(node: ast.AST) -> str | None:
    """The variable that this one node binds, deletes or changes a part of."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return name
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            return root_name(node)
        case ast.ExceptHandler(name=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
    return None


def _outside_functions(node: ast.AST) -> list[ast.AST]:
    """The node and what it holds, without what happens only inside functions, lambdas and comprehensions."""
    found = [node]
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(child)
        elif not isinstance(child, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            found += _outside_functions(child)
    return found
