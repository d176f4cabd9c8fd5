"""The desk's notebook, kernel and model on a Jupyter server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlagent.engine.api import Engine, EngineInfo
from jupyter_mlagent.remote.notebook import RemoteFile, open_remote
from jupyter_mlagent.remote.server import Server, address_of
from jupyter_mlagent.remote.workbench import RemoteWorkbench, join
from jupyter_mlagent.settings import SessionSettings
from mlagent_tui.desk.core import Hear

if TYPE_CHECKING:
    from jupyter_mlagent.notebook import NotebookFile


class JoinedCore:
    """Raises MlagentError for an address that is none."""

    on_disk = False

    def __init__(self, url: str, token: str | None, settings: SessionSettings) -> None:
        self.server = Server(address_of(url, token))
        self.settings = settings

    async def open_notebook(self, path: Path) -> NotebookFile:
        await self.server.agent()
        return await open_remote(self.server, path.as_posix())

    async def open_engine(self) -> Engine:
        # Only its beginning and its end are asked for.
        return _ServersEngine(self.server)  # type: ignore[return-value]

    @contextlib.asynccontextmanager
    async def open_workbench(
        self, notebook: NotebookFile, engine: Engine, hear: Hear
    ) -> AsyncIterator[RemoteWorkbench]:
        del engine
        assert isinstance(notebook, RemoteFile)
        async with join(self.server, notebook, self.settings, hear) as workbench:
            yield workbench


class _ServersEngine:
    """The model is the server's; it loads with the first request there."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def start(self) -> EngineInfo:
        agent: dict[str, Any] = await self._server.agent()
        return EngineInfo(model=agent.get("model") or "the server's model", context_tokens=0)

    async def close(self) -> None:
        await self._server.close()
