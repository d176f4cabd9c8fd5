"""How long a person waits in JupyterLab with the real 0.5B model, and whether typing stays smooth meanwhile.

    python bench/lab_model.py [rounds]

Times are taken inside the page, from the key that asks to the first text of a plan that is drawn (most plans
are given to the model, so they stand there before it has read the prompt), to the first text that it writes
itself, and to the first candidate that is said to be tried. `first` starts the model's process; `cold` asks
in a notebook that the model has not read; `edited` asks again after only the last cell was changed and run.
Long tasks of the page (over 50 ms) are traced while a person types in another cell, once with nothing going
on and once while the model writes, and what the extension's code took of them is told apart (page_trace.py).
Prints value, limit and ratio; medians over the rounds.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab_start import load_fixtures
from page_trace import LONG_MS, PageTrace, traced

MODEL = "qwen2.5-coder-0.5b"
LIMITS = {"first": None, "cold": 4.0, "edited": 1.0, "cold_code": None, "edited_code": None, "tried": 15.0}
MARKS = """() => {
  window.marks = {};
  const text = name => document.querySelector('.jp-mlagent-' + name)?.textContent ?? '';
  const written = () => text('Plan') + text('Code-streaming');
  window.addEventListener('keydown', event => {
    if (event.altKey && event.shiftKey && event.code === 'KeyM') {
      window.marks = {asked: performance.now(), before: written()};
    }
  }, true);
  new MutationObserver(() => {
    const {marks} = window;
    if (marks.asked === undefined) return;
    const now = performance.now();
    if (!written()) marks.before = '';
    if (marks.text === undefined && written() !== marks.before) marks.text = now;
    if (marks.text === undefined) return;
    if (text('Status').startsWith('Writing')) {
      marks.given ??= written();
      if (marks.code === undefined && written() !== marks.given) marks.code = now;
    }
    const tried = /[1-9]\\d* tried/.test(text('Status')) || / of /.test(text('Place'));
    if (marks.tried === undefined && tried) marks.tried = now;
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""

ENDED = "() => document.querySelector('.jp-mlagent-Proposal')?.getAttribute('aria-busy') !== 'true'"


def ask(tab: Any, cell: int, typing_in: int | None = None) -> dict[str, float]:
    """Seconds until the first text, the first code and the first tried candidate."""
    tab.focus(cell)
    tab.press("Alt+Shift+M")
    tab.page.wait_for_function("() => window.marks.text")
    if typing_in is not None:
        tab.focus(typing_in)
        while tab.page.evaluate(
            "() => !document.querySelector('.jp-mlagent-Status').textContent.match(/ s$/)"
        ):
            tab.page.keyboard.type("x = 1 ", delay=25)
    tab.page.wait_for_function(ENDED)
    marks = tab.page.evaluate("() => window.marks")
    return {
        name: (marks[name] - marks["asked"]) / 1000 if name in marks else float("nan")
        for name in ("text", "code", "tried")
    }


def visit(ui: Any, lab: Any, browser: Any, name: str) -> Any:
    tab = ui.LabPage(lab, browser)
    tab.page.set_default_timeout(300_000)
    # Each notebook begins with a line of its own, so that the model has not read any of it.
    cells = (f"# notebook {name}\n{ui.CELLS[0]}", *ui.CELLS[1:])
    tab.open(lab.notebook(f"{name}.ipynb", cells)).run_cells(2)
    tab.page.evaluate(MARKS)
    return tab


def one_round(ui: Any, lab: Any, browser: Any, name: str) -> dict[str, float]:
    tab = visit(ui, lab, browser, name)
    cold = ask(tab, 1)
    tab.focus(1)
    tab.press("Control+End")
    tab.page.keyboard.type("\n# and now?")
    tab.press("Control+Enter")
    tab.cell(1).locator(".jp-InputPrompt", has_text="[3]").wait_for()
    edited = ask(tab, 1)
    tab.context.close()
    return {
        "cold": cold["text"],
        "edited": edited["text"],
        "cold_code": cold["code"],
        "edited_code": edited["code"],
        "tried": cold["tried"],
    }


def long_tasks(ui: Any, lab: Any, browser: Any) -> tuple[PageTrace, PageTrace]:
    """A page's long tasks: typing alone, and typing while the model writes."""
    tab = visit(ui, lab, browser, "typing")
    tab.focus(2)
    with traced(browser, tab.page) as alone:
        tab.page.keyboard.type("x = 1 " * 40, delay=25)
    with traced(browser, tab.page) as writing:
        ask(tab, 1, typing_in=2)
    tab.context.close()
    return alone, writing


def show_tasks(when: str, trace: PageTrace) -> None:
    ours = max(trace.ours, default=0.0)
    print(
        f"while typing, {when}: {len(trace.tasks)} tasks over {LONG_MS:g} ms, the longest "
        f"{max(trace.tasks, default=0.0):.0f} ms; the extension's part of one at most {ours:.0f} ms   "
        f"limit {LONG_MS:g} ms   ratio {ours / LONG_MS:.2f}"
    )


def median_of(values: Iterable[float]) -> float:
    """Of those that were seen: a model may write nothing beyond what it was given."""
    seen = [value for value in values if not math.isnan(value)]
    return statistics.median(seen) if seen else math.nan


def show(what: str, value: float, limit: float | None) -> None:
    against = "" if limit is None else f"   limit {limit:g} s   ratio {value / limit:.2f}"
    print(f"{what:<44} {value:6.2f} s{against}")


def main(rounds: int) -> None:
    from playwright.sync_api import sync_playwright

    from jupyter_mlagent import paths

    ui = load_fixtures()
    folder = Path(tempfile.mkdtemp(prefix="mlagent-bench-"))
    lab = ui.Lab(folder, MLAGENT_TEST_ENGINE=MODEL, MLAGENT_MODELS=str(paths.models_dir()))
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=ui.CHROMIUM, args=["--no-sandbox"])
            tab = visit(ui, lab, browser, "first")
            first = ask(tab, 1)["text"]
            tab.context.close()
            taken = [one_round(ui, lab, browser, f"round{number}") for number in range(rounds)]
            show("first visible token, model's start included", first, LIMITS["first"])
            for name, what in (
                ("cold", "first visible token, unread notebook"),
                ("edited", "first visible token, last cell edited"),
                ("cold_code", "first text of the model's own, unread notebook"),
                ("edited_code", "first text of the model's own, last cell edited"),
                ("tried", "first tried candidate, unread notebook"),
            ):
                show(what, median_of(one[name] for one in taken), LIMITS[name])
            alone, writing = long_tasks(ui, lab, browser)
            show_tasks("nothing going on", alone)
            show_tasks("the model writes", writing)
    finally:
        lab.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
