"""The table that the model is trained on: its size, its columns, and how far the notebook prepares it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent.names import names_of
from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.records import Cell, Variable

NEARLY_ALL = 0.8
"""Share of the columns from which on a preparation is taken to be whole."""


@dataclass(frozen=True)
class Table:
    rows: int = 0
    """0 where they are not known."""
    columns: int = 0
    text: str = ""
    """Name of a column that a cell of the notebook vectorizes."""
    date: str = ""
    """Name of a column of dates that are not numbers."""
    covered: bool = False
    """Whether the notebook's own preparation takes in all columns, or nearly, and fills what is missing."""


def read_table(
    cells: Sequence[Cell], variables: Mapping[str, Variable], name: str, preparation: str
) -> Table:
    """Of the variable `name`; `preparation`: the variable of the notebook's column transformer, or empty."""
    variable = variables.get(name)
    summary, detail = (variable.summary, variable.detail) if variable is not None else ("", "")
    sizes = re.search(r"\b(?P<rows>\d+)(?: rows)? x (?P<columns>\d+)\b", summary)
    rows, columns = (int(sizes["rows"]), int(sizes["columns"])) if sizes else (0, 0)
    dated = re.search(
        r"^'?(?P<name>\w*date\w*)'?: (?:str|object|string|datetime)", detail, re.MULTILINE | re.I
    )
    return Table(
        rows=rows,
        columns=columns,
        text=_vectorized_column(cells),
        date=dated["name"] if dated else "",
        covered=bool(preparation) and _covers(preparation, cells, variables, columns, has_gaps(summary)),
    )


def has_gaps(summary: str) -> bool:
    """Whether a variable's summary tells of missing values."""
    return bool(re.search(r"\bmissing\b|\bNaN\b", re.sub(r"\b(?:none|nothing) missing\b", "", summary)))


def _vectorized_column(cells: Sequence[Cell]) -> str:
    """`remarks` of `(CountVectorizer(), "remarks")` in a cell."""
    for cell in cells:
        module = parse_cell(cell.source) if cell.kind == "code" else None
        for node in ast.walk(module) if module is not None else ():
            match node:
                case ast.Tuple(elts=[ast.Call(func=ast.Name(id=name)), ast.Constant(value=str(column))]):
                    if name.endswith("Vectorizer"):
                        return column
    return ""


def _covers(
    preparation: str, cells: Sequence[Cell], variables: Mapping[str, Variable], columns: int, gaps: bool
) -> bool:
    """By what the cell that last made the preparation says of columns; True where that cannot be told."""
    made = (cell for cell in reversed(cells) if cell.kind == "code" and not cell.errored)
    for cell in made:
        if preparation not in names_of(cell.source).bound:
            continue
        module = parse_cell(cell.source)
        values = [
            node.value
            for node in (module.body if module is not None else ())
            if isinstance(node, ast.Assign) and preparation in map(ast.unparse, node.targets)
        ]
        if values:
            filled = not gaps or "Imputer" in ast.unparse(values[-1])
            return filled and _named_columns(values[-1], variables, columns) >= NEARLY_ALL * columns
    return True


def _named_columns(value: ast.expr, variables: Mapping[str, Variable], columns: int) -> int:
    """How many columns `make_column_transformer(...)` or `ColumnTransformer(...)` takes in; all of them where
    it selects by type or keeps the rest.
    """
    named = 0
    for node in ast.walk(value):
        match node:
            case ast.Call(func=ast.Name(id="make_column_selector")):
                return columns
            case ast.keyword(arg="remainder", value=kept):
                if ast.unparse(kept) != "'drop'":
                    return columns
            case ast.Tuple(elts=[*_, ast.List(elts=names)]):
                named += len(names)
            case ast.Tuple(elts=[*_, ast.Constant(value=str())]):
                named += 1
            case ast.Tuple(elts=[*_, ast.Name(id=name)]):
                size = re.match(
                    r"(?:list|Index|tuple) of (\d+)", variables[name].summary if name in variables else ""
                )
                named += int(size[1]) if size else columns
    return named
