"""Arrays and tensors: shape, type, range, missing values; where they live."""

from __future__ import annotations

import math
import sys
from typing import Any

from ..metric.kinds import is_instance
from .plain import Found, type_name

_MOST_SCANNED = 1_000_000
_CLASSES = 10


def describe(value: Any) -> Found:
    if is_instance(value, ("numpy", "ndarray")):
        return _numpy(value)
    if is_instance(value, ("numpy", "generic")):
        return f"{value.item()!r} ({value.dtype})"[:120], "", int(value.nbytes)
    if is_instance(value, ("scipy.sparse", "spmatrix"), ("scipy.sparse", "sparray")):
        return _sparse(value)
    if is_instance(value, ("torch", "Tensor")):
        return _torch(value)
    if is_instance(value, ("jax", "Array"), ("tensorflow", "Tensor"), ("cupy", "ndarray")):
        return f"{type_name(value)}, shape {tuple(value.shape)}, {value.dtype}", "", None
    return None


def shape_of(shape: Any) -> str:
    return (
        "x".join(str(length) for length in shape)
        if len(shape) > 1
        else f"length {shape[0]}"
        if shape
        else "scalar"
    )


def _numpy(array: Any) -> Found:
    parts = [f"array {shape_of(array.shape)}, {array.dtype}"]
    if array.size:
        parts += _values(_sample(array), array.size > _MOST_SCANNED)
    return ", ".join(parts), "", int(array.nbytes)


def _sample(array: Any) -> Any:
    """The whole array, or every k-th element of a large one; a view wherever NumPy can make one."""
    if array.size <= _MOST_SCANNED:
        return array
    flat = array.reshape(-1) if array.flags.c_contiguous else array[:: max(1, len(array) // 1000)].reshape(-1)
    return flat[:: max(1, flat.size // _MOST_SCANNED)]


def _values(array: Any, sampled: bool) -> list[str]:
    """Missing values, then classes for few distinct integers, else the range."""
    about = "~" if sampled else ""
    kind = array.dtype.kind
    if kind == "b":
        return [f"{about}{float(array.mean()):.0%} true"]
    if kind in "iu":
        classes = _class_counts(array) if array.ndim == 1 or 1 in array.shape else ""
        return [f"classes {about}{classes}"] if classes else [f"range {about}{array.min()} to {array.max()}"]
    if kind == "f":
        finite = array[array == array]
        missing = array.size - finite.size
        parts = [f"{missing / array.size:.1%} NaN"] if missing else []
        if finite.size:
            parts.append(f"range {about}{float(finite.min()):.4g} to {float(finite.max()):.4g}")
        return parts
    return []


def _class_counts(array: Any) -> str:
    numpy = sys.modules["numpy"]  # the array is there, so it is loaded
    flat = array.reshape(-1)
    if int(flat.max()) - int(flat.min()) > 1000:
        return ""
    values, counts = numpy.unique(flat, return_counts=True)
    if len(values) > _CLASSES:
        return ""
    return ", ".join(f"{values[i]}: {counts[i] / flat.size:.0%}" for i in range(len(values)))


def _sparse(matrix: Any) -> Found:
    cells = math.prod(matrix.shape)
    share = f", {matrix.nnz / cells:.2%} filled" if cells else ""
    return f"sparse {matrix.format} {shape_of(matrix.shape)}, {matrix.dtype}{share}", "", None


def _torch(tensor: Any) -> Found:
    parts = [
        f"tensor {shape_of(tuple(tensor.shape))}, {str(tensor.dtype).rpartition('.')[2]}, {tensor.device}"
    ]
    if tensor.requires_grad:
        parts.append("requires grad")
    # On a device, reading values would wait for it.
    if tensor.device.type == "cpu" and not tensor.is_sparse and 0 < tensor.numel() <= _MOST_SCANNED:
        parts += _values(tensor.detach().numpy(), False)
    return ", ".join(parts), "", int(tensor.numel() * tensor.element_size())
