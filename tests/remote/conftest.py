"""A real Jupyter server with real kernels; its engine types given replies and its trials follow a script."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent.remote.notebook import open_remote
from jupyter_mlagent.remote.server import Address, Server
from jupyter_mlagent.remote.workbench import RemoteWorkbench, join
from jupyter_mlagent.settings import SessionSettings

_path = Path(__file__).parents[1] / "server" / "conftest.py"
_spec = importlib.util.spec_from_file_location("server_conftest", _path)
assert _spec is not None and _spec.loader is not None
server_conftest = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(server_conftest)

engine, source, trials_factory, trainer, server, visit = (
    getattr(server_conftest, name)
    for name in ("engine", "source", "trials_factory", "trainer", "server", "visit")
)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """As the server has it; the fixture `server` makes its folder."""
    return tmp_path / "work" / "work.ipynb"


@pytest.fixture
async def client(server: Any, notebook: Path) -> AsyncIterator[Server]:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [
        new_code_cell(cell["source"], id=cell["id"], execution_count=cell.get("execution_count"))
        for cell in server_conftest.CELLS
    ]
    nbformat.write(new_notebook(cells=cells), notebook)
    opened = Server(Address(url=f"http://{server.host}/base/", token=server.token))
    yield opened
    await opened.close()


Joined = Callable[..., contextlib.AbstractAsyncContextManager[RemoteWorkbench]]


@pytest.fixture
def joined(client: Server) -> Joined:
    """`async with joined(heard) as workbench`: connected; what others do is appended to `heard`."""

    @contextlib.asynccontextmanager
    async def join_it(heard: list[Any] | None = None) -> AsyncIterator[RemoteWorkbench]:
        import asyncio

        there = asyncio.Event()

        def hear(message: Any) -> None:
            if heard is not None:
                heard.append(message)
            there.set()

        file = await open_remote(client, "work.ipynb")
        async with join(client, file, SessionSettings(candidates=2), hear) as workbench:
            await there.wait()
            yield workbench

    return join_it
