"""The changes a step makes to a notebook, and undoing them."""

from __future__ import annotations

import math
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook import Gain, NotebookFile, open_notebook
from jupyter_mlagent.records import Direction, Metric, Operator

GAIN = Gain(
    operator=Operator.IMPROVE,
    plan="use a forest",
    metric=Metric(expression="score", direction=Direction.MAXIMIZE),
    before=0.5,
    after=0.75,
    seconds=1.5,
)


@pytest.fixture
def file(tmp_path: Path) -> NotebookFile:
    path = tmp_path / "book.ipynb"
    output = new_output("stream", name="stdout", text="1\n")
    cells = [
        new_markdown_cell("# Title", id="title"),
        new_code_cell("a = 1", id="a", outputs=[output], execution_count=1, metadata={"tags": ["keep"]}),
        new_code_cell("b = 2", id="b"),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    return open_notebook(path)


def sources(file: NotebookFile) -> list[str]:
    return [cell.source for cell in file.cells]


def valid(file: NotebookFile) -> None:
    file.save()
    nbformat.validate(nbformat.read(file.path, as_version=4))


def test_a_cell_goes_after_the_one_named(file):
    new = file.insert_after("a", "c = 3")
    assert sources(file) == ["# Title", "a = 1", "c = 3", "b = 2"]
    assert file.cells[2].id == new
    valid(file)


def test_without_a_name_it_goes_to_the_top(file):
    file.insert_after(None, "c = 3")
    assert sources(file)[0] == "c = 3"


def test_a_replaced_cell_keeps_its_id_place_and_tags_and_loses_its_outputs(file):
    file.replace("a", "a = 10")
    cell = file.cells[1]
    assert (cell.id, cell.source, cell.outputs, cell.execution_count) == ("a", "a = 10", (), None)
    assert file.node.cells[1].metadata.tags == ["keep"]
    valid(file)


@pytest.mark.parametrize("change", ["replace", "remove"])
def test_a_change_can_be_undone(file, change):
    before = file.cells
    removed = file.replace("a", "a = 10", gain=GAIN) if change == "replace" else file.remove("a")
    assert file.cells != before
    file.put_back(removed)
    assert file.cells == before
    assert file.gain("a") is None


def test_a_removed_cell_comes_back_also_when_the_notebook_became_shorter(file):
    removed = file.remove("b")
    file.remove("a")
    file.put_back(removed)
    assert sources(file) == ["# Title", "b = 2"]


def test_what_a_run_produced_is_stored_in_the_node(file):
    outputs = [{"output_type": "stream", "name": "stdout", "text": "hello\n"}]
    file.attach_outputs("b", outputs, execution_count=7)
    outputs[0]["text"] = "changed by the caller"
    assert file.cells[2].outputs[0]["text"] == "hello\n"
    assert file.cells[2].execution_count == 7
    valid(file)


def test_the_measured_gain_stays_with_the_cell(file):
    new = file.insert_after("b", "c = 3", gain=GAIN)
    file.save()
    again = open_notebook(file.path)
    assert again.gain(new) == GAIN
    assert again.node.cells[3].metadata.mlagent.after == 0.75


def test_a_metric_that_could_not_be_read_is_stored_as_null_not_as_nan(file):
    gain = Gain(operator=Operator.DEBUG, plan="", metric=None, before=math.nan, after=math.inf, seconds=0.0)
    new = file.insert_after("b", "c = 3", gain=gain)
    file.save()
    assert "NaN" not in file.path.read_text()
    assert open_notebook(file.path).gain(new).before is None


def test_metadata_of_another_meaning_is_no_gain(file):
    file.node.cells[1].metadata["mlagent"] = {"theirs": True}
    assert file.gain("a") is None


def test_a_cell_that_is_not_there_is_named(file):
    for change in (file.remove, file.gain, lambda name: file.insert_after(name, "x")):
        with pytest.raises(NotebookError, match="no cell with the id gone"):
            change("gone")


def test_text_cells_are_not_replaced_by_code(file):
    with pytest.raises(NotebookError, match="not a code cell"):
        file.replace("title", "x = 1")
    assert sources(file)[0] == "# Title"
