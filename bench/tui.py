"""The terminal app against its targets; prints value, limit and ratio of each (a ratio up to 1 meets it).

Run: python bench/tui.py
First paint is measured in a process of its own, from its start; the rest headless, with a scripted kernel and
model that print and type without a pause, so that what is measured is the app.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tui"))

PAINT = """
import sys, time, asyncio
began = float(sys.argv[2])
from pathlib import Path
from mlagent_tui.app import MlagentApp
from mlagent_tui.desk.core import LocalCore
from jupyter_mlagent.settings import SessionSettings
app = MlagentApp(Path(sys.argv[1]), LocalCore(SessionSettings(), keep_journal=False))
def painted():
    print((time.time() - began) * 1000); sys.stdout.flush(); import os; os._exit(0)
app._begin = painted
asyncio.run(app.run_async(headless=True, size=(120, 40)))
"""


def first_paint(path: Path) -> float:
    """Milliseconds from the start of the process to the first drawn screen, median of 5 starts."""
    values = []
    for _ in range(5):
        program = [sys.executable, "-c", PAINT, str(path), str(time.time())]
        out = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        values.append(float(out.split()[-1]))
    return statistics.median(values)


async def frames(path: Path) -> float:
    """Milliseconds a frame while a 500-cell notebook scrolls line by line, median of 300."""
    from script import ScriptedCore, until

    from mlagent_tui.app import MlagentApp

    app = MlagentApp(path, ScriptedCore())
    values = []
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.desk.workbench is not None)
        view = app.screen.view
        for row in range(300):
            began = time.perf_counter()
            view.scroll_to(y=row * 3, animate=False)
            for y in range(view.size.height):
                view.render_line(y)
            values.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0)
        await app.end()
    return statistics.median(values)


async def key_latency(path: Path) -> float:
    """Milliseconds from a key to its effect while model and cell flood, 95th percentile of 100."""
    from script import ScriptedCore, until

    from mlagent_tui.app import MlagentApp

    core = ScriptedCore()
    app = MlagentApp(path, core)
    values = []
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.desk.workbench is not None)
        screen = app.screen
        app.desk.proposer.board.begin()

        async def flood() -> None:
            from jupyter_mlagent import events

            hear = app.desk.proposer.hear
            hear(
                events.Started(
                    request_id="r",
                    operator="improve",
                    candidates=4,
                    metric=None,  # type: ignore[arg-type]
                    metric_before=None,
                    model="m",
                )
            )
            hear(events.PromptRead(prompt_tokens=1, cached_tokens=0, seconds=0))
            while True:
                for index in range(4):
                    hear(events.CodeDelta(index=index, text="x = 1\n"))
                core.kernel.live_outputs = (
                    {"output_type": "stream", "name": "stdout", "text": "line\n" * 10_000},
                )
                await asyncio.sleep(0.01)

        flooding = asyncio.create_task(flood())
        core.kernel.hang = asyncio.Event()
        await asyncio.sleep(0.2)
        screen.view.focus()
        from textual import events as te

        for number in range(100):
            before = screen.view.cursor
            key = "j" if number % 20 < 10 else "k"
            began = time.perf_counter()
            app.post_message(te.Key(key, key))
            while screen.view.cursor == before and time.perf_counter() - began < 1:
                await asyncio.sleep(0)
            values.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.01)
        flooding.cancel()
        core.kernel.hang.set()
        await app.end()
    return statistics.quantiles(values, n=20)[-1]


def memory() -> float:
    """MiB of this process now, Python, the app and 500 painted cells included."""
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


def notebook_of(cells: int, folder: Path) -> Path:
    from nbformat.v4 import new_code_cell, new_notebook, new_output
    from script import write_notebook

    text = "import numpy as np\nfor step in range(10):\n    print(f'{step}: {np.sqrt(step):.3f}')"
    output = new_output("stream", name="stdout", text="0.000\n1.000\n1.414\n")
    made = [new_code_cell(f"# {n}\n{text}", outputs=[output]) for n in range(cells)]
    return write_notebook(folder, new_notebook(cells=made), f"{cells}.ipynb")


def show(name: str, value: float, limit: float, unit: str) -> None:
    print(f"{name:<44}{value:>10.1f} {unit:<4} limit {limit:>6.0f}  ratio {value / limit:.2f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = notebook_of(500, Path(folder))
        show("first paint, 500 cells", first_paint(path), 400, "ms")
        show("scrolling, a frame of 120x40, median", asyncio.run(frames(path)), 16, "ms")
        show("key while model and cell flood, 95th pct", asyncio.run(key_latency(path)), 50, "ms")
        show("memory of the app's process", memory(), 150, "MiB")


if __name__ == "__main__":
    main()
