"""The static engine: does a cell compile, and are the names it reads known? Nothing of it runs."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Collection
from typing import Any


def problem_with(code: str, shell: Any) -> str:
    """One sentence about what is wrong with a cell, given a shell and its variables; empty when nothing
    is.
    """
    try:
        source = shell.transform_cell(code)
        compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        return f"It does not compile: {getattr(error, 'msg', error)}{where}."
    unknown = undefined_names(source, shell.user_ns)
    if unknown:
        return f"It reads {', '.join(f'`{name}`' for name in sorted(unknown))}, which nothing defines."
    return ""


def undefined_names(source: str, known: Collection[str]) -> set[str]:
    """Names a source reads that neither it, `known` nor the builtins bind anywhere; star imports hide all.

    Order does not count: a name bound only after its use is not reported. Raises SyntaxError.
    """
    tree = ast.parse(source)
    if any(alias.name == "*" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names):
        return set()
    table = symtable.symtable(source, "<cell>", "exec")
    bound = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()
    }
    bound |= {name for scope in _scopes(table) for name in _declared_global(scope)}
    read = {name for scope in _scopes(table) for name in _free(scope)}
    return {name for name in read - bound if name not in known and not hasattr(builtins, name)}


def _scopes(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    found = [table]
    for child in table.get_children():
        found += _scopes(child)
    return found


def _free(scope: symtable.SymbolTable) -> set[str]:
    """Names that a scope reads and that are neither its own nor of a function around it."""
    top = scope.get_type() == "module"
    return {
        symbol.get_name()
        for symbol in scope.get_symbols()
        if symbol.is_referenced() and (top or symbol.is_global())
    }


def _declared_global(scope: symtable.SymbolTable) -> set[str]:
    return {
        symbol.get_name()
        for symbol in scope.get_symbols()
        if symbol.is_declared_global() and symbol.is_assigned()
    }
