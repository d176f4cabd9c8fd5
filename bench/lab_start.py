"""What the extension costs JupyterLab: start with it and without it, and long tasks while it streams.

    python bench/lab_start.py [rounds]

Loads the same notebook in turns on two servers that differ only in the extension, and takes medians of the
time from navigation until the first cell is drawn. Then watches the browser's long tasks (over 50 ms) while
a scripted engine streams three candidates and a person types in another cell.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIMIT_MS, LIMIT_KB = 150, 300
WATCH = """() => {
  window.longTasks = [];
  new PerformanceObserver(list => window.longTasks.push(...list.getEntries().map(entry => entry.duration)))
    .observe({type: 'longtask'});
}"""


def load_fixtures() -> Any:
    spec = importlib.util.spec_from_file_location("ui_conftest", HERE.parent / "tests" / "ui" / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start_ms(ui: Any, lab: Any, browser: Any) -> float:
    tab = ui.LabPage(lab, browser)
    began = time.perf_counter()
    tab.page.goto(f"{lab.url}/lab/tree/start.ipynb?token=the-token&reset")
    tab.page.locator(".jp-Notebook .jp-Cell .cm-content").first.wait_for()
    elapsed = 1000 * (time.perf_counter() - began)
    tab.context.close()
    return elapsed


def long_tasks(ui: Any, lab: Any, browser: Any) -> tuple[list[float], list[float]]:
    """Durations in ms: while a person types with no proposal, and while one streams."""
    tab = ui.LabPage(lab, browser)
    tab.open(lab.notebook("stream.ipynb")).run_cells(2)
    tab.page.evaluate(WATCH)
    found = []
    for ask in (False, True):
        tab.page.evaluate("() => { window.longTasks.length = 0 }")
        if ask:
            tab.focus(1)
            tab.press("Alt+Shift+M")
        tab.focus(2)
        tab.page.keyboard.type("x = 1 " * 12, delay=25)
        found.append([float(value) for value in tab.page.evaluate("() => window.longTasks")])
    tab.context.close()
    return found[0], found[1]


def main(rounds: int) -> None:
    from playwright.sync_api import sync_playwright

    ui = load_fixtures()
    folder = Path(tempfile.mkdtemp(prefix="mlagent-bench-"))
    (folder / "with").mkdir()
    (folder / "without").mkdir()
    labs = {"with": ui.Lab(folder / "with"), "without": ui.Lab(folder / "without")}
    (folder / "without" / "data" / "labextensions" / "jupyter-mlagent").unlink()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=ui.CHROMIUM, args=["--no-sandbox"])
            times: dict[str, list[float]] = {"with": [], "without": []}
            for lab in labs.values():
                lab.notebook("start.ipynb")
            for turn in range(rounds + 1):
                for name, lab in labs.items():
                    elapsed = start_ms(ui, lab, browser)
                    if turn:  # the first load compiles caches
                        times[name].append(elapsed)
            medians = {name: statistics.median(values) for name, values in times.items()}
            cost = medians["with"] - medians["without"]
            print(f"start: {medians['without']:.0f} ms without, {medians['with']:.0f} ms with the extension")
            print(f"       +{cost:.0f} ms (limit {LIMIT_MS})")
            idle, streaming = long_tasks(ui, labs["with"], browser)
            print(f"long tasks over 50 ms, typing: {[round(ms) for ms in idle]}")
            print(f"long tasks over 50 ms, typing while it streams: {[round(ms) for ms in streaming]}")
    finally:
        for lab in labs.values():
            lab.stop()
    static = ui.LABEXTENSION / "static"
    size = sum(path.stat().st_size for path in static.glob("*.js")) / 1000
    print(f"size: {size:.0f} kB of JavaScript (limit {LIMIT_KB})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
