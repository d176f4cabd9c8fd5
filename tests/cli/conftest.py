"""A real command line in a process of its own, a real kernel, and an endpoint that answers from a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

from jupyter_mlagent.agent.parser import PREFILL

ROOT = Path(__file__).parents[2]
FOREST = """\
from sklearn.ensemble import RandomForestClassifier
model = RandomForestClassifier(n_estimators=50, random_state=0).fit(X_train, y_train)"""
REPLY = f"{PREFILL} fit a random forest\n{FOREST}\n```"
SETUP = """\
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0, test_size=0.4)"""
SCORE = """\
model = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X_train, y_train)
print("accuracy", accuracy_score(y_val, model.predict(X_val)))"""

Mlagent = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    paths = [str(ROOT), str(ROOT / "kernels")]
    return {**os.environ, "MLAGENT_HOME": str(home), "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "120"}


@pytest.fixture
def mlagent(environment: dict[str, str], tmp_path: Path) -> Mlagent:
    """Run `mlagent ARGUMENTS` to its end."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jupyter_mlagent", *map(str, arguments)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


class _Endpoint(BaseHTTPRequestHandler):
    """The least of an OpenAI-compatible server: every completion is the scripted reply."""

    reply = REPLY

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choices = range(body.get("n") or 1)
        if not body.get("stream"):
            message = {"role": "assistant", "content": self.reply}
            self._answer(
                {"choices": [{"index": i, "message": message, "finish_reason": "stop"} for i in choices]}
            )
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for index in choices:
            self._chunk({"index": index, "delta": {"content": self.reply}, "finish_reason": None})
            self._chunk({"index": index, "delta": {}, "finish_reason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, choice: dict[str, object]) -> None:
        chunk = {"id": "1", "object": "chat.completion.chunk", "model": "scripted", "choices": [choice]}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def _answer(self, content: dict[str, object]) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The URL to give to --model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def write_notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write code cells as a notebook, without outputs."""

    def write(*sources: str, name: str = "nb.ipynb", **metadata: object) -> Path:
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        node.metadata.update(metadata)
        path = tmp_path / name
        nbformat.write(node, path)
        return path

    return write


@pytest.fixture
def notebook(write_notebook: Callable[..., Path]) -> Path:
    return write_notebook(SETUP, SCORE)


@pytest.fixture
def setup_source() -> str:
    return SETUP


@pytest.fixture
def score_source() -> str:
    return SCORE
