"""Numbers, text and built-in containers; of everything else the type and its plain attributes."""

from __future__ import annotations

from itertools import islice
from typing import Any, Optional

Found = Optional[tuple[str, str, Optional[int]]]  # noqa: UP045 - evaluated, by Python 3.9 too
"""(one line, more lines, bytes), or None for a type another part describes."""

_TEXT = 60
_ITEMS = 6
_DEPTH = 2
_LONGEST_INT = 256
"""Bits: Python refuses to print integers of thousands of digits."""


def type_name(value: Any) -> str:
    """`DataFrame`, `dict`, `Trainer`; with the module where it is neither built in nor the notebook's own."""
    kind = type(value)
    module = str(type.__getattribute__(kind, "__module__"))
    name = str(type.__getattribute__(kind, "__qualname__"))
    return name if module in ("builtins", "__main__") else f"{module.partition('.')[0]}.{name}"


def describe(value: Any) -> Found:
    if type(value) in (list, tuple, dict, set, frozenset):
        return f"{type(value).__name__} of {len(value)}: {short(value)}", "", None
    text = short(value)
    if text:
        return text, "", len(value) if type(value) in (bytes, bytearray, str) else None
    fields = _fields(value)
    return (f"{type_name(value)} with {fields}" if fields else type_name(value)), "", None


def short(value: Any, depth: int = _DEPTH) -> str:
    """A bounded repr made of built-in types only; other objects appear as `<their type>`."""
    kind = type(value)
    if kind is str:
        return repr(value[:_TEXT]) + ("..." if len(value) > _TEXT else "")
    if kind in (bytes, bytearray):
        return f"{kind.__name__} of {len(value)}"
    if kind is int:
        return repr(value) if value.bit_length() <= _LONGEST_INT else f"integer of {value.bit_length()} bits"
    if kind in (float, complex, bool, type(None), range, slice):
        return repr(value)
    if kind in (list, tuple, set, frozenset):
        return _sequence(value, depth)
    if kind is dict:
        return _mapping(value, depth)
    return "" if depth == _DEPTH else f"<{type_name(value)}>"


def _sequence(value: Any, depth: int) -> str:
    brackets = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
    opening, closing = brackets[0], brackets[1]
    if not depth:
        return f"{opening}...{closing}"
    parts = [short(item, depth - 1) or f"<{type_name(item)}>" for item in islice(value, _ITEMS)]
    return opening + ", ".join(parts + ["..."] * (len(value) > _ITEMS)) + closing


def _mapping(value: dict[Any, Any], depth: int) -> str:
    if not depth:
        return "{...}"
    parts = [f"{short(k, 0)}: {short(v, depth - 1)}" for k, v in islice(value.items(), _ITEMS)]
    return "{" + ", ".join(parts + ["..."] * (len(value) > _ITEMS)) + "}"


def _fields(value: Any) -> str:
    """Instance attributes that are plain values, read past any code of the class."""
    try:
        fields = object.__getattribute__(value, "__dict__")
    except Exception:
        return ""
    if type(fields) is not dict:
        return ""
    shown = [
        f"{name}={short(item, 1)}"
        for name, item in islice(fields.items(), _ITEMS)
        if not name.startswith("_")
    ]
    return ", ".join(shown)
