"""The arrays in a namespace, wherever they are kept, each with a way to overwrite some of its rows in
place.
"""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .kinds import is_instance

_DEPTH = 3
_MOST_ITEMS = 2000
_MOST_HOLDERS = 20_000
_FOREIGN = ("IPython", "ipykernel", "traitlets", "matplotlib", "zmq", "tornado", "asyncio")
_KINDS = "biufcSUOmM"


def numpy() -> Any:
    """NumPy, if the notebook uses it; without it there are no arrays to find."""
    return sys.modules.get("numpy")


@dataclass(frozen=True)
class Holder:
    """One array. `values` shows it as NumPy; `owner` is the object to write to where that is no view of
    it.
    """

    path: str
    """How to reach it, e.g. `frames['train']['target']`; starts with the variable's name."""
    values: Any
    index: Any = None
    """The pandas index of its rows."""
    owner: Any = None

    def write(self, positions: Any, values: Any) -> None:
        """Overwrite rows in place, read-only or not: for processes made to be changed."""
        if isinstance(self.owner, list):
            for index, position in enumerate(positions.tolist()):
                self.owner[position] = values[index].item()
        elif self.owner is not None:
            whole = self.values.copy()
            whole[positions] = values
            arrow = self.owner._pa_array
            self.owner._pa_array = sys.modules["pyarrow"].chunked_array([whole.tolist()], type=arrow.type)
        else:
            _writable(self.values)[positions] = values


def all_holders(namespace: Mapping[str, Any]) -> list[Holder]:
    """Those of all variables but IPython's own; at most a few thousand, nearest first."""
    seen: set[int] = set()
    found = (
        holder
        for name, value in list(namespace.items())
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
        for holder in holders(name, value, _DEPTH, seen)
    )
    return list(islice(found, _MOST_HOLDERS))


def holders(path: str, value: Any, depth: int, seen: set[int]) -> Iterator[Holder]:
    """The arrays in a value: itself, columns of a frame, items of containers, attributes of simple
    objects.
    """
    if is_instance(value, ("pandas", "DataFrame")):
        for position in range(min(value.shape[1], _MOST_ITEMS)):
            yield from _of_column(path, value, position)
    elif is_instance(value, ("pandas", "Series")):
        yield from _of_pandas(path, value._mgr.blocks[0].values, value.index)
    elif is_instance(value, ("torch", "Tensor")):
        if str(value.device) == "cpu" and not value.is_sparse:
            yield from _of_array(path, value.detach().numpy())
    elif is_instance(value, ("numpy", "ndarray")):
        yield from _of_array(path, value)
    elif isinstance(value, list) and value and {type(item) for item in value} <= {int, float, str, bool}:
        if numpy() is None:  # a notebook of plain Python
            return
        yield Holder(path, numpy().asarray(value), owner=value)
    elif depth and id(value) not in seen:
        seen.add(id(value))
        for part, item in _items(value):
            yield from holders(f"{path}{part}", item, depth - 1, seen)


def _of_column(path: str, frame: Any, position: int) -> Iterator[Holder]:
    manager = frame._mgr
    block = manager.blocks[manager.blknos[position]].values
    if is_instance(block, ("numpy", "ndarray")):
        block = block[manager.blklocs[position]]
    yield from _of_pandas(f"{path}[{frame.columns[position]!r}]", block, frame.index)


def _of_pandas(path: str, values: Any, index: Any) -> Iterator[Holder]:
    """`values`: a block's NumPy array, or an extension array (masked, categorical, datetime, Arrow)."""
    if hasattr(values, "_pa_array"):
        yield Holder(path, values.to_numpy(dtype=object), index, values)
        return
    for attribute in ("", "_ndarray", "_data", "_codes"):
        array: Any = getattr(values, attribute, None) if attribute else values
        if is_instance(array, ("numpy", "ndarray")):
            array = array[0] if array.ndim == 2 and array.shape[0] == 1 else array
            if array.ndim == 1 and len(array) == len(index) and array.dtype.kind in _KINDS:
                yield Holder(path, array, index)
            return


def _of_array(path: str, array: Any) -> Iterator[Holder]:
    if array.ndim >= 1 and array.shape[0] > 1 and array.dtype.kind in _KINDS:
        yield Holder(path, array)
        if array.ndim == 2 and array.shape[1] <= _MOST_ITEMS:
            for position in range(array.shape[1]):
                yield Holder(f"{path}[:, {position}]", array[:, position])


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]"[:60], item) for key, item in list(value.items())[:_MOST_ITEMS])
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{position}]", item) for position, item in enumerate(value[:_MOST_ITEMS]))
    elif not isinstance(value, (type, types.FunctionType, types.ModuleType)):
        fields = getattr(value, "__dict__", None)
        if isinstance(fields, dict) and type(value).__module__.partition(".")[0] not in _FOREIGN:
            yield from ((f".{key}", item) for key, item in list(fields.items())[:_MOST_ITEMS])


def _writable(array: Any) -> Any:
    """The same memory as a writable array."""
    if array.flags.writeable:
        return array
    base = array
    while is_instance(base.base, ("numpy", "ndarray")):
        base = base.base
    try:
        base.flags.writeable = True
        owner = base
    except ValueError:  # its memory belongs to something else, which exported it as read-only
        owner = (ctypes.c_char * base.nbytes).from_address(base.__array_interface__["data"][0])
    offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return numpy().ndarray(array.shape, array.dtype, owner, offset, array.strides)
