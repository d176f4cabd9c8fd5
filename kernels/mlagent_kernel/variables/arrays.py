"""NumPy arrays, SciPy sparse matrices and torch tensors: shape, type, range, device."""

from __future__ import annotations

import sys
from typing import Any

from .description import Description, known

_SAMPLE = 200_000
"""Larger arrays are looked at by their first elements."""
_FEW_VALUES = 12


def describe(value: Any) -> Description | None:
    if known(value, "numpy", "ndarray"):
        return Description(_ndarray(value), bytes=int(value.nbytes))
    if known(value, "numpy", "generic"):
        return Description(f"{type(value).__name__} {value!s}")
    if known(value, "scipy", "_spbase") or known(value, "scipy", "spmatrix"):
        return Description(f"sparse {type(value).__name__} {value.shape}, {value.dtype}, {value.nnz} stored")
    if known(value, "torch", "Tensor"):
        # Values may live on a device: reading them would wait for it.
        grad = ", requires grad" if value.requires_grad else ""
        return Description(f"Tensor {tuple(value.shape)}, {value.dtype}, on {value.device}{grad}")
    return None


def _ndarray(array: Any) -> str:
    words = f"array {array.shape}, {array.dtype}"
    if array.size == 0:
        return f"{words}, empty"
    flat = array.reshape(-1)[:_SAMPLE] if array.flags.c_contiguous else array.flat[:_SAMPLE]
    if array.dtype.kind in "iub":
        return f"{words}, {_integers(flat)}"
    if array.dtype.kind == "f":
        numpy = sys.modules["numpy"]
        finite = flat[numpy.isfinite(flat)]
        holes = flat.size - finite.size
        note = f", {holes} not finite" if holes else ""
        return (
            f"{words}, {finite.min():.4g} to {finite.max():.4g}{note}"
            if finite.size
            else f"{words}, no values"
        )
    return words


def _integers(flat: Any) -> str:
    numpy = sys.modules["numpy"]
    values, counts = numpy.unique(flat, return_counts=True)
    if len(values) <= _FEW_VALUES:
        pairs = list(zip(values.tolist(), counts.tolist()))[:5]  # noqa: B905 - Python 3.9
        shown = ", ".join(f"{value}: {count}" for value, count in pairs)
        return f"{{{shown}{', …' if len(values) > 5 else ''}}}"
    return f"{flat.min()} to {flat.max()}"
