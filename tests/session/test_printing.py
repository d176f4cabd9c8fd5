"""What a cell prints arrives whole and in order, in few outputs, however many messages it took."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlagent.kernel import LocalKernel

PRINTING = """\
import sys
for number in range(2000):
    print(number, "a line of some length to fill a few outputs " * 2, flush=True)
print("to the other", file=sys.stderr, flush=True)
print("last", flush=True)
"""


async def test_lines_are_joined_until_an_output_is_long(tmp_path: Path) -> None:
    async with LocalKernel("python3", tmp_path) as kernel:
        run = await kernel.run_cell(PRINTING)
    printed = [output["text"] for output in run.outputs if output["name"] == "stdout"]
    lines = "".join(printed).splitlines()
    assert [line.split()[0] for line in lines] == [*map(str, range(2000)), "last"]
    assert len(run.outputs) < 10
    assert [output["text"] for output in run.outputs if output["name"] == "stderr"] == ["to the other\n"]
    nbformat.validate(
        new_notebook(cells=[new_code_cell("", outputs=[*map(nbformat.from_dict, run.outputs)])])
    )


async def test_clearing_still_clears(tmp_path: Path) -> None:
    code = "from IPython.display import clear_output\nprint('gone')\nclear_output(wait=True)\nprint('stays')"
    async with LocalKernel("python3", tmp_path) as kernel:
        run = await kernel.run_cell(code)
    assert [output["text"] for output in run.outputs] == ["stays\n"]
