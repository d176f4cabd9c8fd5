"""`mlagent run --search`: a real kernel, real states, an endpoint in place of the model."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import nbformat
import psutil

from jupyter_mlagent.answers import RunAnswer


def test_a_search_writes_its_best_path_and_its_tree(mlagent, notebook, endpoint, tmp_path) -> None:
    out, report = tmp_path / "better.ipynb", tmp_path / "tree.json"
    done = mlagent(
        *("run", notebook, "--search", "--model", endpoint, "--steps", 2, "--candidates", 2),
        *("--out", out, "--report", report, "--json"),
    )
    assert done.returncode == 0, done.stderr
    answer = msgspec.json.decode(done.stdout, type=RunAnswer)
    assert answer.metric_end > answer.metric_start
    assert answer.reproduced and answer.reproduced_metric == answer.metric_end
    cells = nbformat.read(out, as_version=4).cells
    assert [cell.source for cell in cells[2:]] == [proposal.code for proposal in answer.kept]
    journal = json.loads(report.read_text())
    assert len(journal["nodes"]) == answer.steps and not journal["nodes"][0]["is_buggy"]
    assert len(nbformat.read(notebook, as_version=4).cells) == 2


def test_a_report_without_a_search_is_refused(mlagent, notebook) -> None:
    done = mlagent("run", notebook, "--report", "tree.html")
    assert done.returncode == 2 and "--search" in done.stderr
    done = mlagent("run", notebook, "--no-reasoning")
    assert done.returncode == 2 and "--search" in done.stderr
    done = mlagent("run", notebook, "--search", "--report", "tree.txt")
    assert done.returncode == 2 and ".html" in done.stderr


def test_a_search_is_kept_and_gone_on_with(mlagent, notebook, endpoint, tmp_path) -> None:
    log, report = tmp_path / "search.jsonl", tmp_path / "tree.html"
    arguments = ("run", notebook, "--search", "--model", endpoint, "--steps", 1, "--candidates", 1)
    first = mlagent(*arguments, "--out", tmp_path / "one.ipynb", "--resume", log, "--json")
    assert first.returncode == 0, first.stderr
    again = mlagent(*arguments, "--out", tmp_path / "two.ipynb", "--resume", log, "--report", report)
    assert again.returncode == 0, again.stderr
    assert len(log.read_text().splitlines()) >= 2
    assert "fit a random forest" in report.read_text()
    one, two = (nbformat.read(tmp_path / f"{name}.ipynb", as_version=4) for name in ("one", "two"))
    assert [cell.source for cell in two.cells][:3] == [cell.source for cell in one.cells][:3]


def test_a_search_that_was_killed_goes_on_from_its_file_and_leaves_nobody_behind(
    mlagent, notebook, endpoint, environment, tmp_path
) -> None:
    log = tmp_path / "search.jsonl"
    arguments = ("run", notebook, "--search", "--model", endpoint, "--candidates", 1, "--resume", log)
    began = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlagent", *map(str, arguments), "--out", str(tmp_path / "one.ipynb")],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert any("best so far" in line for line in began.stderr)
    others = psutil.Process(began.pid).children(recursive=True)
    began.kill()
    began.communicate()
    psutil.wait_procs(others)
    steps = log.read_text().splitlines()[1:]
    assert steps
    report = tmp_path / "tree.json"
    again = mlagent(*arguments, "--steps", 1, "--out", tmp_path / "two.ipynb", "--report", report)
    assert again.returncode == 0, again.stderr
    assert log.read_text().splitlines()[1 : 1 + len(steps)] == steps
    assert json.loads(report.read_text())["nodes"][0]["plan"] == "fit a random forest"
