"""Given hidden answers, when a notebook's kernel or a trial in it looks for them, then they are not there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local_rl.tasks import hide
from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import prepared
from local_rl.tasks.running import score_notebook

Make = Callable[..., Path]
Write = Callable[..., str]

pytestmark = pytest.mark.skipif(not hide.available(), reason="this system forbids user namespaces")

# Each way ends with the answers' text in `found`, or with an error.
WAYS = {
    "opening the file": "found = open(answers).read()",
    "a shell": "found = subprocess.run(['cat', answers], capture_output=True, text=True).stdout",
    "another process's view of the disk": "found = open(f'/proc/{os.getppid()}/root{answers}').read()",
    "the first process's view of the disk": "found = open(f'/proc/1/root{answers}').read()",
    "lifting the cover": """
subprocess.run(['umount', '-l', os.path.dirname(answers)], capture_output=True)
found = open(answers).read()""",
    "lifting the cover in namespaces of its own": """
script = f'umount -l {os.path.dirname(answers)}; cat {answers}'
command = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script]
found = subprocess.run(command, capture_output=True, text=True).stdout""",
}


def attempt(way: str, answers: Path) -> str:
    indented = "\n".join(f"    {line}" for line in WAYS[way].strip().splitlines())
    return (
        f"import os, subprocess\nanswers, found = {str(answers)!r}, ''\n"
        f"try:\n{indented}\nexcept OSError as error:\n    print(error)\n"
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_hidden_folder_cannot_be_reached(tmp_path: Path, way: str) -> None:
    answers = tmp_path / "private" / "answers.csv"
    answers.parent.mkdir()
    answers.write_text("the answer")
    program = [sys.executable, "-c", attempt(way, answers) + "print('found:', found)"]

    seen = subprocess.run(hide.command(answers.parent, program), capture_output=True, text=True, check=True)

    assert "the answer" not in seen.stdout
    assert answers.read_text() == "the answer"


def test_every_way_would_find_what_is_not_hidden(tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("the answer")
    program = [sys.executable, "-c", attempt("opening the file", answers) + "print('found:', found)"]
    assert "the answer" in subprocess.run(program, capture_output=True, text=True, check=True).stdout


def test_a_notebook_of_a_task_does_not_see_its_answers(make_task: Make, notebook: Write) -> None:
    path = make_task()
    answers = prepared(TaskFolder.open(path)).private / "answers.csv"
    assert answers.exists()
    cheat = f"open('submission.csv', 'w').write(open({str(answers)!r}).read())"
    (path / "starter.ipynb").write_text(notebook(cheat))
    folder = TaskFolder.open(path)
    with pytest.raises(TaskError, match="raised FileNotFoundError"):
        score_notebook(folder, folder.starter)


async def test_a_trial_in_such_a_kernel_does_not_see_them_either(
    make_task: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlagent.kernel import LocalKernel
    from jupyter_mlagent.records import TrialStatus
    from jupyter_mlagent.trial.api import TrialLimits
    from jupyter_mlagent.trial.link import ClientLink
    from jupyter_mlagent.trial.runner import KernelTrials

    answers = prepared(TaskFolder.open(make_task())).private / "answers.csv"
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    spec = hide.write_kernelspec(tmp_path / "jupyter" / "kernels", answers.parent)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    async with LocalKernel(spec, workspace) as kernel:
        runner = KernelTrials(ClientLink(await kernel.link_client()))
        sound = await runner.try_cell("x = 1", None, TrialLimits())
        cheating = await runner.try_cell(f"open({str(answers)!r}).read()", None, TrialLimits())
        await runner.close()
    assert sound.status is TrialStatus.OK
    assert cheating.status is TrialStatus.ERROR
    assert cheating.error is not None and cheating.error.name == "FileNotFoundError"
