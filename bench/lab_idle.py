"""What twenty open notebooks cost while nobody does anything: CPU with the extension and without it.

    python bench/lab_idle.py [notebooks] [seconds]

Opens the notebooks in one page (one of them visible), on two servers that differ only in the extension,
lets everything settle, and takes the CPU time that the page's processes and the Jupyter server (without the
kernels) use while nothing happens, twice each in turns. Prints each as a share of one core, and the
difference of the means against its limit.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from lab_start import load_fixtures

LIMIT_PERCENT = 1.0
SETTLE_SECONDS = 20
OPEN = """async names => {
  const {commands} = window.jupyterapp;
  for (const path of names) {
    const widget = await commands.execute('docmanager:open', {path, factory: 'Notebook'});
    await widget.context.ready;
    await widget.sessionContext.ready;
  }
}"""


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """User and system time of these processes together."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def browser_processes() -> list[psutil.Process]:
    """Those that this script started, by their ancestry."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if "chrom" in process.name().lower()]


def server_process(lab: Any) -> list[psutil.Process]:
    return [psutil.Process(lab._process.pid)]


def idle_percent(ui: Any, lab: Any, count: int, seconds: float) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    names = [lab.notebook(f"idle{number}.ipynb") for number in range(count)]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=ui.CHROMIUM, args=["--no-sandbox"])
        tab = ui.LabPage(lab, browser)
        tab.page.set_default_timeout(300_000)
        tab.open(names[0])
        tab.page.evaluate(OPEN, names[1:])
        tab.page.wait_for_timeout(1000 * SETTLE_SECONDS)
        groups = {"page": browser_processes(), "server": server_process(lab)}
        before = {name: cpu_seconds(group) for name, group in groups.items()}
        began = time.perf_counter()
        time.sleep(seconds)
        elapsed = time.perf_counter() - began
        used = {name: 100 * (cpu_seconds(group) - before[name]) / elapsed for name, group in groups.items()}
        browser.close()
    return used


def main(count: int, seconds: float) -> None:
    ui = load_fixtures()
    used: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
    for kind in ("without", "with", "with", "without"):
        lab = ui.Lab(Path(tempfile.mkdtemp(prefix="mlagent-bench-")))
        if kind == "without":
            (lab.folder / "data" / "labextensions" / "jupyter-mlagent").unlink()
        try:
            used[kind].append(idle_percent(ui, lab, count, seconds))
        finally:
            lab.stop()
        shares = ", ".join(f"{name} {share:.2f} %" for name, share in used[kind][-1].items())
        print(f"{count} notebooks, idle, {kind} the extension: {shares} of a core", flush=True)
    for name in ("page", "server"):
        bare, whole = [[one[name] for one in used[kind]] for kind in ("without", "with")]
        more = statistics.fmean(whole) - statistics.fmean(bare)
        print(
            f"{name}: {more:+.2f} %   limit {LIMIT_PERCENT:g} %   ratio {max(0.0, more) / LIMIT_PERCENT:.2f}"
            f"   (the same twice: {max(bare) - min(bare):.2f} % apart without it)"
        )


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 20,
        float(sys.argv[2]) if len(sys.argv) > 2 else 30.0,
    )
