"""Which names a cell binds and which it needs from outside, by Python's scoping rules."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from jupyter_mlagent.agent.scopes import own_nodes, parameters, stored_names
from jupyter_mlagent.agent.source import parse_cell

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Use:
    """A name read from the notebook's namespace."""

    name: str
    line: int
    certain: bool
    """True when the read happens whenever the cell runs: not in a branch, a `try` or a function's body."""
    order: int
    """Position among all reads and bindings of the cell's own top level."""


@dataclass
class CellNames:
    uses: list[Use] = field(default_factory=list)
    bound: dict[str, int] = field(default_factory=dict)
    """Name -> order of its first binding in the notebook's namespace."""
    imported: set[str] = field(default_factory=set)
    """Those of them that import statements bind, also inside functions."""
    star_imports: bool = False

    def defines(self, name: str) -> bool:
        """Whether the cell binds it to something of its own, not by an import."""
        return name in self.bound and name not in self.imported


def cell_names(module: ast.Module) -> CellNames:
    """What the cell binds in, and reads from, the notebook's namespace."""
    walker = _Walker()
    walker.statements(module.body)
    return walker.names


@lru_cache(maxsize=2048)
def names_of(source: str) -> CellNames:
    """The same for a cell's source (shared: do not change it); nothing where it is not Python."""
    module = parse_cell(source)
    return CellNames() if module is None else cell_names(module)


class _Walker:
    def __init__(self) -> None:
        self.names = CellNames()
        self._order = 0
        self._uncertain = 0
        self._scopes: list[set[str]] = []
        self._globals: list[set[str]] = []

    def statements(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                self._read(value)
                self._targets(targets)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self._read(value)
                    self._targets([target])
            case ast.AugAssign(target=target, value=value):
                self._read(value)
                self._load_target(target)
                self._targets([target])
            case ast.For() | ast.AsyncFor():
                self._read(node.iter)
                self._targets([node.target])
                self.statements(node.body)
                self._maybe(node.orelse)
            case ast.If(test=test, body=body, orelse=orelse) | ast.While(test=test, body=body, orelse=orelse):
                self._read(test)
                self._maybe(body)
                self._maybe(orelse)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._read(item.context_expr)
                    if item.optional_vars is not None:
                        self._targets([item.optional_vars])
                self.statements(node.body)
            case ast.Match():
                self._match(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Global() | ast.Nonlocal():
                pass
            case ast.Delete(targets=targets):
                for deleted in targets:
                    self._load_target(deleted)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._read(child)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        self._maybe(node.body)
        for handler in node.handlers:
            if handler.name:
                self._bind(handler.name)
            self._maybe(handler.body)
        self._maybe(node.orelse)
        self.statements(node.finalbody)

    def _match(self, node: ast.Match) -> None:
        self._read(node.subject)
        for case in node.cases:
            for inner in ast.walk(case.pattern):
                if isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name:
                    self._bind(inner.name)
                elif isinstance(inner, ast.MatchMapping) and inner.rest:
                    self._bind(inner.rest)
            self._uncertain += 1
            if case.guard is not None:
                self._read(case.guard)
            self._uncertain -= 1
            self._maybe(case.body)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.names.star_imports = True
            else:
                bound = alias.asname or alias.name.split(".")[0]
                self.names.imported.add(bound)
                self._bind(bound)

    def _maybe(self, body: Iterable[ast.stmt]) -> None:
        self._uncertain += 1
        self.statements(body)
        self._uncertain -= 1

    def _targets(self, targets: Iterable[ast.expr]) -> None:
        for target in targets:
            match target:
                case ast.Name(id=name):
                    self._bind(name)
                case ast.Tuple(elts=elements) | ast.List(elts=elements):
                    self._targets(elements)
                case ast.Starred(value=value):
                    self._targets([value])
                case _:
                    self._read(target)

    def _load_target(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._use(target.id, target.lineno)
        else:
            self._read(target)

    def _read(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name):
                self._use(name, node.lineno)
            case ast.NamedExpr(target=target, value=value):
                self._read(value)
                self._bind_outside_comprehensions(target.id)
            case ast.Lambda(args=arguments, body=body):
                self._defaults(arguments)
                self._in_function(parameters(arguments), [], lambda: self._read(body))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._read(test)
                self._uncertain += 1
                self._read(body)
                self._read(orelse)
                self._uncertain -= 1
            case ast.BoolOp(values=values):
                self._read(values[0])
                self._uncertain += 1
                for value in values[1:]:
                    self._read(value)
                self._uncertain -= 1
            case _:
                for child in ast.iter_child_nodes(node):
                    self._read(child)

    def _comprehension(self, node: _Comprehension) -> None:
        self._read(node.generators[0].iter)
        local = {
            inner.id
            for generator in node.generators
            for inner in ast.walk(generator.target)
            if isinstance(inner, ast.Name)
        }
        self._scopes.append(local)
        self._globals.append(set())
        for number, generator in enumerate(node.generators):
            if number:
                self._read(generator.iter)
            for condition in generator.ifs:
                self._read(condition)
        if isinstance(node, ast.DictComp):
            self._read(node.key)
            self._read(node.value)
        else:
            self._read(node.elt)
        self._scopes.pop()
        self._globals.pop()

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self._read(decorator)
        self._defaults(node.args)
        self._bind(node.name)
        self._in_function(parameters(node.args), node.body, self._walk(node.body))

    def _in_function(self, parameters: set[str], body: list[ast.stmt], walk: Callable[[], None]) -> None:
        declared = {
            name for inner in own_nodes(body) if isinstance(inner, ast.Global) for name in inner.names
        }
        self._scopes.append(parameters | (stored_names(body) - declared))
        self._globals.append(declared)
        self._uncertain += 1
        walk()
        self._uncertain -= 1
        self._scopes.pop()
        self._globals.pop()

    def _class(self, node: ast.ClassDef) -> None:
        for expression in [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]:
            self._read(expression)
        self._bind(node.name)
        # A class body's names are seen by the body itself, not by its methods.
        methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)]
        others = [inner for inner in node.body if inner not in methods]
        self._scopes.append(stored_names(node.body))
        self._globals.append(set())
        self.statements(others)
        for method in methods:
            for decorator in method.decorator_list:
                self._read(decorator)
            self._defaults(method.args)
        self._scopes.pop()
        self._globals.pop()
        for method in methods:
            self._in_function(parameters(method.args) | {"__class__"}, method.body, self._walk(method.body))

    def _walk(self, body: list[ast.stmt]) -> Callable[[], None]:
        return lambda: self.statements(body)

    def _defaults(self, arguments: ast.arguments) -> None:
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self._read(default)

    def _use(self, name: str, line: int) -> None:
        if any(name in scope for scope in self._scopes):
            return
        self._order += 1
        self.names.uses.append(Use(name, line, self._uncertain == 0, self._order))

    def _bind(self, name: str) -> None:
        if not self._scopes or (self._globals and name in self._globals[-1]):
            self._order += 1
            self.names.bound.setdefault(name, self._order)

    def _bind_outside_comprehensions(self, name: str) -> None:
        if self._uncertain == 0 or not self._scopes:
            self._order += 1
            self.names.bound.setdefault(name, self._order)
