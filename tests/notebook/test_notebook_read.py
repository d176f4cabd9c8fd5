"""Opening a notebook: what is read, and the one sentence for each thing that is wrong with it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook import NotebookFile, open_notebook
from jupyter_mlagent.notebook.read import check_language, parse_notebook
from jupyter_mlagent.notebook.record import OUTPUTS_PER_CELL, TEXT_CHARACTERS, clip_outputs
from jupyter_mlagent.notebook.write import Fingerprint, serialise
from jupyter_mlagent.records import Cell


def saved(folder: Path, *cells: Any, **metadata: Any) -> Path:
    path = folder / "book.ipynb"
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def raw(folder: Path, content: Any) -> Path:
    path = folder / "book.ipynb"
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(NotebookError) as caught:
        open_notebook(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


class TestReading:
    def test_cells_become_records_in_order(self, tmp_path):
        output = new_output("stream", name="stdout", text="0.9\n")
        path = saved(
            tmp_path,
            new_markdown_cell("# Title", id="intro"),
            new_code_cell("a = 1\nprint(a)", id="code", outputs=[output], execution_count=3),
        )
        assert open_notebook(path).cells == (
            Cell(id="intro", kind="markdown", source="# Title"),
            Cell(
                id="code",
                kind="code",
                source="a = 1\nprint(a)",
                outputs=({"output_type": "stream", "name": "stdout", "text": "0.9\n"},),
                execution_count=3,
            ),
        )

    def test_the_state_names_the_notebook_and_holds_its_cells(self, tmp_path):
        file = open_notebook(saved(tmp_path, new_code_cell("x")))
        state = file.state(metric_value=0.5)
        assert (state.notebook, state.cells, state.metric_value) == (str(file.path), file.cells, 0.5)

    def test_an_empty_notebook_has_no_cells(self, tmp_path):
        assert open_notebook(saved(tmp_path)).cells == ()

    def test_a_byte_order_mark_is_accepted(self, tmp_path):
        path = saved(tmp_path, new_code_cell("é = 1"))
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert open_notebook(path).cells[0].source == "é = 1"

    def test_nan_in_an_output_s_json_is_read_and_written_again(self, tmp_path):
        output = new_output("display_data", data={"application/json": {"loss": float("nan")}})
        path = saved(tmp_path, new_code_cell("x", outputs=[output]))
        assert "NaN" in path.read_text()
        open_notebook(path).save()
        assert "NaN" in path.read_text()

    def test_half_an_emoji_is_read_and_written_again(self, tmp_path):
        content = new_notebook(cells=[new_code_cell("x")])
        content.cells[0].source = ["s = '\ud83d'"]
        path = raw(tmp_path, content)
        file = open_notebook(path)
        file.save()
        assert open_notebook(path).cells == file.cells
        assert file.node.cells[0].source == "s = '\ud83d'"
        # Records cross a process and a WebSocket as UTF-8, which has no half characters.
        assert file.cells[0].source == "s = '?'"

    def test_a_newer_minor_format_with_unknown_parts_is_read(self, tmp_path):
        cell = {**new_code_cell("x"), "from_the_future": {"a": 1}}
        path = raw(tmp_path, {"nbformat": 4, "nbformat_minor": 99, "metadata": {}, "cells": [cell]})
        file = open_notebook(path)
        file.save()
        assert json.loads(path.read_text())["cells"][0]["from_the_future"] == {"a": 1}

    def test_missing_parts_that_say_nothing_are_filled_in(self, tmp_path):
        cell = {"cell_type": "code", "source": ["x = 1\n", "y"]}
        path = raw(tmp_path, {"nbformat": 4, "nbformat_minor": 5, "cells": [cell]})
        file = open_notebook(path)
        assert (file.cells[0].source, file.cells[0].outputs) == ("x = 1\ny", ())
        file.save()
        nbformat.validate(nbformat.read(path, as_version=4))

    def test_the_kernelspec_is_the_one_named_or_the_default(self, tmp_path):
        named = saved(tmp_path, kernelspec={"name": "conda-env", "display_name": "x", "language": "python"})
        assert open_notebook(named).kernelspec == "conda-env"
        assert open_notebook(saved(tmp_path)).kernelspec == "python3"


class TestIds:
    def old(self, folder: Path, *sources: str) -> Path:
        cells = [
            {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
            for source in sources
        ]
        return raw(folder, {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})

    def test_cells_of_older_formats_get_the_same_ids_at_every_reading(self, tmp_path):
        path = self.old(tmp_path, "a", "b", "a")
        ids = [cell.id for cell in open_notebook(path).cells]
        assert len(set(ids)) == 3
        assert [cell.id for cell in open_notebook(path).cells] == ids

    def test_an_inserted_cell_leaves_the_ids_of_the_others(self, tmp_path):
        before = [cell.id for cell in open_notebook(self.old(tmp_path, "a", "b")).cells]
        after = [cell.id for cell in open_notebook(self.old(tmp_path, "a", "new", "b")).cells]
        assert [after[0], after[2]] == before

    def test_they_are_not_written_since_older_formats_allow_none(self, tmp_path):
        path = self.old(tmp_path, "a", "b")
        file = open_notebook(path)
        file.insert_after(file.cells[0].id, "new")
        file.save()
        content = json.loads(path.read_text())
        assert content["nbformat_minor"] == 4
        assert all("id" not in cell for cell in content["cells"])
        assert file.cells[0].id == open_notebook(path).cells[0].id
        nbformat.validate(nbformat.read(path, as_version=4))

    def test_a_second_cell_with_the_same_id_gets_its_own(self, tmp_path):
        path = saved(tmp_path, new_code_cell("a", id="same"), new_code_cell("b"))
        text = path.read_text()
        path.write_text(text.replace(open_notebook(path).cells[1].id, "same"))
        first, second = (cell.id for cell in open_notebook(path).cells)
        assert first == "same" != second


class TestRecords:
    def test_images_stay_in_the_node_but_not_in_the_record(self, tmp_path):
        image = "iVBOR" * 100_000
        output = new_output("display_data", data={"image/png": image, "text/plain": "<Figure size 640x480>"})
        file = open_notebook(saved(tmp_path, new_code_cell("plot()", outputs=[output])))
        assert file.cells[0].outputs[0]["data"] == {"text/plain": "<Figure size 640x480>"}
        assert file.node.cells[0].outputs[0].data["image/png"] == image

    def test_an_output_without_text_is_named_by_its_types(self, tmp_path):
        output = new_output("display_data", data={"image/png": "iVBOR", "text/html": "<b>"})
        file = open_notebook(saved(tmp_path, new_code_cell("plot()", outputs=[output])))
        assert file.cells[0].outputs[0]["data"] == {"text/plain": "[image/png, text/html]"}

    def test_of_a_long_stream_head_and_tail_are_kept(self, tmp_path):
        text = "first\n" + "noise\n" * 100_000 + "score: 0.9\n"
        cell = new_code_cell("x", outputs=[new_output("stream", name="stdout", text=text)])
        clipped = open_notebook(saved(tmp_path, cell)).cells[0].outputs[0]["text"]
        assert clipped.startswith("first\n") and clipped.endswith("score: 0.9\n")
        assert "characters left out" in clipped
        assert len(clipped) <= TEXT_CHARACTERS

    def test_of_thousands_of_outputs_the_first_and_the_last_are_kept(self, tmp_path):
        outputs = [new_output("stream", name="stdout", text=f"{i}\n") for i in range(5000)]
        kept = open_notebook(saved(tmp_path, new_code_cell("x", outputs=outputs))).cells[0].outputs
        assert len(kept) == OUTPUTS_PER_CELL
        assert sum("outputs left out" in output["text"] for output in kept) == 1
        assert (kept[0]["text"], kept[-1]["text"]) == ("0\n", "4999\n")

    def test_an_error_keeps_its_name_and_the_ends_of_its_traceback(self, tmp_path):
        lines = ["Traceback", *["frame"] * 10_000, "ValueError: no"]
        output = new_output("error", ename="ValueError", evalue="no", traceback=lines)
        cell = open_notebook(saved(tmp_path, new_code_cell("x", outputs=[output]))).cells[0]
        assert cell.errored
        assert cell.outputs[0]["ename"] == "ValueError"
        assert cell.outputs[0]["traceback"][-1] == "ValueError: no"
        assert sum(map(len, cell.outputs[0]["traceback"])) <= TEXT_CHARACTERS

    def test_fifty_megabytes_of_outputs_become_a_small_state(self, tmp_path):
        outputs = [
            new_output("display_data", data={"image/png": "A" * 1_000_000, "text/plain": "<Figure>"})
            for _ in range(50)
        ]
        file = open_notebook(saved(tmp_path, new_code_cell("x", outputs=outputs)))
        assert file.path.stat().st_size > 50_000_000
        assert len(repr(file.state())) < 10_000


@settings(deadline=None)
@given(st.integers(0, 3 * TEXT_CHARACTERS), st.integers(0, 3 * OUTPUTS_PER_CELL))
def test_clipping_twice_is_clipping_once(characters, count):
    text = "".join(str(position % 10) for position in range(characters))
    outputs = [
        new_output("stream", name="stdout", text=text),
        new_output("error", ename="E", evalue=text, traceback=text.split("5")),
        *[new_output("display_data", data={"text/plain": str(number)}) for number in range(count)],
    ]
    once = clip_outputs(outputs)
    assert clip_outputs(once) == once


class TestRefusals:
    def test_a_missing_file(self, tmp_path):
        assert "no notebook" in refusal(tmp_path / "none.ipynb")

    def test_a_folder(self, tmp_path):
        assert "is a folder" in refusal(tmp_path)

    def test_a_named_pipe_is_not_waited_for(self, tmp_path):
        pipe = tmp_path / "pipe.ipynb"
        os.mkfifo(pipe)
        assert "not a regular file" in refusal(pipe)

    @pytest.mark.parametrize("data", [b"", b" \n"])
    def test_an_empty_file(self, tmp_path, data):
        assert "empty file" in refusal(raw(tmp_path, data))

    def test_text_that_is_not_json_names_the_line(self, tmp_path):
        assert "line 2" in refusal(raw(tmp_path, b'{"cells":\n oops'))

    def test_a_truncated_notebook(self, tmp_path):
        path = saved(tmp_path, new_code_cell("x"))
        assert "not JSON" in refusal(raw(tmp_path, path.read_bytes()[:-20]))

    def test_unresolved_merge_conflicts(self, tmp_path):
        assert "merge conflicts" in refusal(raw(tmp_path, b'{\n<<<<<<< HEAD\n"cells": []\n=======\n'))

    def test_bytes_that_are_not_utf_8(self, tmp_path):
        path = saved(tmp_path, new_code_cell("'prix: 10 €'"))
        path.write_bytes(path.read_text().encode("cp1252"))
        assert "not UTF-8" in refusal(path)

    @pytest.mark.parametrize("content", [[], 3, "text", None, {}, {"cells": []}])
    def test_json_that_is_not_a_notebook(self, tmp_path, content):
        assert "not a notebook" in refusal(raw(tmp_path, content))

    def test_nesting_without_end(self, tmp_path):
        deep = b'{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": {"a": %s}}'
        assert "nested" in refusal(raw(tmp_path, deep % (b"[" * 50_000 + b"]" * 50_000)))

    def test_nbformat_3_says_how_to_convert(self, tmp_path):
        content = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}
        assert "jupyter nbconvert --to notebook --nbformat 4" in refusal(raw(tmp_path, content))

    def test_a_newer_major_format(self, tmp_path):
        content = {"nbformat": 5, "nbformat_minor": 0, "metadata": {}, "cells": []}
        assert "newer" in refusal(raw(tmp_path, content))

    @pytest.mark.parametrize(
        "metadata",
        [
            {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
            {"language_info": {"name": "R"}},
        ],
    )
    def test_another_language_is_named(self, tmp_path, metadata):
        assert "written in R;" in refusal(saved(tmp_path, new_code_cell("x <- 1"), **metadata))

    @pytest.mark.parametrize(
        ("cell", "where"),
        [
            ("text", "cell 2 is not an object"),
            ({"source": "x"}, "cell 2 has the type None"),
            ({"cell_type": "heading", "source": "x"}, "cell 2 has the type 'heading'"),
            ({"cell_type": "code"}, "cell 2 has no text in 'source'"),
            ({"cell_type": "code", "source": [1]}, "cell 2 has no text in 'source'"),
            ({"cell_type": "code", "source": "x", "metadata": []}, "cell 2 has 'metadata'"),
            ({"cell_type": "code", "source": "x", "outputs": {}}, "cell 2 has 'outputs'"),
            ({"cell_type": "code", "source": "x", "execution_count": "1"}, "cell 2 has the execution count"),
            ({"cell_type": "code", "source": "x", "outputs": [{}]}, "output (1) that has no 'output_type'"),
            (
                {"cell_type": "code", "source": "x", "outputs": [{"output_type": "stream"}]},
                "output (1) that has no text",
            ),
            (
                {"cell_type": "code", "source": "x", "outputs": [{"output_type": "display_data"}]},
                "output (1) that has no object in 'data'",
            ),
            ({"cell_type": "markdown", "source": "x", "attachments": {"a.png": 1}}, "'attachments'"),
        ],
    )
    def test_a_cell_of_the_wrong_shape_says_where(self, tmp_path, cell, where):
        content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [new_code_cell("ok"), cell]}
        assert where in refusal(raw(tmp_path, content))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = """cell_type source outputs metadata id execution_count attachments output_type text data name
    traceback ename nbformat nbformat_minor cells kernelspec language"""
keys = st.sampled_from(KEYS.split())
values = json_values | st.sampled_from(["code", "markdown", "stream", "error", "display_data", 4, 5])
near_notebooks = st.recursive(
    values,
    lambda inner: st.dictionaries(keys, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=25,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keys, near_notebooks), st.booleans())
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_sentence(content, plausible):
    if plausible:
        cells = content.get("cells") if isinstance(content.get("cells"), list) else [content]
        content = {**content, "nbformat": 4, "nbformat_minor": 4, "cells": cells}
    path = Path("book.ipynb")
    data = json.dumps(content).encode()
    try:
        node = parse_notebook(data, path)
        check_language(node, path)
    except NotebookError as error:
        assert "\n" not in str(error)
        return
    cells = NotebookFile(path, node, Fingerprint.of(data)).cells
    assert len({cell.id for cell in cells}) == len(cells)
    assert msgspec.json.decode(msgspec.json.encode(cells), type=tuple[Cell, ...]) == cells
    assert all(clip_outputs(cell.outputs) == cell.outputs for cell in cells)
    assert json.loads(serialise(node))["cells"] is not None
