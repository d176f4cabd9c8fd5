"""Tables and their columns: shape, types, missing values, balance of classes, a few values."""

from __future__ import annotations

from typing import Any

from ..metric.kinds import is_instance
from .plain import Found, short

_MOST_ROWS = 100_000
_MOST_COLUMNS = 60
_CLASSES = 12
_SAMPLES = 3


def describe(value: Any) -> Found:
    if is_instance(value, ("pandas", "DataFrame")):
        return _frame(value)
    if is_instance(value, ("pandas", "Series")):
        line = _column(_rows(value))
        return f"Series of {len(value)}, {line}", "", int(value.memory_usage(index=False))
    if is_instance(value, ("pandas", "Index")):
        return f"Index of {len(value)}, {value.dtype}", "", None
    if is_instance(value, ("polars", "DataFrame")):
        columns = ", ".join(f"{name} {dtype}" for name, dtype in list(value.schema.items())[:_MOST_COLUMNS])
        return f"polars table {value.height} rows x {value.width} columns: {columns}", "", None
    if is_instance(value, ("polars", "Series")):
        return f"polars column of {value.len()}, {value.dtype}", "", None
    return None


def _rows(value: Any) -> Any:
    """All rows, or evenly spread ones of a large table, without copying it."""
    count = len(value)
    return value if count <= _MOST_ROWS else value.iloc[:: count // _MOST_ROWS + 1]


def _frame(frame: Any) -> Found:
    rows, columns = frame.shape
    sample = _rows(frame)
    by_type: dict[str, int] = {}
    for dtype in frame.dtypes:
        by_type[str(dtype)] = by_type.get(str(dtype), 0) + 1
    types = ", ".join(f"{count} {name}" for name, count in by_type.items())
    lines, missing = [], 0
    for position in range(min(columns, _MOST_COLUMNS)):
        column = sample.iloc[:, position]
        absent = int(column.isna().sum())
        missing += absent > 0
        lines.append(f"{short(frame.columns[position]) or frame.columns[position]}: {_column(column)}")
    if columns > _MOST_COLUMNS:
        lines.append(f"... and {columns - _MOST_COLUMNS} more columns")
    gaps = f", missing values in {missing} columns" if missing else ", nothing missing"
    names = ", ".join(str(name)[:40] for name in frame.columns[:12]) + (", ..." if columns > 12 else "")
    size = int(frame.memory_usage(index=False).sum())
    return f"table {rows} rows x {columns} columns ({types}){gaps}; columns {names}", "\n".join(lines), size


def _column(column: Any) -> str:
    """`float64, 3% missing, 0.1 to 9.5, e.g. 0.2, 3.1` or `object, classes a: 70%, b: 30%`."""
    parts = [str(column.dtype)]
    present = column[column.notna()]
    if len(column) and len(present) < len(column):
        parts.append(f"{1 - len(present) / len(column):.1%} missing")
    if not len(present):
        return ", ".join(parts)
    counts = _class_counts(present)
    if counts:
        parts.append(f"classes {counts}")
    else:
        parts += _spread(present)
    return ", ".join(parts)


def _class_counts(present: Any) -> str:
    """Shares of each value, for columns of few distinct ones; lists and other odd cells have none."""
    if present.dtype.kind in "mM":
        return ""
    head = present.iloc[:200]
    if any(type(item).__hash__ is None or type(item).__module__ == "__main__" for item in head):
        return ""
    if head.nunique() > _CLASSES:
        return ""
    counts = present.value_counts(normalize=True)
    if len(counts) > _CLASSES or len(counts) > 0.5 * len(present):
        return ""
    return ", ".join(f"{_cell(value)}: {share:.0%}" for value, share in counts.items())


def _spread(present: Any) -> list[str]:
    examples = "e.g. " + ", ".join(_cell(item) for item in present.iloc[:_SAMPLES].tolist())
    if present.dtype.kind in "iuf":
        return [f"{present.min():.5g} to {present.max():.5g}", examples]
    if present.dtype.kind == "M":
        return [f"{present.min()} to {present.max()}"]
    return [examples]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if is_instance(value, ("pandas", "Timestamp"), ("pandas", "Timedelta"), ("numpy", "generic")):
        return str(value)
    return short(value) or "..."
