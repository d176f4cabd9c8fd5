"""Could a cell have seen the held-out labels? Told from its source, on the safe side."""

from __future__ import annotations

import ast
import functools
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any

from .labels import Place
from .plan import global_names
from .rereading import brings_data

_DYNAMIC = frozenset(
    {"globals", "locals", "vars", "dir", "eval", "exec", "compile", "__import__", "getattr", "breakpoint"}
    | {"get_ipython", "gc", "inspect", "sys", "modules", "ctypes", "ctypeslib", "importlib", "__main__"}
    | {"builtins", "f_globals", "f_back", "f_locals", "tracemalloc", "weakref", "pickle", "dill"}
    | {"In", "Out", "_", "__", "___", "_ih", "_oh", "_dh", "cloudpickle", "attrgetter", "methodcaller"}
    # what evaluates text in the caller's frame, or memory at an address
    | {"query", "bmat", "dmatrix", "dmatrices", "from_formula", "as_strided"}
)
"""Ways to an object that does not stand in the source by name."""
_HARMLESS_DUNDERS = frozenset(
    {"__init__", "__name__", "__version__", "__len__", "__getitem__", "__call__", "__repr__", "__str__"}
    | {"__future__", "__post_init__", "__enter__", "__exit__", "__iter__", "__next__", "__class__"}
)
_KNOWN_PACKAGES = frozenset(
    {"catboost", "category_encoders", "collections", "copy", "dataclasses", "datetime", "functools"}
    | {"imblearn", "itertools", "lightgbm", "math", "matplotlib", "numpy", "optuna", "pandas", "polars"}
    | {"random", "re", "scipy", "seaborn", "sklearn", "statistics", "string", "time", "torch", "tqdm"}
    | {"typing", "umap", "warnings", "xgboost", "__future__", "IPython.display"}
)
"""Packages that lead to no variable of the notebook but by the names in `_DYNAMIC`."""
_WORD = re.compile(r"\w+")
_DUNDER = re.compile(r"__\w+__")
_FIELD_OF_A_FIELD = re.compile(r"\{\w*[.\[]")
"""In a format string: `{0.attribute}`."""


def names_in(source: str) -> frozenset[str]:
    """Every name and attribute in a cell (after IPython's transformation). Raises SyntaxError."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name.rpartition(".")[2])
    return frozenset(found)


def could_see_labels(source: str, namespace: Mapping[str, Any], places: Iterable[Place]) -> bool:
    """Whether `source` names a variable that holds labels, one of whose functions does, or a way around
    names.

    Cached outputs (`_5`, `Out[5]`), imports from packages that are not known, text that names labels, and
    data that is read or made once more count as ways around. A source that does not parse counts as seeing.
    """
    variables = {place.variable for place in places}
    try:
        names = names_in(source)
        if _imports_unknown(source) or _text_reaches(source, variables):
            return True
    except (SyntaxError, ValueError):
        return True
    reached = _closure(names, namespace)
    if reached & _DYNAMIC or any(_is_special(name) or brings_data(name) for name in reached):
        return True
    return bool(reached & variables) or any(_is_way_around(namespace.get(name)) for name in reached)


def _imports_unknown(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        if not all(_is_known(module) for module in modules):
            return True
    return False


def _is_known(module: str) -> bool:
    return module in _KNOWN_PACKAGES or module.partition(".")[0] in _KNOWN_PACKAGES


def _text_reaches(source: str, variables: set[str]) -> bool:
    """Whether a string of the cell names labels or leads to attributes: for what evaluates or formats it."""
    for node in ast.walk(ast.parse(source)):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if _DUNDER.search(text) or _FIELD_OF_A_FIELD.search(text) or variables & set(_WORD.findall(text)):
            return True
    return False


def _is_special(name: str) -> bool:
    dunder = name.startswith("__") and name.endswith("__") and name not in _HARMLESS_DUNDERS
    return dunder or (name.startswith("_") and name[1:].isdigit())


def _is_way_around(value: Any) -> bool:
    """Whether an object of the notebook keeps others where no name shows them."""
    if isinstance(value, types.FunctionType) and value.__module__ == "__main__":
        return any(not _is_plain(kept) for kept in _kept_by(value))
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)):
        name = value.__name__ if isinstance(value, types.ModuleType) else str(value.__module__ or "")
        return name not in ("__main__", "builtins") and not _is_known(name.lstrip("_"))
    return isinstance(value, (functools.partial, types.MethodType, types.GeneratorType))


def _kept_by(function: types.FunctionType) -> list[Any]:
    kept = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return kept + [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, types.ModuleType, type))


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
