"""The trial's side: objects of the cell as bytes for the judge.

One file carries everything: a JSON header line, then one pickle for each name. Tensors travel as plain
numbers (pickling them would call into torch's loader), and what the notebook defined travels by name, as
long as the cell left it alone.
"""

from __future__ import annotations

import io
import os
import pickle
import types
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from .kinds import Kind, is_instance, kind_of, loaded

MAX_BYTES = 256 << 20
"""Of all objects together. Larger models and inputs stay in the trial, which then evaluates their part."""


_PLAIN = frozenset({str, int, float, bool, bytes, list, dict, tuple, type(None)})
_LARGE_BYTES = 32 << 20
"""From here on, summing up data before and after the cell is cheaper than sending it unchanged."""


class TooLargeError(Exception):
    """More bytes than the judge takes."""


class ForeignError(Exception):
    """Something that only the cell knows: a class or function it defined or replaced."""


class _Bounded(io.RawIOBase):
    """A file that refuses to grow beyond a limit."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self._descriptor = descriptor
        self._left = limit

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._left -= len(view)
        if self._left < 0:
            raise TooLargeError
        written = 0
        while written < len(view):
            written += os.write(self._descriptor, view[written:])
        return written


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, notebook: Mapping[int, str]) -> None:
        super().__init__(file, protocol=5)
        self._notebook = notebook
        self._tensors = loaded("torch", "Tensor")

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) in _PLAIN:
            return None
        if self._tensors is not None and isinstance(obj, self._tensors):
            return _tensor_id(obj)
        if isinstance(obj, (types.FunctionType, type)) and obj.__module__ == "__main__":
            name = self._notebook.get(id(obj))
            if name is None:
                raise ForeignError(f"`{obj.__qualname__}` is defined by the cell")
            return ("notebook", name)
        return None


def _tensor_id(tensor: Any) -> tuple[Any, ...]:
    parameter = loaded("torch.nn", "Parameter")
    plain = tensor.detach().cpu().contiguous()
    raw = (
        plain.view(loaded("torch", "uint8"))
        if plain.dim()
        else plain.reshape(1).view(loaded("torch", "uint8"))
    )
    return (
        "tensor",
        str(tensor.dtype).rpartition(".")[2],
        tuple(tensor.shape),
        raw.numpy().tobytes(),
        bool(tensor.requires_grad),
        isinstance(parameter, type) and isinstance(tensor, parameter),
    )


def notebook_definitions(namespace: Mapping[str, Any]) -> dict[int, str]:
    """Functions and classes that the notebook defined so far: identity to the name they are bound to.

    Taken in the trial before the cell runs; the objects stay alive in the judge's memory, by the same name.
    """
    return {
        id(value): name
        for name, value in list(namespace.items())
        if isinstance(value, (types.FunctionType, type)) and value.__module__ == "__main__"
    }


def fingerprint(value: Any) -> tuple[Any, ...] | None:
    """Type, shape and checksums of a large array or table; None for anything small or of another kind."""
    if is_instance(value, ("numpy", "ndarray")):
        arrays = [value]
    elif is_instance(value, ("pandas", "DataFrame"), ("pandas", "Series")):
        arrays = [block.values for block in value._mgr.blocks]
    else:
        return None
    plain = [a for a in arrays if is_instance(a, ("numpy", "ndarray")) and not a.dtype.hasobject]
    if len(plain) < len(arrays) or sum(a.nbytes for a in plain) < _LARGE_BYTES:
        return None
    sums = tuple(zlib.adler32(memoryview(_contiguous(a)).cast("B")) for a in plain)
    labels = tuple(str(name) for name in getattr(value, "columns", ()))
    return type(value), value.shape, labels, tuple(str(a.dtype) for a in plain), sums


def _contiguous(array: Any) -> Any:
    if array.flags.c_contiguous:
        return array
    return array.T if array.flags.f_contiguous else array.copy()


def ship(
    descriptor: int,
    namespace: Mapping[str, Any],
    names: Iterable[str],
    notebook: Mapping[int, str],
    before: Mapping[str, tuple[Any, ...] | None] | None = None,
) -> dict[str, Any]:
    """Pickle the objects bound to `names` into the file, from its start; returns what was done.

    `sizes`: bytes of each pickle, in order; `missing`: names the cell did not bind; `away`: names whose
    object cannot travel, with the reason; `references`: functions and modules by import path.
    """
    # Never truncated, which the guard of audit hooks refuses: nobody reads beyond the sizes that are told.
    os.lseek(descriptor, 0, os.SEEK_SET)
    sizes: dict[str, int] = {}
    missing: list[str] = []
    away: dict[str, str] = {}
    references: dict[str, list[str]] = {}
    left = MAX_BYTES
    for name in names:
        if name not in namespace:
            missing.append(name)
            continue
        value = namespace[name]
        if kind_of(value) in (Kind.CALLABLE, Kind.MODULE):
            references[name] = _reference(value)
            continue
        known = (before or {}).get(name)
        if known is not None and fingerprint(value) == known:
            continue
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
        reason = _pickle(descriptor, left, value, notebook)
        if reason:
            os.lseek(descriptor, start, os.SEEK_SET)
            away[name] = reason
        else:
            sizes[name] = os.lseek(descriptor, 0, os.SEEK_CUR) - start
            left -= sizes[name]
    return {"sizes": sizes, "missing": missing, "away": away, "references": references}


def _pickle(descriptor: int, limit: int, value: Any, notebook: Mapping[int, str]) -> str:
    """Append one pickle; why it could not be made, or nothing."""
    try:
        with io.BufferedWriter(_Bounded(descriptor, limit), 1 << 20) as file:
            _Pickler(file, notebook).dump(value)
    except TooLargeError:
        return f"it is larger than {MAX_BYTES >> 20} MB"
    except ForeignError as error:
        return str(error)
    except BaseException as error:  # a model's own pickling code may raise anything
        return f"it cannot be pickled ({type(error).__name__})"
    return ""


def _reference(value: Any) -> list[str]:
    if isinstance(value, types.ModuleType):
        return [str(value.__name__), ""]
    return [str(getattr(value, "__module__", "")), str(getattr(value, "__qualname__", ""))]
