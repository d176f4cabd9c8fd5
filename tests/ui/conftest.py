"""JupyterLab in a real browser: a real server with real kernels, and the extension as it was built."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
LABEXTENSION = ROOT / "jupyter_mlagent" / "labextension"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

CELLS = (
    "from sklearn.datasets import load_iris\nfrom sklearn.model_selection import train_test_split\n"
    "from sklearn.dummy import DummyClassifier\nfrom sklearn.metrics import accuracy_score\n"
    "X, y = load_iris(return_X_y=True)\n"
    "X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)",
    "model = DummyClassifier().fit(X_train, y_train)\nprint(accuracy_score(y_val, model.predict(X_val)))",
    "# notes: try something better",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    missing = []
    if CHROMIUM is None:
        missing.append("no Chromium on this machine")
    if not (LABEXTENSION / "package.json").exists():
        missing.append("the extension is not built (make lab-build)")
    try:
        import playwright  # noqa: F401
    except ImportError:
        missing.append("playwright is not installed")
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.slow)
            if missing:
                item.add_marker(pytest.mark.skip(reason="; ".join(missing)))


class Lab:
    """A running JupyterLab; `restart` ends it and starts it on the same port."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        for name in ("data", "config", "runtime", "mlagent", "work", "settings"):
            (folder / name).mkdir(exist_ok=True)
        quiet = folder / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True)
        (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        extensions = folder / "data" / "labextensions"
        extensions.mkdir(exist_ok=True)
        (extensions / "jupyter-mlagent").symlink_to(LABEXTENSION)
        self._environment = {
            **os.environ,
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "IPYTHONDIR": str(folder / "ipython"),
            "MLAGENT_HOME": str(folder / "mlagent"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "kernels")]),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, command: str = "lab") -> None:
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", f"jupyter{command}" if command == "lab" else command),
                *("--config", str(Path(__file__).parent / "jupyter_config.py")),
                f"--ServerApp.port={self.port}",
                f"--ServerApp.root_dir={self.folder / 'work'}",
                "--LabApp.expose_app_in_browser=True",
                "--ServerApp.port_retries=0",
            ],
            env=self._environment,
            stdout=log,
            stderr=log,
        )
        while True:
            assert self._process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"{self.url}/api?token=the-token")
                return
            except OSError:
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def notebook(self, name: str, cells: tuple[str, ...] = CELLS) -> str:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(node, self.folder / "work" / name)
        return name


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class LabPage:
    """One browser tab with one notebook, in words."""

    def __init__(self, lab: Lab, browser: Any) -> None:
        self._lab = lab
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, notebook: str, app: str = "lab/tree") -> LabPage:
        self.page.goto(f"{self._lab.url}/{app}/{notebook}?token=the-token&reset")
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        self.page.wait_for_function(IDLE)
        return self

    def run_cells(self, count: int) -> None:
        for index in range(count):
            self.focus(index)
            self.page.keyboard.press("Control+Enter")
            self.cell(index).locator(".jp-InputPrompt", has_text=f"[{index + 1}]").wait_for()

    def cell(self, index: int) -> Any:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def focus(self, index: int) -> None:
        self.cell(index).locator(".jp-InputArea .cm-content").click()

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    @property
    def proposal(self) -> Any:
        return self.page.locator(".jp-mlagent-Proposal")

    def ask(self, after: int = 1) -> Any:
        """Ask below a cell and wait until everything was tried."""
        self.focus(after)
        self.press("Alt+Shift+M")
        self.proposal.get_by_text("Candidate 1 of").wait_for()
        return self.proposal

    def button(self, name: str) -> Any:
        return self.proposal.get_by_role("button", name=name, exact=True)

    def sources(self) -> list[str]:
        return [str(text) for text in self.page.evaluate(SOURCES)]


IDLE = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
SOURCES = """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell')].map(
  cell => [...cell.querySelectorAll('.jp-InputArea .cm-line')].map(line => line.textContent).join('\\n')
)"""


@pytest.fixture
def tab(lab: Lab, browser: Any) -> Iterator[LabPage]:
    opened = LabPage(lab, browser)
    yield opened
    opened.context.close()
