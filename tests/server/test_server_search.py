"""A search from a page: a real kernel and real states; told to all, steered by any, kept on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.server.kernels import ServerTrials

Visit = Callable[..., Any]
SOURCES = (
    "from sklearn.dummy import DummyRegressor\nfrom sklearn.metrics import mean_absolute_error",
    "X_train, y_train, X_val, y_val = [[0], [1]], [1.0, 3.0], [[0], [1]], [8.0, 10.0]\nlevel = 2",
    "model = DummyRegressor().fit(X_train, y_train)\nprint(mean_absolute_error(y_val, model.predict(X_val)))",
)
CELLS = [
    {"id": f"cell{number}", "kind": "code", "source": source, "execution_count": number + 1}
    for number, source in enumerate(SOURCES)
]


def rise(by: str) -> str:
    return (
        f"{PREFILL} rise by {by}\nlevel = level + {by}\n"
        "model = DummyRegressor(strategy='constant', constant=level).fit(X_train, y_train)\n```"
    )


@pytest.fixture
def engine() -> Any:
    return ScriptedEngine(replies=[rise("3"), rise("int('x')"), rise("2"), rise("1")])


@pytest.fixture
def trials_factory() -> Any:
    return ServerTrials


class Kernel:
    def __init__(self, id: str, client: Any) -> None:
        self.id = id
        self._client = client

    async def run(self, source: str) -> int:
        reply = await self._client.execute(source, reply=True)
        assert reply["content"]["status"] == "ok", reply["content"]
        return int(reply["content"]["execution_count"])


@pytest.fixture
async def kernel(server: Any) -> AsyncIterator[Kernel]:
    """The notebook's kernel, in which its cells have run."""
    manager = server.app.kernel_manager
    id = await manager.start_kernel()
    client = manager.get_kernel(id).client()
    client.start_channels()
    await client.wait_for_ready()
    kernel = Kernel(id, client)
    for source in SOURCES:
        await kernel.run(source)
    yield kernel
    client.stop_channels()
    await manager.shutdown_kernel(id, now=True)


async def explored(visit: Visit, kernel: Kernel, steps: int = 3) -> tuple[Any, dict[str, Any]]:
    """A page whose search has ended, and the path that it chose."""
    page = await visit()
    await page.say("hello", kernel_id=kernel.id)
    await page.say("explore", cells=CELLS, steps=steps, candidates=1, allow_unguarded=True)
    chosen = await page.until("path_chosen", "failed")
    assert chosen["type"] == "path_chosen", chosen
    await page.until("working")
    return page, chosen


async def test_a_search_is_told_steered_seen_again_and_one_of_its_paths_kept(
    visit: Visit, server: Any, kernel: Kernel
) -> None:
    other = await visit()
    page, chosen = await explored(visit, kernel)
    began = next(event for event in page.heard if event["type"] == "search_began")
    assert [node["id"] for node in began["nodes"]] == [0]
    added = [event["node"] for event in page.heard if event["type"] == "node_added"]
    assert len(added) == 3
    assert (await other.until("path_chosen"))["node"] == chosen["node"]

    later = await visit()
    state = later.heard[0]
    assert [node["plan"] for node in state["search"][0]["nodes"][1:]] == [node["plan"] for node in added]
    assert state["search"][-1]["type"] == "path_chosen" and state["searching"] is False

    await later.say("search_look", node=chosen["node"])
    seen = await later.until("node_detail")
    assert [cell["source"] for cell in seen["cells"]][-1] == chosen["steps"][-1]["source"]

    await page.say("search_keep", node=chosen["node"], cells=CELLS)
    cells = [*CELLS]
    while (message := await page.until("apply", "flight_ended", "failed"))["type"] == "apply":
        source = message["acceptance"]["source"]
        count = await kernel.run(source)
        cells.append({"id": f"new{count}", "kind": "code", "source": source, "execution_count": count})
        run = {"outputs": [], "execution_count": count, "seconds": 0.1}
        await page.say("applied", id=message["id"], cell_id=f"new{count}", run=run, cells=cells)
    assert message["type"] == "flight_ended" and message["kept"] == len(chosen["steps"]), message
    assert message["metric_end"] < message["metric_start"] == 7.0
    steps = await server.fetch("GET", "journal?path=work.ipynb")
    assert [step["verdict"] for step in steps].count("accepted") == len(chosen["steps"])

    answer = await AsyncHTTPClient().fetch(
        f"http://{server.address}search?path=work.ipynb", headers=server.headers
    )
    assert "attachment" in answer.headers["Content-Disposition"] and b"rise by" in answer.body
    assert (await server.fetch("GET", "search?path=work.ipynb&form=json"))["nodes"]


async def test_a_search_under_way_is_paused_pruned_hinted_and_stopped(
    visit: Visit, kernel: Kernel, engine: Any
) -> None:
    page = await visit()
    await page.say("hello", kernel_id=kernel.id)
    await page.say("explore", cells=CELLS, steps=50, candidates=1, allow_unguarded=True)
    first = (await page.until("node_added", "failed"))["node"]

    await page.say("search_pause")
    await page.until("search_paused")
    await page.say("search_hint", node=first["id"], text="larger steps")
    standing = (await page.until("standings_changed"))["nodes"]
    while not any(each["id"] == first["id"] and each["hint"] for each in standing):
        standing = (await page.until("standings_changed"))["nodes"]
    await page.say("search_prune", node=first["id"])
    while not any(each["id"] == first["id"] and each["status"] == "pruned" for each in standing):
        standing = (await page.until("standings_changed"))["nodes"]

    await page.say("ask", cells=CELLS)
    while (problem := await refused(page))["type"] != "problem":
        pass
    assert "stop it first" in problem["message"]
    await page.say("search_stop")
    assert (await page.until("search_ended"))["reason"] == "it was stopped"


async def refused(page: Any) -> dict[str, Any]:
    """The next message, a problem included."""
    import json

    message: dict[str, Any] = json.loads(await page._socket.read_message())
    return message


async def test_without_a_search_there_is_nothing_to_steer_or_save(visit: Visit, server: Any) -> None:
    page = await visit()
    await page.say("search_pause")
    while (problem := await refused(page))["type"] != "problem":
        pass
    assert "no search" in problem["message"]
    with pytest.raises(HTTPClientError) as missing:
        await server.fetch("GET", "search?path=work.ipynb")
    assert missing.value.code == 404
