"""A Jupyter server with the extension, an engine that types given replies, and trials with a script."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import websocket_connect
from traitlets.config import Config

from jupyter_mlagent.records import Variable
from jupyter_mlagent.trial.scripted import ScriptedTrials

_spec = importlib.util.spec_from_file_location("typing_engine", Path(__file__).parent / "typing_engine.py")
assert _spec is not None and _spec.loader is not None
typing_engine = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(typing_engine)

METRIC = "accuracy_score(y_val, model.predict(X_val))"
FOREST = "model = RandomForestClassifier(random_state=0).fit(X_train, y_train)"
TREE = "model = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)"
NAMES = ("model", "X_train", "y_train", "X_val", "y_val", "accuracy_score")
CLASSES = ("RandomForestClassifier", "DecisionTreeClassifier")
CELLS = [
    {"id": "load", "kind": "code", "source": "X_train, X_val, y_train, y_val = load()", "execution_count": 1},
    {
        "id": "score",
        "kind": "code",
        "source": f"model = Weak().fit(X_train, y_train)\nprint({METRIC})",
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "0.5\n"}],
        "execution_count": 2,
    },
]


def reply(plan: str, code: str) -> str:
    return f"PLAN: {plan}\n```python\n{code}\n```"


class Source:
    """Trial runners for kernels that do not exist; `processes` counts restarts."""

    def __init__(self, trials: ScriptedTrials) -> None:
        self.trials = trials
        self.restarts = 0
        self.opened = 0

    def process_of(self, kernel_id: str) -> object:
        return kernel_id, self.restarts

    async def open(self, kernel_id: str) -> ScriptedTrials:
        self.opened += 1
        return self.trials


@pytest.fixture
def engine() -> Any:
    return typing_engine.TypingEngine(
        [reply("a tree", TREE), reply("a forest", FOREST)], completion="fit(X_train, y_train)"
    )


@pytest.fixture
def source() -> Source:
    variables = tuple(Variable(name=name, type="object", summary=name) for name in (*NAMES, *CLASSES))
    return Source(ScriptedTrials(0.5, {"RandomForest": 0.9, "DecisionTree": 0.7}, variables))


@pytest.fixture
def trainer() -> Any:
    """None: no trainer is installed; a test may have one of its own."""
    return None


@pytest.fixture
def trials_factory(source: Source) -> Callable[[Any], Any]:
    """Where rooms get their trials: the script, whatever the kernel; a test may have real ones."""
    return lambda manager: source


class Server:
    """A running Jupyter server."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.token: str = app.identity_provider.token
        self.headers = {"Authorization": f"token {self.token}"}
        self.host = f"127.0.0.1:{app.port}"
        self.address = f"{self.host}/base/mlagent/"

    async def fetch(self, method: str, route: str, **body: Any) -> Any:
        """The JSON that a route answers with."""
        answer = await AsyncHTTPClient().fetch(
            f"http://{self.address}{route}",
            method=method,
            headers=self.headers,
            body=json.dumps(body) if method == "POST" else None,
        )
        return json.loads(answer.body)


# pytest-jupyter's own fixtures run their event loop themselves, which pytest-asyncio's tests cannot join.
@pytest.fixture
async def server(
    engine: Any,
    trials_factory: Callable[[Any], Any],
    trainer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Server]:
    for name in ("config", "data", "runtime", "mlagent", "work"):
        (tmp_path / name).mkdir(exist_ok=True)
    for variable, name in {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "MLAGENT_HOME": "mlagent",
    }.items():
        monkeypatch.setenv(variable, str(tmp_path / name))
    app = ServerApp(
        config=Config(
            {
                "ServerApp": {"jpserver_extensions": {"jupyter_mlagent.server": True}},
                "MlagentApp": {
                    "engine_factory": lambda spec: engine,
                    "trials_factory": trials_factory,
                    "trainer_factory": lambda: trainer,
                },
                "IdentityProvider": {"token": "the-token"},
            }
        ),
        root_dir=str(tmp_path / "work"),
        base_url="/base/",
        open_browser=False,
        allow_root=True,
        log_level="CRITICAL",
    )
    app.initialize(argv=[], find_extensions=False, new_httpserver=False)
    http_server = HTTPServer(app.web_app)
    socket, app.port = bind_unused_port()
    http_server.add_socket(socket)
    yield Server(app)
    http_server.stop()
    await app._cleanup()
    ServerApp.clear_instance()


class Page:
    """One page's WebSocket, in words."""

    cells = CELLS

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.heard: list[dict[str, Any]] = []

    def say(self, kind: str, **fields: Any) -> Any:
        return self._socket.write_message(json.dumps({"type": kind, **fields}))

    async def until(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of these kinds; what comes before it is kept in `heard`."""
        while True:
            text = await self._socket.read_message()
            assert text is not None, f"closed while waiting for {kinds}"
            message: dict[str, Any] = json.loads(text)
            self.heard.append(message)
            if message["type"] in kinds:
                return message
            assert message["type"] != "problem", message

    async def ask(self, **wishes: Any) -> dict[str, Any]:
        """Ask with a kernel; the ranked (or failed) event."""
        await self.say("hello", kernel_id="a-kernel")
        await self.say("ask", cells=CELLS, candidates=2, **wishes)
        return await self.until("ranked", "failed")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def visit(server: Server) -> Callable[..., Any]:
    async def visit(path: str = "work.ipynb", was: str = "") -> Page:
        url = f"ws://{server.address}notebook?path={quote(path)}" + (f"&was={quote(was)}" if was else "")
        page = Page(await websocket_connect(HTTPRequest(url, headers=server.headers)))
        await page.until("room_state")
        return page

    return visit
