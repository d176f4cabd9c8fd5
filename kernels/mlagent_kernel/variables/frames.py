"""pandas and polars tables: shape, types, missing values, class balance, a few values."""

from __future__ import annotations

from typing import Any

from .description import Description, clip, known

_SAMPLE_ROWS = 20_000
"""Large tables are looked at by their first rows; counts of a sample are marked with `~`."""
_SHOWN_COLUMNS = 30
_FEW_VALUES = 12


def describe(value: Any) -> Description | None:
    if known(value, "pandas", "DataFrame"):
        return _frame(value)
    if known(value, "pandas", "Series"):
        return _series(value)
    if known(value, "pandas", "Index"):
        return Description(f"{type(value).__name__} of {len(value)}, dtype {value.dtype}")
    if known(value, "polars", "DataFrame"):
        kinds = ", ".join(f"{name}: {kind}" for name, kind in list(value.schema.items())[:_SHOWN_COLUMNS])
        return Description(f"polars DataFrame {value.shape[0]} x {value.shape[1]}", clip(kinds, 400))
    return None


def _frame(frame: Any) -> Description:
    rows, columns = frame.shape
    head = frame.iloc[:_SAMPLE_ROWS]
    missing = head.isna().sum()
    holes = int(missing.sum())
    kinds = frame.dtypes.astype(str).value_counts()
    types = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    mark = "~" if rows > _SAMPLE_ROWS else ""
    summary = f"DataFrame {rows} x {columns} ({types}; {_missing(holes, mark)})"
    names = [str(name) for name in frame.columns[:_SHOWN_COLUMNS]]
    lines = [_column(head.iloc[:, position], name, mark) for position, name in enumerate(names)]
    if columns > _SHOWN_COLUMNS:
        lines.append(f"… and {columns - _SHOWN_COLUMNS} more columns")
    return Description(summary, "\n".join(lines), _bytes(frame))


def _column(column: Any, name: str, mark: str) -> str:
    holes = int(column.isna().sum())
    note = f", {_missing(holes, mark)}" if holes else ""
    return f"{clip(name, 40)}: {column.dtype}{note}, {_values(column, mark)}"


def _series(series: Any) -> Description:
    head = series.iloc[:_SAMPLE_ROWS]
    mark = "~" if len(series) > _SAMPLE_ROWS else ""
    name = f" '{clip(str(series.name), 30)}'" if series.name is not None else ""
    holes = _missing(int(head.isna().sum()), mark)
    summary = f"Series{name} of {len(series)}, {series.dtype}, {holes}, {_values(head, mark)}"
    return Description(summary, bytes=_bytes(series))


def _values(column: Any, mark: str) -> str:
    """Class balance of a column with few values, else its range or some values."""
    if column.dtype.kind in "OSUb" or str(column.dtype) in ("category", "str", "string"):
        return _balance(column, mark)
    if column.dtype.kind in "iu" and column.nunique() <= _FEW_VALUES:
        return _balance(column, mark)
    if column.dtype.kind in "iufM" and column.notna().any():
        low, high = column.min(), column.max()
        return f"{low:.4g} to {high:.4g}" if column.dtype.kind in "iuf" else f"{low} to {high}"
    return "no values" if not column.notna().any() else "values"


def _balance(column: Any, mark: str) -> str:
    try:
        counts = column.value_counts()
    except TypeError:  # unhashable values
        return "objects"
    shown = ", ".join(f"{clip(str(value), 20)}: {mark}{count}" for value, count in counts[:5].items())
    more = f", … {len(counts)} values" if len(counts) > 5 else ""
    return f"{{{shown}{more}}}"


def _missing(holes: int, mark: str) -> str:
    return f"{mark}{holes} missing" if holes else "none missing"


def _bytes(value: Any) -> int:
    usage = value.memory_usage(index=False, deep=False)
    return int(usage if isinstance(usage, int) else usage.sum())
