"""Takes the README's pictures of JupyterLab: an example notebook, a real model, a real trial, light and dark.

    python scripts/lab_screenshots.py [model]

Needs what the browser tests need (the built extension, Chromium, Playwright) and the model's weights. Writes
docs/lab-light.png and docs/lab-dark.png.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_mlagent import paths

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "breast_cancer.ipynb"
SIZE = {"width": 1180, "height": 860}
THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
TIDY = """() => {
  const {commands, shell} = window.jupyterapp;
  shell.collapseLeft();
  const toolbar = document.querySelector('#jp-main-statusbar');
  return commands.execute('runmenu:run-all').then(() => toolbar !== null);
}"""
SHOW = """() => {
  document.querySelector('.jp-mlagent-Proposal').scrollIntoView({block: 'end'});
  document.activeElement?.blur();
}"""


def load_fixtures() -> Any:
    spec = importlib.util.spec_from_file_location("ui_conftest", ROOT / "tests" / "ui" / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def take(ui: Any, lab: Any, browser: Any) -> None:
    tab = ui.LabPage(lab, browser)
    page = tab.page
    page.set_default_timeout(600_000)
    page.set_viewport_size(SIZE)
    tab.open(EXAMPLE.name)
    page.evaluate(TIDY)
    page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    last = tab.page.locator(".jp-Notebook .jp-CodeCell").last
    last.locator(".jp-OutputArea-output").first.wait_for()
    last.locator(".jp-InputArea .cm-content").click()
    tab.press("Alt+Shift+M")
    tab.proposal.get_by_text("Candidate 1 of").wait_for()
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        page.evaluate(THEME, theme)
        page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
        page.evaluate(SHOW)
        page.wait_for_load_state("networkidle")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.screenshot(path=ROOT / "docs" / f"lab-{theme.split()[1].lower()}.png")


def main(model: str) -> None:
    from playwright.sync_api import sync_playwright

    ui = load_fixtures()
    lab = ui.Lab(
        Path(tempfile.mkdtemp(prefix="mlagent-shots-")),
        MLAGENT_TEST_ENGINE=model,
        MLAGENT_MODELS=str(paths.models_dir()),
    )
    shutil.copy(EXAMPLE, lab.folder / "work")
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=ui.CHROMIUM, args=["--no-sandbox"])
            take(ui, lab, browser)
            browser.close()
    finally:
        lab.stop()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "qwen2.5-coder-1.5b")
