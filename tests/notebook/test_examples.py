"""The example notebooks: complete, reproducible, with a metric that is found and room above the baseline."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from jupyter_mlagent.metrics import choose_metric
from jupyter_mlagent.notebook import open_notebook
from jupyter_mlagent.reward.reward import RewardConfig, relative_gain

EXAMPLES = Path(__file__).parents[2] / "examples"
METRICS = {
    "breast_cancer": "accuracy_score(y_val, model.predict(X_val))",
    "diabetes_progression": "mean_absolute_error(y_val, model.predict(X_val))",
    "handwritten_digits": "f1_score(y_val, model.predict(X_val), average='macro')",
}
STRONG = {
    "breast_cancer": """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)""",
    "diabetes_progression": """
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit(X_train, y_train)""",
    "handwritten_digits": """
from sklearn.svm import SVC
model = SVC().fit(X_train, y_train)""",
}
ROOM = 0.05
"""Relative gain of a model that anybody knows."""


def test_every_example_is_described_here_and_in_the_readme():
    names = {path.stem for path in EXAMPLES.glob("*.ipynb")}
    assert names == set(METRICS)
    assert all(f"`{name}.ipynb`" in (EXAMPLES / "README.md").read_text() for name in names)


@pytest.mark.parametrize("name", METRICS)
def test_is_valid_small_and_ships_its_outputs(name):
    path = EXAMPLES / f"{name}.ipynb"
    node = nbformat.read(path, as_version=4)
    nbformat.validate(node)
    assert (node.nbformat, node.nbformat_minor) == (4, 5)
    assert path.stat().st_size < 50_000
    counts = [cell.execution_count for cell in node.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("name", METRICS)
def test_its_metric_is_found_and_a_common_model_gets_it_clearly_better(name):
    notebook = open_notebook(EXAMPLES / f"{name}.ipynb")
    metric = choose_metric(notebook.cells)
    assert metric.expression == METRICS[name]
    node = nbformat.from_dict(notebook.node)
    printed = float(notebook.cells[-1].outputs[-1]["text"].split()[-1])
    measure = f"print({metric.expression})"
    node.cells += [new_code_cell(measure), new_code_cell(STRONG[name]), new_code_cell(measure)]
    NotebookClient(node, kernel_name=notebook.kernelspec).execute()
    before, after = (float(cell.outputs[0].text) for cell in (node.cells[-3], node.cells[-1]))
    assert before == pytest.approx(printed, rel=0.02)
    assert relative_gain(before, after, metric.direction, RewardConfig()) > ROOM
