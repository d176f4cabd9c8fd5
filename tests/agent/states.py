"""Notebook states for tests of the prompt and its parts."""

from __future__ import annotations

from typing import Any

from jupyter_mlagent.records import Cell, Direction, Metric, State, Task, Variable

EXPRESSION = "accuracy_score(y_val, model.predict(X_val))"
TASK = Task(metric=Metric(expression=EXPRESSION, direction=Direction.MAXIMIZE, origin="printed in cell 4"))


def code(source: str, *outputs: dict[str, Any], id: str = "") -> Cell:
    return Cell(id=id or source[:24], kind="code", source=source, outputs=outputs)


def note(source: str) -> Cell:
    return Cell(id=source[:24], kind="markdown", source=source)


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data: Any) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


def raised(name: str, value: str, *traceback: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": list(traceback)}


VARIABLES = (
    Variable(name="pd", type="module", summary="module pandas"),
    Variable(name="SVC", type="ABCMeta", summary="class sklearn.svm.SVC"),
    Variable(
        name="df",
        type="DataFrame",
        summary="DataFrame 500 x 3 (2 float64, 1 str)",
        detail="a: float64, 0 to 1",
    ),
    Variable(name="X_train", type="DataFrame", summary="DataFrame 400 x 2 (2 float64; none missing)"),
    Variable(name="X_val", type="DataFrame", summary="DataFrame 100 x 2 (2 float64; none missing)"),
    Variable(name="y_train", type="Series", summary="Series of 400, int64, none missing, {0: 210, 1: 190}"),
    Variable(name="y_val", type="Series", summary="Series of 100, int64, none missing, {0: 52, 1: 48}"),
    Variable(name="model", type="SVC", summary="SVC(C=0.1), fitted"),
)
CELLS = (
    note("# Churn\nWho leaves next month?"),
    code("import pandas as pd\nfrom sklearn.svm import SVC\nfrom sklearn.metrics import accuracy_score"),
    code("df = pd.read_csv('churn.csv')\nX_train, X_val, y_train, y_val = split(df)"),
    code(
        "model = SVC(C=0.1).fit(X_train, y_train)\nprint(accuracy_score(y_val, model.predict(X_val)))",
        printed("0.81\n"),
    ),
)
STATE = State(notebook="churn.ipynb", cells=CELLS, variables=VARIABLES, metric_value=0.81)


def state(*cells: Cell, variables: tuple[Variable, ...] = VARIABLES, value: float | None = 0.81) -> State:
    return State(notebook="churn.ipynb", cells=cells, variables=variables, metric_value=value)
