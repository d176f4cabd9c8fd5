"""What a function or class body binds in its own scope."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


def parameters(arguments: ast.arguments) -> set[str]:
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return {
        argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]
    }


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of functions and classes inside it."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from own_nodes(ast.iter_child_nodes(node))


def stored_names(body: Iterable[ast.AST]) -> set[str]:
    """Names that a function's or class's body binds in its own scope."""
    stored: set[str] = set()
    for node in own_nodes(body):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                stored.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                stored.add(name)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                stored.add(name)
            case ast.MatchMapping(rest=str(name)):
                stored.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                stored |= {alias.asname or alias.name.split(".")[0] for alias in aliases}
    return stored
