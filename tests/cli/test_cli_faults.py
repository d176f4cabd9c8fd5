"""Bad input: one clear sentence, an exit code, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

METRIC = "accuracy_score(y_val, model.predict(X_val))"


def sentence_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence a failed command says; fails for a success or a traceback."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("mlagent: ")]
    assert len(lines) == 1, done.stderr
    assert "bug in mlagent" not in lines[0]
    return lines[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no notebook at"),
        (b"", "empty|JSON"),
        (b"not json", "JSON"),
        (b'{"a": 1}', "not a notebook"),
        (b'{"nbformat": 3, "nbformat_minor": 0, "worksheets": [], "metadata": {}}', "format 3"),
        (b"\xff\xfe\x00n", "UTF-8"),
    ],
)
def test_a_file_that_is_no_notebook(
    mlagent, endpoint, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "nb.ipynb"
    if content is not None:
        path.write_bytes(content)

    sentence = sentence_of(mlagent("suggest", path, "--model", endpoint))

    assert any(word.lower() in sentence.lower() for word in words.split("|")), sentence


def test_a_kernel_of_another_language(mlagent, endpoint, write_notebook) -> None:
    path = write_notebook("print(1)", kernelspec={"name": "ir", "language": "R", "display_name": "R"})
    assert "R" in sentence_of(mlagent("suggest", path, "--model", endpoint))


def test_a_kernelspec_that_is_not_installed(mlagent, endpoint, write_notebook) -> None:
    path = write_notebook(
        "print(1)", kernelspec={"name": "gone-env", "language": "python", "display_name": "gone"}
    )
    sentence = sentence_of(mlagent("suggest", path, "--model", endpoint))
    assert "gone-env" in sentence and "--kernel" in sentence


def test_an_empty_notebook_has_no_metric(mlagent, endpoint, write_notebook) -> None:
    assert "--metric" in sentence_of(mlagent("suggest", write_notebook(), "--model", endpoint))


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("accuracy_score(y_val,", "not a Python expression"),
        ("best", "any cell could set"),
    ],
)
def test_a_metric_that_cannot_serve(mlagent, endpoint, notebook, metric: str, words: str) -> None:
    done = mlagent("suggest", notebook, "--metric", metric, "--maximize", "--model", endpoint)
    assert words in sentence_of(done)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("print(model.predict(X_val))", "None"),
        ("accuracy_score(y_val, model.predict(X_val)[:3])", "ValueError"),
        ("model.predict_proba(X_val)", "456 numbers"),
    ],
)
def test_a_metric_that_gives_no_number_is_refused(
    mlagent, endpoint, notebook, metric: str, words: str
) -> None:
    done = mlagent("suggest", notebook, "--metric", metric, "--maximize", "--model", endpoint)
    assert words in sentence_of(done)


def test_a_metric_of_something_that_is_never_made_is_said(mlagent, endpoint, notebook) -> None:
    """It might be what the next cell makes, so the candidates are tried; none makes it."""
    metric = "my_score(y_val, model.predict(X_val))"
    done = mlagent("suggest", notebook, "--metric", metric, "--maximize", "--model", endpoint, "--json")

    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["metric_before"] is None
    assert any("NameError" in notice for notice in answer["notices"])
    assert "could not be read" in done.stderr.splitlines()[-1]


def test_a_model_that_nobody_knows(mlagent, notebook) -> None:
    assert "nope-13b" in sentence_of(mlagent("suggest", notebook, "--model", "nope-13b"))


def test_an_endpoint_that_does_not_answer(mlagent, notebook) -> None:
    assert "127.0.0.1:9" in sentence_of(mlagent("suggest", notebook, "--model", "http://127.0.0.1:9/v1"))


def test_a_kernel_that_dies_while_the_notebook_runs(mlagent, endpoint, write_notebook) -> None:
    path = write_notebook("import os", "os._exit(1)")
    before = path.read_bytes()
    sentence = sentence_of(mlagent("suggest", path, "--model", endpoint))
    assert "kernel died" in sentence and "It was cell 2." in sentence
    assert path.read_bytes() == before


def test_a_result_that_is_there_already_is_not_overwritten(mlagent, endpoint, notebook, tmp_path) -> None:
    out = tmp_path / "out.ipynb"
    out.write_text("mine")
    assert "--overwrite" in sentence_of(mlagent("run", notebook, "--model", endpoint, "--out", out))
    assert out.read_text() == "mine"


def test_cells_with_magics_and_shell_lines_run(
    mlagent, endpoint, write_notebook, setup_source, score_source
) -> None:
    path = write_notebook("%matplotlib inline\n!echo hello", "%%time\nx = 1", setup_source, score_source)
    done = mlagent("suggest", path, "--model", endpoint, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["proposals"][0]["trial"]["status"] == "ok"


def test_ctrl_c_leaves_no_process_and_no_file(environment, write_notebook, tmp_path) -> None:
    """The notebook says by a line in a file when its endless cell runs; then comes Ctrl-C."""
    os.mkfifo(tmp_path / "running")
    path = write_notebook(
        "with open('running', 'w') as fifo:\n    fifo.write('now')", "import time\nwhile True: time.sleep(1)"
    )
    before = sorted(entry.name for entry in tmp_path.iterdir())
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlagent", "suggest", str(path), "--model", "http://127.0.0.1:9/v1"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (tmp_path / "running").read_text() == "now"
    family = psutil.Process(process.pid).children(recursive=True)
    assert family

    process.send_signal(signal.SIGINT)
    stderr = process.communicate()[1]

    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == before


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize("command", [["run", "--out", "/proc/better.ipynb"], ["demo", "--out", "/proc/demo"]])
def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    mlagent, endpoint, notebook, command: list[str]
) -> None:
    done = mlagent(command[0], notebook, *command[1:], "--model", endpoint)
    assert "/proc" in sentence_of(done)
    assert "step 1" not in done.stdout
