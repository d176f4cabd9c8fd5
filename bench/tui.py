"""The terminal app against its targets; prints value, limit and ratio of each (a ratio up to 1 meets it).

    python bench/tui.py

First paint and memory are those of the real program in a pseudo terminal. Keys are timed while a real kernel
prints 10,000 lines and proposals stream in at four times the speed of the small model; they are sent from a
thread of their own, so that time in which the app is blocked counts. The model's process is left out: it is a
process of its own, with a bench of its own (engine.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from mlagent_tui.launch import FRAMES

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "tui"))

SIZE = (120, 40)
RUNS = 7
PRINTING = """\
import sys
for step in range(10_000):
    print("epoch", step, "loss", 1 / (step + 1), flush=step % 5 == 0)
"""
TOKENS_PER_SECOND = 400
REPLY_TOKENS = 640


# -- the real program, in a pseudo terminal


@contextlib.contextmanager
def in_terminal(command: list[str], home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """Process, the terminal's other end, and when it was started."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "MLAGENT_HOME": str(home),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
    )
    os.close(theirs)
    try:
        yield process, ours, began
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.Error):
                one.kill()
        process.wait()
        os.close(ours)


def wait_for(ours: int, mark: bytes, seconds: float = 60) -> float:
    """When the mark was on the screen."""
    seen, end = b"", time.perf_counter() + seconds
    while time.perf_counter() < end:
        if select.select([ours], [], [], 1)[0]:
            seen += os.read(ours, 1 << 16)
            if mark in seen:
                return time.perf_counter()
    raise SystemExit(f"{mark!r} never came; the screen had {seen[-500:]!r}")


def shown_after(command: list[str], mark: bytes, home: Path) -> float:
    """Milliseconds from the start of the process until the mark is written, median."""
    values = []
    for _ in range(RUNS):
        with in_terminal(command, home) as (_process, ours, began):
            values.append((wait_for(ours, mark) - began) * 1000)
    return statistics.median(values)


def resident(path: Path, home: Path) -> float:
    """MiB of the app's process once its kernel is up; kernel and model are other processes."""
    with in_terminal(program(path), home) as (process, ours, _began):
        wait_for(ours, b"kernel idle")
        return float(psutil.Process(process.pid).memory_info().rss / 2**20)


def program(path: Path) -> list[str]:
    return [sys.executable, "-m", "jupyter_mlagent", "tui", str(path), "--no-journal"]


# -- headless


async def frames(path: Path) -> float:
    """Milliseconds a frame while a 500-cell notebook scrolls line by line, median of 300."""
    from script import ScriptedCore, until

    from mlagent_tui.app import MlagentApp

    app = MlagentApp(path, ScriptedCore())
    values = []
    async with app.run_test(size=SIZE) as pilot:
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


class Typist(threading.Thread):
    """Presses a key ten times a second from outside the app's loop, and waits for the frame that shows it."""

    def __init__(self, app: Any, presses: int) -> None:
        super().__init__(daemon=True)
        self.app, self.presses = app, presses
        self.loop = asyncio.get_running_loop()
        self.values: list[float] = []
        self.work: list[float] = []
        self.done = asyncio.Event()
        self._drawn = threading.Event()
        self._wanted = -1
        display = app._display

        def drawn(*arguments: Any) -> Any:
            result = display(*arguments)
            if app.screen.view.cursor == self._wanted:
                self._drawn.set()
            return result

        app._display = drawn

    def run(self) -> None:
        from textual.events import Key

        for number in range(self.presses):
            key, step = ("j", 1) if number % 20 < 10 else ("k", -1)
            self._drawn.clear()
            self._wanted = self.app.screen.view.cursor + step
            began, worked = time.perf_counter(), time.process_time()
            self.loop.call_soon_threadsafe(self.app.post_message, Key(key, key))
            self._drawn.wait(5)
            self.values.append((time.perf_counter() - began) * 1000)
            self.work.append((time.process_time() - worked) * 1000)
            time.sleep(0.1)
        self.loop.call_soon_threadsafe(self.done.set)


