"""A cell tried in a fork shows what it would have shown in the notebook."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jupyter_mlagent.records import Trial, TrialStatus, TryEngine
from jupyter_mlagent.trial.api import TrialLimits

pytestmark = pytest.mark.asyncio(loop_scope="module")


def text_of(trial: Trial, name: str = "stdout") -> str:
    return "".join(o["text"] for o in trial.outputs if o["output_type"] == "stream" and o["name"] == name)


def kinds(trial: Trial) -> list[str]:
    return [output["output_type"] for output in trial.outputs]


async def test_last_expression_is_the_result(notebook: Any) -> None:
    await notebook.run("x = 41")
    trial = await notebook.attempt("x = x + 1\nx")
    assert trial.status is TrialStatus.OK
    assert trial.engine is TryEngine.FORK
    assert trial.outputs[-1]["data"]["text/plain"] == "42"
    assert await notebook.text("print(x)") == "41\n"


async def test_prints_keep_their_order_and_stream(notebook: Any) -> None:
    trial = await notebook.attempt("import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')")
    assert [(o["name"], o["text"]) for o in trial.outputs] == [
        ("stdout", "one\n"),
        ("stderr", "two\n"),
        ("stdout", "three\n"),
    ]


async def test_output_arrives_while_the_cell_runs(notebook: Any) -> None:
    seen: list[str] = []
    trial = await notebook.trials.try_cell(
        "print('early'); import time; time.sleep(0.3); print('late')",
        None,
        TrialLimits(seconds=30),
        on_output=lambda output: seen.append(output["text"]),
    )
    assert trial.status is TrialStatus.OK
    assert "".join(seen) == "early\nlate\n"
    assert len(seen) >= 2


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("!echo from-a-shell", "from-a-shell"),
        ("%%bash\necho from-bash", "from-bash"),
        ("%timeit -n 10 -r 2 sum(range(100))", "per loop"),
        ("await __import__('asyncio').sleep(0)\nprint('awaited')", "awaited"),
        ("import asyncio\nprint(asyncio.get_running_loop().is_running())", "True"),
        ("import os\nos.system('echo from-a-child')", "from-a-child"),
        ("import os\nos.write(1, b'raw \\xff bytes')", "raw \N{REPLACEMENT CHARACTER} bytes"),
        ("%%capture held\nprint('hidden')\n", ""),
        ("import subprocess, sys\n_ = subprocess.run(['echo', 'to-stdout'], stdout=sys.stdout)", "to-stdout"),
        ("import logging\nlogging.basicConfig(stream=sys.stdout)\nlogging.warning('logged')", "logged"),
    ],
)
async def test_every_way_to_print_is_captured(notebook: Any, cell: str, expected: str) -> None:
    await notebook.run("import sys")
    trial = await notebook.attempt(cell)
    assert trial.status is TrialStatus.OK, trial.error
    assert expected in text_of(trial)


async def test_tables_and_figures_are_rich(notebook: Any) -> None:
    trial = await notebook.attempt(
        "import pandas as pd, matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\n"
        "pd.DataFrame({'a': [1]})"
    )
    assert kinds(trial) == ["display_data", "execute_result"]
    assert trial.outputs[0]["data"]["image/png"].startswith("iVBOR")
    assert "<table" in trial.outputs[1]["data"]["text/html"]


async def test_displays_can_be_updated_and_cleared(notebook: Any) -> None:
    trial = await notebook.attempt(
        "from IPython.display import clear_output, display\nprint('gone')\nclear_output()\n"
        "handle = display('first', display_id=True)\nhandle.update('second')"
    )
    assert [o["data"]["text/plain"] for o in trial.outputs] == ["'second'"]


async def test_an_error_carries_its_traceback(notebook: Any) -> None:
    trial = await notebook.attempt("print('before')\n1/0")
    assert trial.status is TrialStatus.ERROR
    assert trial.error is not None
    assert (trial.error.name, trial.error.value) == ("ZeroDivisionError", "division by zero")
    assert kinds(trial) == ["stream", "error"]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(trial.error.traceback))
    assert "----> 2 1/0" in plain


async def test_a_syntax_error_is_an_error(notebook: Any) -> None:
    trial = await notebook.attempt("def broken(:")
    assert trial.status is TrialStatus.ERROR
    assert trial.error is not None
    assert trial.error.name == "SyntaxError"


async def test_too_much_output_is_cut_with_a_note(notebook: Any) -> None:
    trial = await notebook.attempt("for _ in range(20000): print('y' * 100)", output_bytes=10_000)
    assert trial.status is TrialStatus.OK
    assert 9_000 < len(text_of(trial)) < 10_100
    assert "limit of 10000 bytes" in text_of(trial, "stderr")


async def test_a_huge_picture_is_left_out_with_a_note(notebook: Any) -> None:
    trial = await notebook.attempt(
        "from IPython.display import display\n"
        "display({'image/png': 'A' * 3_000_000}, raw=True)\nprint('after')",
        output_bytes=1_000_000,
    )
    assert trial.status is TrialStatus.OK
    assert "limit of 1000000 bytes" in text_of(trial, "stderr")


async def test_widgets_stay_in_the_trial(notebook: Any) -> None:
    trial = await notebook.attempt("from ipywidgets import IntSlider\nIntSlider(value=3)")
    assert trial.status is TrialStatus.OK
    assert list(trial.outputs[0]["data"]) == ["text/plain"]
