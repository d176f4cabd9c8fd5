"""A metric's value as a number, or one sentence that says why it is none.

Taken: Python and NumPy integers and floats, Decimal and Fraction, booleans (as 0 and 1), and arrays, Series
or tensors that hold exactly one such number. Not taken: NaN, infinities, complex numbers (even with a zero
imaginary part), text, None, arrays of several numbers. Exactly 0 is a number like any other.
"""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import Any

from .kinds import Kind, is_instance, kind_of


def number_of(value: Any) -> tuple[float | None, str]:
    """(value, "") or (None, reason)."""
    single, reason = _single(value)
    if reason:
        return None, reason
    if isinstance(single, complex) or (
        isinstance(single, numbers.Complex) and not isinstance(single, numbers.Real)
    ):
        return None, "The metric is a complex number; a metric must be real."
    if is_instance(single, ("numpy", "bool_"), ("numpy", "bool")) or isinstance(single, bool):
        return float(bool(single)), ""
    if not isinstance(single, (numbers.Real, Decimal)):
        return None, f"The metric is of type {type(single).__name__}; a metric must be a number."
    try:
        found = float(single)
    except (OverflowError, ValueError):
        return None, "The metric is a number too large to work with."
    if math.isnan(found):
        return None, "The metric is NaN (not a number)."
    if math.isinf(found):
        return None, "The metric is infinite."
    return found, ""


def _single(value: Any) -> tuple[Any, str]:
    """The one element of an array-like value, or the value itself."""
    if value is None:
        return None, "The metric is None; the expression must give a number."
    if kind_of(value) is not Kind.DATA or isinstance(value, (dict, set, frozenset, range)):
        return value, ""
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            return None, _several(len(value))
        return _single(value[0])
    if is_instance(value, ("torch", "Tensor")):
        value = value.detach().cpu()
    if is_instance(value, ("pandas", "DataFrame"), ("pandas", "Series"), ("pandas", "Index")):
        value = value.to_numpy()
    shape = getattr(value, "shape", None)
    size = math.prod(shape) if isinstance(shape, tuple) else 0
    if size != 1:
        return None, _several(size)
    return value.reshape(-1)[0].item() if hasattr(value, "reshape") else value, ""


def _several(count: int) -> str:
    if count == 0:
        return "The metric is empty; the expression must give one number."
    return f"The metric is {count} numbers; the expression must give one, for example their mean."
