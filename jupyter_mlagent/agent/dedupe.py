"""Are two cells the same program? Compared by a normalised syntax tree, not by text."""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.reward.metric_names import KNOWN_FUNCTIONS

_Item = TypeVar("_Item")

_PURE_CALLS = frozenset(
    [
        *(
            "len",
            "round",
            "float",
            "int",
            "str",
            "repr",
            "format",
            "type",
            "abs",
            "min",
            "max",
            "sum",
            "sqrt",
        ),
        *("sorted", "list", "dict", "set", "tuple", "item", "tolist", "mean", "std", "head", "tail"),
        *("describe", "value_counts", "predict", "predict_proba", "score", *KNOWN_FUNCTIONS),
        *("classification_report", "confusion_matrix"),
    ]
)
"""Calls that a print may hold and still be nothing but output."""


def normalised_key(source: str, *, keep: Collection[str] | None = None) -> str:
    """Equal for cells that do the same up to comments, docstrings, formatting, prints, the order of imports
    and the names of local variables (of functions, lambdas and comprehensions). Constants count.

    With `keep` (the names that exist in the kernel or that the metric reads), variables that the cell makes
    for itself count as local too. Never raises: text that is not Python is compared word by word.
    """
    module = parse_cell(source)
    if module is None:
        return _digest(" ".join(source.split()))
    try:
        return _digest(_normalised(module, keep))
    except RecursionError:
        return _digest(source)


def drop_duplicates(
    items: Iterable[tuple[str, _Item]], existing: Sequence[str] = (), *, keep: Collection[str] | None = None
) -> list[_Item]:
    """The items of `(code, item)` whose code is neither in `existing` cells nor in an earlier item."""
    seen = {normalised_key(source, keep=keep) for source in existing}
    unique = []
    for code, item in items:
        key = normalised_key(code, keep=keep)
        if key not in seen:
            seen.add(key)
            unique.append(item)
    return unique


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _normalised(module: ast.Module, keep: Collection[str] | None) -> str:
    imports: set[str] = set()
    body: list[ast.stmt] = []
    for statement in copy.deepcopy(module).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= _import_lines(statement)
        elif not _is_only_output(statement):
            body.append(statement)
    tree = ast.Module(body=body, type_ignores=[])
    renamed = _LocalNames().visit(tree)
    if keep is not None:
        renamed = _rename_globals(renamed, keep)
    return "\n".join([*sorted(imports), ast.dump(renamed)])


def _import_lines(statement: ast.Import | ast.ImportFrom) -> set[str]:
    """One entry per imported name, so that grouping and order do not matter."""
    origin = "" if isinstance(statement, ast.Import) else f"{'.' * statement.level}{statement.module}:"
    return {f"{origin}{alias.name}={alias.asname or alias.name}" for alias in statement.names}


def _is_only_output(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Constant | ast.Name):
        return True
    if not (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("print", "display")
    ):
        return False
    inner = [node for node in ast.walk(value) if isinstance(node, ast.Call) and node is not value]
    walrus = any(isinstance(node, ast.NamedExpr) for node in ast.walk(value))
    return not walrus and all(_call_name(call) in _PURE_CALLS for call in inner)


def _call_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


class _LocalNames(ast.NodeTransformer):
    """Renames what only a function, lambda or comprehension sees, by order of appearance."""

    def __init__(self) -> None:
        self._scopes: list[dict[str, str]] = []
        self._count = 0

    def _fresh(self, names: Iterable[str]) -> dict[str, str]:
        scope = {}
        for name in names:
            if name not in scope:
                scope[name] = f"_{self._count}"
                self._count += 1
        return scope

    def _lookup(self, name: str) -> str:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._lookup(node.id)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = self._lookup(node.name) if node.name else None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant):
            return None
        return self.generic_visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._lookup(node.name)
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        node.returns = None
        self._visit_defaults(node.args)
        self._scopes.append(self._fresh(_function_locals(node)))
        for argument in _arguments(node.args):
            # Parameters keep their names: callers may pass them as keywords.
            self._scopes[-1][argument.arg] = argument.arg
            argument.annotation = None
        body = [self.visit(statement) for statement in node.body]
        node.body = [statement for statement in body if statement is not None] or [ast.Pass()]
        self._scopes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        body = [self.visit(statement) for statement in node.body]
        node.body = [statement for statement in body if statement is not None] or [ast.Pass()]
        node.bases = [self.visit(base) for base in node.bases]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._visit_defaults(node.args)
        arguments = _arguments(node.args)
        self._scopes.append(self._fresh(argument.arg for argument in arguments))
        for argument in arguments:
            argument.arg = self._scopes[-1][argument.arg]
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def _comprehension(self, node: ast.AST) -> ast.AST:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        names = [
            target.id
            for generator in generators
            for target in ast.walk(generator.target)
            if isinstance(target, ast.Name)
        ]
        generators[0].iter = self.visit(generators[0].iter)
        self._scopes.append(self._fresh(names))
        for number, generator in enumerate(generators):
            generator.target = self.visit(generator.target)
            if number:
                generator.iter = self.visit(generator.iter)
            generator.ifs = [self.visit(condition) for condition in generator.ifs]
        for field in ("elt", "key", "value"):
            if hasattr(node, field):
                setattr(node, field, self.visit(getattr(node, field)))
        self._scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _visit_defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(default) for default in arguments.defaults]
        arguments.kw_defaults = [default and self.visit(default) for default in arguments.kw_defaults]


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _function_locals(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    outside = {
        name
        for inner in ast.walk(node)
        if isinstance(inner, ast.Global | ast.Nonlocal)
        for name in inner.names
    }
    return [
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and inner.id not in outside
    ]


def _rename_globals(tree: ast.AST, keep: Collection[str]) -> ast.AST:
    """Renames the variables a cell makes for itself, by order of first assignment."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in keep:
            names.setdefault(node.id, f"_cell_{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return tree
