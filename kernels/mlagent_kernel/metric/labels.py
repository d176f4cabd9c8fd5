"""Finds every place that holds the held-out labels, and shuffles all of them alike, in a process made for
that.

What follows the shuffled labels has read them. The places: the objects the metric names, whatever shares
their memory, and copies: columns and arrays with the same values under the same index or in the same order,
recodings of them (an encoder's output), and the rows of larger tables from which the labels were split off.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .holders import Holder, all_holders, holders, numpy

_MOST_CLASSES = 0.5
"""Share of distinct values up to which labels count as classes, whose recoding is a renaming."""
_ROUNDING = 1e-6
_SOME_ROWS = 1_000
_MOST_ROWS = 500_000
"""Larger tables are not searched row by row."""


@dataclass(frozen=True)
class Place:
    """Rows of one holder that hold the labels: `holder.values[positions[i]]` is label i, or its recoding."""

    holder: Holder
    positions: Any

    @property
    def variable(self) -> str:
        return self.holder.path.partition(".")[0].partition("[")[0]


def find(
    namespace: Mapping[str, Any], truth: tuple[str, ...], columns: Mapping[str, frozenset[str]] | None = None
) -> list[Place]:
    """Every place found; empty when the labels are no arrays (a data loader, a generator).

    `columns`: of a table among `truth`, the columns that are labels, where it holds features too: shuffled
    with them, an honest model would follow.
    """
    if numpy() is None:
        return []
    everything = all_holders(namespace)
    alignments: dict[int, list[tuple[int, Any]]] = {}
    places: list[Place] = []
    for name in truth:
        wanted = {f"{name}[{column!r}]" for column in (columns or {}).get(name, ())}
        found = list(holders(name, namespace.get(name), 1, set()))
        if wanted & {label.path for label in found}:
            found = [label for label in found if label.path in wanted]
        for label in found:
            if _codes(label.values) is None:
                continue
            count = len(label.values)
            if count not in alignments:
                alignments[count] = list(_alignments(count, everything))
            for holder, positions in _matches(label, everything, alignments[count]):
                places.append(Place(holder, positions))
    return places


def shuffle(places: list[Place], seed: int) -> None:
    """Permute the labels in every place, in the holders' own memory; labels of one length by one
    permutation.
    """
    changes = []
    for place in places:
        order = list(range(len(place.positions)))
        random.Random(seed).shuffle(order)
        changes.append((place, place.holder.values[place.positions[numpy().asarray(order)]].copy()))
    for place, values in changes:
        place.holder.write(place.positions, values)


def _matches(
    label: Holder, everything: list[Holder], alignments: list[tuple[int, Any]]
) -> Iterator[tuple[Holder, Any]]:
    """Each holder of the label with the positions of its rows there."""
    np = numpy()
    count = len(label.values)
    straight = np.arange(count)
    for holder in everything:
        values = holder.values
        if len(values) == count:
            if _recodes(label.values, values):
                yield holder, straight
        elif len(values) > count and values.ndim == 1:
            candidates = [found for found in (_by_index(holder, label),) if found is not None]
            candidates += [positions for length, positions in alignments if length == len(values)]
            for positions in candidates:
                if _recodes(label.values, values[positions]):
                    yield holder, positions
                    break


def _by_index(holder: Holder, label: Holder) -> Any | None:
    if holder.index is None or label.index is None or not holder.index.is_unique:
        return None
    positions = holder.index.get_indexer(label.index)
    return None if (positions < 0).any() else positions


def _alignments(count: int, everything: list[Holder]) -> Iterator[tuple[int, Any]]:
    """(rows of a larger table, positions in it) wherever `count` rows were split off one: told by equal rows
    of tables, images or texts, and by the row numbers that pandas keeps through a split.
    """
    tables = [holder.values for holder in everything if _identifies_rows(holder.values)]
    for small in tables:
        if len(small) != count:
            continue
        for large in tables:
            if count < len(large) <= _MOST_ROWS and large.shape[1:] == small.shape[1:]:
                positions = _rows_in(small, large)
                if positions is not None:
                    yield len(large), positions
    lengths = {len(holder.values) for holder in everything if len(holder.values) > count}
    for index in _indexes(count, everything):
        numbers = index.to_numpy()
        if numbers.dtype.kind in "iu" and numbers.min() >= 0:
            yield from ((length, numbers) for length in lengths if numbers.max() < length)


def _identifies_rows(values: Any) -> bool:
    """Whether equal rows of two such arrays are probably the same row of data."""
    if values.ndim == 1:
        return values.dtype.kind in "OU" and _is_text(values)
    return bool(values[0].size > 1)


def _is_text(values: Any) -> bool:
    first = values[0]
    return isinstance(first, str) and len(set(values[:_SOME_ROWS].tolist())) > _MOST_CLASSES * min(
        len(values), _SOME_ROWS
    )


def _indexes(count: int, everything: list[Holder]) -> list[Any]:
    """The different pandas indexes of `count` rows."""
    found: list[Any] = []
    for holder in everything:
        index = holder.index
        if index is None or len(index) != count or any(index is other for other in found):
            continue
        if not any(index.equals(other) for other in found):
            found.append(index)
    return found


def _rows_in(small: Any, large: Any) -> Any | None:
    """Where the rows of one table stand in another; None unless all do. Equal rows are taken in order."""
    if small.ndim == large.ndim == 1:
        keys, wanted = large.tolist(), small.tolist()
    else:
        try:
            wanted = [row.tobytes() for row in small.astype(large.dtype, copy=False)]
        except (TypeError, ValueError):
            return None
        keys = [row.tobytes() for row in large]
    where: dict[Any, list[int]] = {}
    try:
        for position in range(len(keys) - 1, -1, -1):
            where.setdefault(keys[position], []).append(position)
    except TypeError:  # objects that cannot be looked up
        return None
    positions = []
    for row in wanted:
        found = where.get(row)
        if not found:
            return None
        positions.append(found.pop() if len(found) > 1 else found[0])
    return numpy().asarray(positions)


def _recodes(label: Any, other: Any) -> bool:
    """Whether two arrays of equal length tell the same labels apart: equal, renamed, one-hot or rescaled."""
    try:
        first, second = _codes(label), _codes(other)
    except (TypeError, ValueError):
        return False
    if first is None or second is None or first.max() != second.max():
        return False
    if first.max() + 1 <= _MOST_CLASSES * len(first):
        return _same_partition(first, second)
    # Nearly all values differ (a regression target), so any two such columns rename each other.
    return _rescales(label.reshape(-1), other.reshape(-1))


def _rescales(label: Any, other: Any) -> bool:
    """Whether one is a linear function of the other, or of its logarithm, exponential, root or square.

    The same order alone says nothing: a target that grows with time has that of every clock.
    """
    np = numpy()
    if label.dtype.kind not in "iuf" or other.dtype.kind not in "iuf":
        return bool((label == other).all()) if label.dtype.kind == other.dtype.kind else False
    first, second = label.astype("float64"), other.astype("float64")
    with np.errstate(all="ignore"):
        for change in (lambda v: v, np.log, np.log1p, np.exp, np.expm1, np.sqrt, np.square):
            changed = change(first)
            usable = np.isfinite(changed).all() and np.ptp(changed) and np.ptp(second)
            if usable and abs(np.corrcoef(changed, second)[0, 1]) > 1 - _ROUNDING:
                return True
    return False


def _codes(array: Any) -> Any:
    """Each row's rank among the distinct values; None for arrays that cannot be labels."""
    np = numpy()
    if array.ndim > 2 or array.shape[0] < 2:
        return None
    if array.ndim == 2 and array.shape[1] > 1:
        codes = np.unique(array, axis=0, return_inverse=True)[1].reshape(-1)
        return codes if 0 < codes.max() < _MOST_CLASSES * len(codes) else None
    flat = array.reshape(-1)
    if flat.dtype.kind == "O":
        flat = flat.astype(str)
    codes = np.unique(flat, return_inverse=True)[1].reshape(-1)
    return codes if codes.max() > 0 else None


def _same_partition(first: Any, second: Any) -> bool:
    """Whether two codings are renamings of each other: as many pairs of codes as codes."""
    pairs = numpy().unique(first.astype("int64") * (int(second.max()) + 1) + second)
    return bool(len(pairs) == first.max() + 1 == second.max() + 1)