async def stream_proposals(hear: Any) -> None:
    """Four replies written side by side, over and over."""
    from jupyter_mlagent import events
    from jupyter_mlagent.records import Operator

    started = events.Started(
        request_id="r", operator=Operator.IMPROVE, candidates=4, metric=None, metric_before=None, model="m"
    )
    while True:
        hear(started)
        hear(events.PromptRead(prompt_tokens=400, cached_tokens=0, seconds=0))
        for token in range(REPLY_TOKENS):
            for index in range(4):
                text = "model.fit(X, y)\n" if token % 8 == 7 else " x"
                hear(events.CodeDelta(index=index, text=text))
            await asyncio.sleep(4 / TOKENS_PER_SECOND)


async def key_latency(path: Path) -> tuple[Typist, int]:
    """Keys with their times, and how many lines were printed meanwhile. At the frame rate of the app."""
    from script import ScriptedCore, until

    from jupyter_mlagent.settings import SessionSettings
    from mlagent_tui.app import MlagentApp
    from mlagent_tui.desk.core import LocalCore

    class RealKernel(ScriptedCore):
        open_workbench = LocalCore(SessionSettings(), keep_journal=False).open_workbench

    app = MlagentApp(path, RealKernel())
    async with app.run_test(size=SIZE) as pilot:
        while app.desk.workbench is None:
            await asyncio.sleep(0.05)
        await until(pilot, lambda: True)
        app.screen.show_panel()
        app.screen.view.focus()
        first = app.desk.faces[0].id
        app.desk.proposer.board.begin()
        streaming = asyncio.create_task(stream_proposals(app.desk.proposer.hear))
        printed: list[int] = []
        printing = asyncio.create_task(print_again_and_again(app, first, printed))
        await asyncio.sleep(1)  # cells around those in sight are painted ahead once
        typist = Typist(app, 100)
        typist.start()
        await typist.done.wait()
        streaming.cancel()
        printing.cancel()
        await asyncio.gather(streaming, printing, return_exceptions=True)
        await app.end()
    return typist, sum(printed)


def late(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


async def print_again_and_again(app: Any, cell_id: str, printed: list[int]) -> None:
    """Adds the lines that each run really left in the notebook."""
    while True:
        await app.desk.run([cell_id])
        outputs = app.desk.face(cell_id).outputs
        printed.append(sum(output["text"].count("\n") for output in outputs))


def notebook_of(cells: int, folder: Path) -> Path:
    from nbformat.v4 import new_code_cell, new_notebook, new_output
    from script import write_notebook

    text = "import numpy as np\nfor step in range(10):\n    print(f'{step}: {np.sqrt(step):.3f}')"
    output = new_output("stream", name="stdout", text="0.000\n1.000\n1.414\n")
    made = [new_code_cell(f"# {n}\n{text}", outputs=[output]) for n in range(cells)]
    made[0]["source"] = PRINTING
    return write_notebook(folder, new_notebook(cells=made), f"{cells}.ipynb")


def show(name: str, value: float, limit: float, unit: str) -> None:
    print(f"{name:<52}{value:>9.1f} {unit:<4} limit {limit:>6.0f}  ratio {value / limit:.2f}", flush=True)


def main() -> None:
    # Before the first import of Textual, as in the program itself.
    os.environ.setdefault("TEXTUAL_FPS", FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = notebook_of(500, home)
        bare = shown_after([sys.executable, str(HERE / "bare_textual.py"), str(path)], b"Propose", home)
        words = shown_after(program(path), b"import sys", home)
        whole = shown_after(program(path), b"Propose", home)
        show("first paint: the notebook's text, 500 cells", words, 400, "ms")
        print(f"{'  a bare Textual program shows it after':<52}{bare:>9.1f} ms   ratio {words / bare:.2f}")
        print(f"{'  the whole app, keys and colours':<52}{whole:>9.1f} ms   ratio to bare {whole / bare:.2f}")
        show("scrolling, a frame of 120x40, median", asyncio.run(frames(path)), 16, "ms")
        typist, lines = asyncio.run(key_latency(path))
        show("key, 10,000 lines printed and 4 replies streamed, p95", late(typist.values), 50, "ms")
        # On a busy machine the difference between these two is what other programs took.
        show("  of that, time this process worked, p95", late(typist.work), 50, "ms")
        print(
            f"{'  the worst of 100 keys':<52}{max(typist.values):>9.1f} ms   ({lines:,} lines were printed)"
        )
        show("memory of the app's process", resident(path, home), 150, "MiB")


if __name__ == "__main__":
    main()
