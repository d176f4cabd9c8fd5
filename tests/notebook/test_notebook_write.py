"""Saving a notebook: nothing is lost, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook import NotebookChangedError, open_notebook

ANYBODY = 65534


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("x = 1", id="first")]), path)
    return path


def in_another_process(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def only_file(folder: Path) -> str:
    (entry,) = folder.iterdir()
    return entry.name


texts = st.text(st.characters(codec="utf-8"), max_size=40)
metadata = st.dictionaries(
    texts.map("x-{}".format),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
outputs = st.one_of(
    st.builds(lambda text: new_output("stream", name="stdout", text=text), texts),
    st.builds(lambda text: new_output("display_data", data={"text/plain": text, "image/png": "AA=="}), texts),
    st.builds(lambda json: new_output("display_data", data={"application/json": json}), metadata),
    st.builds(lambda text: new_output("error", ename=text, evalue=text, traceback=[text]), texts),
)
cells = st.one_of(
    st.builds(
        lambda source, outputs, metadata: new_code_cell(source, outputs=outputs, metadata=metadata),
        texts,
        st.lists(outputs, max_size=2),
        metadata,
    ),
    st.builds(lambda source, metadata: new_markdown_cell(source, metadata=metadata), texts, metadata),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(cells, max_size=4), metadata, st.integers(0, 6))
def test_reading_and_writing_without_a_change_keeps_the_same_json(tmp_path, cells, metadata, minor):
    path = tmp_path / "book.ipynb"
    cells = [{**cell, "id": f"cell{n}"} if minor >= 5 else {**cell} for n, cell in enumerate(cells)]
    for cell in cells if minor < 5 else []:
        del cell["id"]
    content = {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": cells}
    nbformat.v4.nbjson.write(nbformat.from_dict(content), path.open("w", encoding="utf-8"))
    before = json.loads(path.read_text(encoding="utf-8"))
    open_notebook(path).save()
    assert json.loads(path.read_text(encoding="utf-8")) == before


class TestSaving:
    def test_it_looks_as_jupyter_writes_it(self, book):
        expected = book.read_bytes()
        book.write_text(json.dumps(json.loads(expected)))
        open_notebook(book).save()
        assert book.read_bytes() == expected

    def test_permissions_stay(self, book):
        book.chmod(0o640)
        open_notebook(book).save()
        assert stat.S_IMODE(book.stat().st_mode) == 0o640

    def test_a_new_file_gets_the_permissions_any_new_file_gets(self, book, tmp_path):
        plain = tmp_path / "plain"
        plain.touch()
        open_notebook(book).save_as(tmp_path / "new.ipynb")
        assert (tmp_path / "new.ipynb").stat().st_mode == plain.stat().st_mode

    def test_a_symlink_stays_and_what_it_points_to_is_written(self, book, tmp_path):
        link = tmp_path / "link.ipynb"
        link.symlink_to(book.name)
        file = open_notebook(link)
        file.insert_after(None, "new")
        file.save()
        assert link.is_symlink()
        assert open_notebook(book).cells[0].source == "new"

    def test_it_can_be_saved_again_and_again(self, book):
        file = open_notebook(book)
        for source in ("one", "two"):
            file.insert_after(None, source)
            file.save()
        assert [cell.source for cell in open_notebook(book).cells] == ["two", "one", "x = 1"]

    def test_nothing_else_is_left_in_the_folder(self, book):
        open_notebook(book).save()
        assert only_file(book.parent) == "book.ipynb"


class TestAnotherProgram:
    def test_that_saved_meanwhile_is_not_overwritten(self, book):
        file = open_notebook(book)
        theirs = book.read_text().replace("x = 1", "x = 2")
        book.write_text(theirs)
        with pytest.raises(NotebookChangedError, match="changed on disk"):
            file.save()
        assert book.read_text() == theirs
        assert only_file(book.parent) == "book.ipynb"

    def test_that_saved_within_the_clock_s_tick_is_not_overwritten_either(self, book):
        file = open_notebook(book)
        times = book.stat()
        book.write_text(book.read_text().replace("x = 1", "x = 2"))
        os.utime(book, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(NotebookChangedError):
            file.save()

    def test_that_only_touched_the_file_changed_nothing(self, book):
        file = open_notebook(book)
        os.utime(book, (1, 1))
        file.save()

    def test_that_moved_the_file_away_is_told(self, book, tmp_path):
        file = open_notebook(book)
        book.rename(tmp_path / "elsewhere.ipynb")
        with pytest.raises(NotebookChangedError, match="moved or deleted"):
            file.save()
        assert only_file(tmp_path) == "elsewhere.ipynb"

    def test_that_saves_while_this_one_writes_is_not_overwritten(self, book, monkeypatch):
        file = open_notebook(book)
        theirs = book.read_text().replace("x = 1", "x = 2")
        monkeypatch.setattr(os, "fsync", lambda _: book.write_text(theirs))
        with pytest.raises(NotebookChangedError):
            file.save()
        assert book.read_text() == theirs


class TestSavingAs:
    def test_an_existing_file_is_kept_also_where_there_are_no_hard_links(self, book, tmp_path, monkeypatch):
        def no_links(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        with pytest.raises(NotebookError, match="exists already"):
            open_notebook(book).save_as(book)
        open_notebook(book).save_as(tmp_path / "new.ipynb")
        assert open_notebook(tmp_path / "new.ipynb").cells == open_notebook(book).cells

    def test_an_existing_file_is_kept_unless_asked(self, book, tmp_path):
        other = tmp_path / "other.ipynb"
        other.write_text("precious")
        with pytest.raises(NotebookError, match="exists already"):
            open_notebook(book).save_as(other)
        assert other.read_text() == "precious"
        open_notebook(book).save_as(other, overwrite=True)
        assert open_notebook(other).cells == open_notebook(book).cells

    def test_the_notebook_itself_counts_as_saving_it(self, book):
        file = open_notebook(book)
        file.save_as(book, overwrite=True)
        file.save()
        book.write_text(book.read_text().replace("x = 1", "x = 2"))
        with pytest.raises(NotebookChangedError):
            file.save_as(book, overwrite=True)

    @pytest.mark.parametrize(
        ("target", "sentence"), [("", "is a folder"), ("none/new.ipynb", "folder does not exist")]
    )
    def test_a_place_that_cannot_be_written(self, book, tmp_path, target, sentence):
        with pytest.raises(NotebookError, match=sentence):
            open_notebook(book).save_as(tmp_path / target)

    def test_a_device_is_never_replaced(self, book, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(NotebookError, match="not a regular file"):
            open_notebook(book).save_as(pipe, overwrite=True)
        assert pipe.is_fifo()


SAVE = """
import sys
from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook import open_notebook
file = open_notebook(sys.argv[1])
file.insert_after(None, "y = 2  #" + "y" * 100_000)
{before}
try:
    file.save()
