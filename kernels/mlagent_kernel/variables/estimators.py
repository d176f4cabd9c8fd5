"""Estimators in scikit-learn's manner, and torch modules: class, parameters set, fitted or not."""

from __future__ import annotations

import inspect
from typing import Any

from .description import Description, clip, known

_PACKAGES = ("sklearn", "xgboost", "lightgbm", "catboost", "imblearn")
_SHOWN_PARAMETERS = 6


def describe(value: Any) -> Description | None:
    if known(value, "sklearn", "Pipeline"):
        steps = " -> ".join(type(step).__name__ for _, step in value.steps)
        return Description(f"Pipeline: {steps}, {_fitted(value.steps[-1][1])}")
    if any(known(value, package, "BaseEstimator") for package in _PACKAGES) or _from_package(value):
        return Description(f"{type(value).__name__}({_parameters(value)}), {_fitted(value)}")
    if known(value, "torch", "Module"):
        layers = len(vars(value).get("_modules", {}))
        return Description(f"torch module {type(value).__name__} with {layers} direct parts")
    return None


def _from_package(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] in _PACKAGES


def _parameters(value: Any) -> str:
    """The constructor's arguments that are not at their defaults, read from the instance's own dictionary."""
    held = vars(value)
    defaults = inspect.signature(type(value).__init__).parameters
    shown = [
        f"{name}={_short(held[name])}"
        for name, parameter in defaults.items()
        if name in held and held[name] is not parameter.default and not _same(held[name], parameter.default)
    ]
    more = [", …"] if len(shown) > _SHOWN_PARAMETERS else []
    return clip(", ".join(shown[:_SHOWN_PARAMETERS] + more), 160)


def _same(value: Any, default: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    return type(value) in plain and type(default) in plain and value == default


def _short(value: Any) -> str:
    if type(value) in (bool, int, float, str, type(None)):
        return clip(repr(value), 40)
    return type(value).__name__


def _fitted(value: Any) -> str:
    """scikit-learn's own convention: attributes learned from data end with one underscore."""
    held = vars(value) if hasattr(value, "__dict__") else {}
    learned = any(name.endswith("_") and not name.startswith("_") for name in held)
    return "fitted" if learned or "_Booster" in held else "not fitted"
