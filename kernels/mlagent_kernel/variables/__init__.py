"""What a kernel's variables are, in words for a prompt. Reads only; never runs the objects' own code.

An object is looked at only when its type is one we know; attributes of others are never touched, since a
property or a `__repr__` may be slow, raise, or change something.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import arrays, estimators, frames, plain
from .description import Description

_SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython"})

_DESCRIBERS: tuple[Callable[[Any], Description | None], ...] = (
    plain.describe,
    frames.describe,
    arrays.describe,
    estimators.describe,
)


def describe_all(namespace: Mapping[str, Any], hidden: Iterable[str] = ()) -> list[dict[str, Any]]:
    """One JSON-ready description for each variable of the person's: name, type, summary, detail, bytes.

    `hidden` are names that were there before the person's first cell. Order: as they were first bound.
    """
    skipped = set(hidden)
    return [
        {"name": name, "type": type_name(value), **describe(value)._asdict()}
        for name, value in list(namespace.items())
        if not (name.startswith("_") or name in _SHELL_NAMES or name in skipped)
    ]


def describe(value: Any) -> Description:
    """Never raises: an object that cannot be described is named by its type."""
    for describer in _DESCRIBERS:
        try:
            found = describer(value)
        except Exception:  # a subclass that behaves unlike its base: its type still says something
            break
        if found is not None:
            return found
    return Description(f"a {type_name(value)} object")


def type_name(value: Any) -> str:
    """`DataFrame`, `ndarray`, `module`, `function`, or the class's own name."""
    if isinstance(value, types.ModuleType):
        return "module"
    return type(value).__name__