except NotebookError as error:
    print(error)
    sys.exit(3)
"""


class TestFaults:
    def test_killed_between_writing_and_renaming_the_old_file_is_whole(self, book):
        old = book.read_bytes()
        kill = "import os, pathlib; pathlib.Path.rename = lambda *_: os.kill(os.getpid(), 9)"
        died = in_another_process(SAVE.format(before=kill), book)
        assert died.returncode == -signal.SIGKILL
        assert book.read_bytes() == old

    def test_a_full_disk_leaves_the_old_file_and_no_rest(self, book):
        old = book.read_bytes()
        # The file-size limit fails a write half-way, as a full disk does.
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
        failed = in_another_process(SAVE.format(before=limit), book)
        assert (failed.returncode, failed.stderr) == (3, "")
        assert "full" in failed.stdout
        assert book.read_bytes() == old
        assert only_file(book.parent) == "book.ipynb"

    def test_a_read_only_folder(self, book):
        # pytest's own folders are closed to others, and to root no folder is read-only.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "book.ipynb"
            path.write_bytes(book.read_bytes())
            path.parent.chmod(0o555)
            unprivileged = f"import os; os.geteuid() or os.setuid({ANYBODY})"
            failed = in_another_process(SAVE.format(before=unprivileged), path)
        assert (failed.returncode, failed.stderr) == (3, "")
        assert "read-only" in failed.stdout
