"""Functions, classes and modules."""

from __future__ import annotations

import inspect
import types
from typing import Any

from .plain import Found

_METHODS = 8


def describe(value: Any) -> Found:
    if isinstance(value, types.ModuleType):
        return f"module {vars(value).get('__name__', '')}", "", None
    if isinstance(value, (types.FunctionType, type)) and not _own(value):
        kind = "class" if isinstance(value, type) else "function"
        return f"{kind} {value.__name__} from {value.__module__}", "", None
    if isinstance(value, types.FunctionType):
        return f"function {value.__name__}{_signature(value)}{_first_line(value.__doc__)}", "", None
    if isinstance(value, (types.BuiltinFunctionType, types.MethodType)):
        return f"function {getattr(value, '__name__', '')}", "", None
    if isinstance(value, type):
        return _class(value)
    return None


def _own(value: Any) -> bool:
    """Whether the notebook defined it: of a library's things the name says enough."""
    fields = type.__getattribute__(value, "__dict__") if isinstance(value, type) else {}
    module = fields.get("__module__") if isinstance(value, type) else value.__module__
    return module == "__main__"


def _signature(function: types.FunctionType) -> str:
    """Names and plain defaults only: annotations and default objects may have a repr of their own."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "(...)"
    shown = []
    for parameter in parameters:
        kind = parameter.kind
        prefix = "*" if kind is kind.VAR_POSITIONAL else "**" if kind is kind.VAR_KEYWORD else ""
        default = parameter.default
        plain = type(default) in (int, float, str, bool, type(None))
        given = "" if default is parameter.empty else f"={default!r}" if plain else "=..."
        shown.append(f"{prefix}{parameter.name}{given}")
    return f"({', '.join(shown)})"


def _first_line(text: Any) -> str:
    lines = text.strip().splitlines() if isinstance(text, str) else []
    return f": {lines[0][:120]}" if lines else ""


def _class(kind: type) -> Found:
    name = str(type.__getattribute__(kind, "__name__"))
    bases = [str(type.__getattribute__(b, "__name__")) for b in type.__getattribute__(kind, "__bases__")]
    parents = ", ".join(b for b in bases if b != "object")
    fields = type.__getattribute__(kind, "__dict__")
    methods = [n for n, m in fields.items() if isinstance(m, types.FunctionType) and not n.startswith("_")]
    start = fields.get("__init__")
    signature = _signature(start) if isinstance(start, types.FunctionType) else ""
    shown = f"; methods {', '.join(methods[:_METHODS])}" if methods else ""
    return f"class {name}{f'({parents})' if parents else ''}{signature}{shown}", "", None
