"""What a recipe has to know of the table that the model is given."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from jupyter_mlagent.agent.situation import Situation
from jupyter_mlagent.agent.source import parse_cell
from local_rl.environment.states import EnvState


@dataclass(frozen=True)
class Table:
    """What the model is given."""

    rows: int
    columns: int
    mixed: bool
    """Words or missing values, so that it has to be prepared first."""
    text: str = ""
    """Name of a column that a cell of the notebook vectorizes."""
    date: str = ""


def read_table(state: EnvState, situation: Situation) -> Table:
    """From the variable that the model is trained on, and the cells."""
    first = situation.trained_on[0] if situation.trained_on else ""
    variable = next((each for each in state.variables if each.name == first), None)
    summary, detail = (variable.summary, variable.detail) if variable is not None else ("", "")
    sizes = [int(number) for number in re.findall(r"\d+", summary)[:2]]
    rows, columns = (sizes[0], sizes[1]) if len(sizes) == 2 else (10_000, 20)
    dated = re.search(r"^(?P<name>\w*date\w*): (?:str|object|string|datetime)", detail, re.MULTILINE | re.I)
    return Table(
        rows=rows,
        columns=columns,
        mixed=not situation.plain_numbers,
        text=_vectorized_column(state) if situation.text else "",
        date=dated["name"] if dated else "",
    )


def _vectorized_column(state: EnvState) -> str:
    """`remarks` of `(CountVectorizer(), "remarks")` in a cell."""
    for cell in state.cells:
        module = parse_cell(cell.source) if cell.kind == "code" else None
        for node in ast.walk(module) if module is not None else ():
            match node:
                case ast.Tuple(elts=[ast.Call(func=ast.Name(id=name)), ast.Constant(value=str(column))]):
                    if name.endswith("Vectorizer"):
                        return column
    return ""
