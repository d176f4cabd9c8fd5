"""Modules, functions, classes, and Python's own values and containers."""

from __future__ import annotations

import inspect
import sys
import types
from typing import Any

from .description import Description, clip

_SCALARS = (bool, int, float, complex, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset)
_SHOWN_ITEMS = 4
_MANY_DIGITS = 10**12


def describe(value: Any) -> Description | None:
    if isinstance(value, types.ModuleType):
        return Description(f"module {value.__name__}")
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        return Description(f"function {value.__name__}{_signature(value)}")
    if isinstance(value, type):
        return Description(f"class {value.__module__}.{value.__qualname__}")
    if type(value) in _SCALARS:
        return Description(_scalar(value))
    if type(value) in (str, bytes):
        return Description(f"{type(value).__name__} of length {len(value)}: {clip(repr(value[:200]))}")
    if type(value) in _CONTAINERS:
        return _container(value)
    return None


def _scalar(value: Any) -> str:
    if type(value) is int and abs(value) > _MANY_DIGITS:
        return f"int of {value.bit_length()} bits"
    return repr(value)


def _signature(function: Any) -> str:
    # Annotations and defaults may be any object, with a __repr__ of its own: names only.
    if not isinstance(function, types.FunctionType):
        return "(...)"
    code = function.__code__
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    if code.co_flags & inspect.CO_VARARGS:
        names.append("*args")
    if code.co_flags & inspect.CO_VARKEYWORDS:
        names.append("**kwargs")
    return f"({', '.join(names)})"


def _container(value: Any) -> Description:
    shown = []
    for position, item in enumerate(value.items() if type(value) is dict else value):
        if position == _SHOWN_ITEMS:
            shown.append("…")
            break
        shown.append(f"{_item(item[0])}: {_item(item[1])}" if type(value) is dict else _item(item))
    kind = type(value).__name__
    return Description(f"{kind} of {len(value)}: {clip(', '.join(shown))}", bytes=sys.getsizeof(value))


def _item(value: Any) -> str:
    if type(value) in _SCALARS:
        return _scalar(value)
    if type(value) in (str, bytes):
        return clip(repr(value[:60]), 30)
    return type(value).__name__
