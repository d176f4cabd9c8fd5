"""Models in scikit-learn's style: class, parameters that were set, whether they were fitted."""

from __future__ import annotations

import inspect
from typing import Any

from ..metric.kinds import is_instance
from .plain import Found, short, type_name

_DEPTH = 3
_PARAMETERS = 12


def describe(value: Any) -> Found:
    if is_instance(value, ("sklearn.base", "BaseEstimator")):
        state = "fitted" if _fitted(value) else "not fitted"
        return f"{expression(value)}, {state}", "", None
    if is_instance(value, ("torch.nn", "Module")):
        return _torch_module(value)
    return None


def expression(estimator: Any, depth: int = _DEPTH) -> str:
    """The call that would make it, with the parameters that differ from their defaults."""
    name = type_name(estimator).rpartition(".")[2]
    fields = vars(estimator)
    if not depth:
        return f"{name}(...)"
    shown = []
    for parameter, default in _defaults(type(estimator)).items():
        value = fields.get(parameter, default)
        if value is not default and not _equal(value, default):
            shown.append(f"{parameter}={_parameter(value, depth)}")
    return f"{name}({', '.join(shown[:_PARAMETERS])})"


def _defaults(kind: type) -> dict[str, Any]:
    try:
        parameters = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    except (TypeError, ValueError):
        return {}
    return {name: p.default for name, p in parameters.items() if name != "self" and p.kind != p.VAR_KEYWORD}


def _equal(value: Any, default: Any) -> bool:
    return type(value) is type(default) and isinstance(value, (int, float, str, bool)) and value == default


def _parameter(value: Any, depth: int) -> str:
    if is_instance(value, ("sklearn.base", "BaseEstimator")):
        return expression(value, depth - 1)
    if isinstance(value, (list, tuple)):
        inside = ", ".join(_parameter(item, depth) for item in value[:8])
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return short(value) or getattr(value, "__name__", None) or f"<{type_name(value)}>"


def _fitted(estimator: Any) -> bool:
    fields = vars(estimator)
    if any(name.endswith("_") and not name.startswith("_") for name in fields):
        return True
    steps = fields.get("steps")
    last = steps[-1][1] if isinstance(steps, list) and steps else None
    return is_instance(last, ("sklearn.base", "BaseEstimator")) and _fitted(last)


def _torch_module(module: Any) -> Found:
    count, waiting = 0, [module]
    layers: list[str] = []
    while waiting and len(layers) < 200:
        part = waiting.pop(0)
        fields = vars(part)
        count += sum(int(p.numel()) for p in fields.get("_parameters", {}).values() if p is not None)
        inner = [m for m in fields.get("_modules", {}).values() if m is not None]
        waiting += inner
        if not inner:
            layers.append(type(part).__name__)
    shown = ", ".join(layers[:10]) + (", ..." if len(layers) > 10 else "")
    return f"{type_name(module)} network, {count:,} parameters: {shown}", "", None
