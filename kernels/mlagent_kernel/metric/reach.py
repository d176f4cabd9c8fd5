"""Could a cell have seen the held-out labels? Told from its source, on the safe side."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable, Mapping
from typing import Any

from .labels import Place
from .plan import global_names

_DYNAMIC = frozenset(
    {"globals", "locals", "vars", "dir", "eval", "exec", "compile", "__import__", "getattr", "breakpoint"}
    | {"get_ipython", "gc", "inspect", "sys", "ctypes", "importlib", "__main__", "builtins", "__builtins__"}
    | {
        "In",
        "Out",
        "_",
        "__",
        "___",
        "_ih",
        "_oh",
        "_dh",
        "__dict__",
        "__globals__",
        "__closure__",
        "f_globals",
    }
    | {"f_back", "f_locals", "__subclasses__", "tracemalloc", "weakref", "pickle", "dill", "cloudpickle"}
)
"""Ways to an object that does not stand in the source by name."""


def names_in(source: str) -> frozenset[str]:
    """Every identifier in a cell (after IPython's transformation): names, attributes and imported modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                found.add(alias.name.partition(".")[0])
                found.add(alias.name)
            if isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return frozenset(found)


def could_see_labels(source: str, namespace: Mapping[str, Any], places: Iterable[Place]) -> bool:
    """Whether `source` names a variable that holds labels, one of whose functions does, or a way around
    names.

    Cached outputs (`_5`, `Out[5]`) count as ways around. A source that does not parse counts as seeing.
    """
    try:
        names = names_in(source)
    except (SyntaxError, ValueError):
        return True
    reached = _closure(names, namespace)
    if reached & _DYNAMIC or any(name.startswith("_") and name[1:].isdigit() for name in names):
        return True
    return bool(reached & {place.variable for place in places})


def _closure(names: frozenset[str], namespace: Mapping[str, Any]) -> set[str]:
    """The names, and those that the notebook's functions and classes among them use in turn."""
    reached, waiting = set(names), list(names)
    while waiting:
        value = namespace.get(waiting.pop())
        for code in _codes(value):
            new = global_names(code) - reached
            reached |= new
            waiting += new
    return reached


def _codes(value: Any) -> list[types.CodeType]:
    if isinstance(value, types.FunctionType):
        return [value.__code__] if value.__module__ == "__main__" else []
    kind = value if isinstance(value, type) else type(value)
    if getattr(kind, "__module__", "") != "__main__":
        return []
    return [item.__code__ for item in vars(kind).values() if isinstance(item, types.FunctionType)]
