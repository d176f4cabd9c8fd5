"""What sort of thing an object is, told from its type alone: none of its own code runs."""

from __future__ import annotations

import sys
import types
from enum import Enum
from typing import Any


class Kind(Enum):
    MODULE = "module"
    CALLABLE = "callable"
    """Functions, classes, scorer objects: what computes, and must stay what it was."""
    SCALAR = "scalar"
    DATA = "data"
    """Arrays, tensors, frames and built-in containers."""
    MODEL = "model"
    """What predicts or transforms."""
    HELD = "held"
    """Anything else; stays what it was."""


_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    type,
)
_SCALARS = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset, range)
_MODEL_METHODS = ("predict", "predict_proba", "decision_function", "transform", "forward", "fit_predict")
_ARRAYS = (
    ("numpy", "ndarray"),
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("pandas", "Index"),
    ("pandas.api.extensions", "ExtensionArray"),
    ("torch", "Tensor"),
    ("tensorflow", "Tensor"),
    ("tensorflow", "Variable"),
    ("polars", "DataFrame"),
    ("polars", "Series"),
    ("scipy.sparse", "spmatrix"),
    ("scipy.sparse", "sparray"),
)


def loaded(module: str, name: str) -> Any:
    """A class of a module that is imported already, or None: looking must not import anything."""
    return getattr(sys.modules.get(module), name, None)


def is_instance(value: object, *classes: tuple[str, str]) -> bool:
    """Whether `value` is an instance of one of the classes, given by module and name."""
    kinds = tuple(kind for kind in (loaded(*pair) for pair in classes) if isinstance(kind, type))
    return any(issubclass(type(value), kind) for kind in kinds)


def kind_of(value: object) -> Kind:
    if isinstance(value, types.ModuleType):
        return Kind.MODULE
    if isinstance(value, _FUNCTIONS) or is_instance(value, ("numpy", "ufunc")):
        return Kind.CALLABLE
    if is_instance(value, ("sklearn.metrics._scorer", "_BaseScorer")):
        return Kind.CALLABLE
    if isinstance(value, _SCALARS) or is_instance(value, ("numpy", "generic")):
        return Kind.SCALAR
    if is_instance(value, ("torch.nn", "Module")):
        return Kind.MODEL
    if isinstance(value, _CONTAINERS) or is_instance(value, *_ARRAYS):
        return Kind.DATA
    if any(hasattr(type(value), method) for method in _MODEL_METHODS):
        return Kind.MODEL
    return Kind.HELD
