"""A notebook of a Jupyter server: read and saved through its contents API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook.file import NotebookFile, without_ids
from jupyter_mlagent.notebook.read import check_language
from jupyter_mlagent.notebook.structure import check_notebook
from jupyter_mlagent.notebook.write import Fingerprint, NotebookChangedError
from jupyter_mlagent.remote.server import Server, stamp_of

NOWHERE = Fingerprint(0, "")


async def open_remote(server: Server, path: str) -> RemoteFile:
    """Raises NotebookError, or MlagentError when the server is not there."""
    return _made(server, path, await server.read(path))


def _made(server: Server, path: str, model: dict[str, Any]) -> RemoteFile:
    from nbformat.v4 import to_notebook

    if model.get("type") != "notebook":
        raise NotebookError(f"{path} on {server.address.url} is not a notebook.")
    node = to_notebook(check_notebook(model["content"], path))
    check_language(node, Path(path))
    return RemoteFile(server, path, node, stamp_of(model))


class RemoteFile(NotebookFile):
    """`save` goes to the server and refuses, as for a file, when somebody else saved meanwhile; `save_as`
    makes a file on this machine."""

    def __init__(self, server: Server, path: str, node: Any, stamp: str) -> None:
        super().__init__(Path(path), node, NOWHERE)
        self.remote_path = path
        self.stamp = stamp
        """Of the version that was last read or written here."""
        self._server = server

        self.latest = stamp
        """Of the version that the server was last seen to have."""

    def glance(self) -> object:
        return self.latest

    def written_elsewhere(self) -> bool:
        return self.latest != self.stamp

    def reopened(self) -> RemoteFile:
        return _made(self._server, self.remote_path, self._server.read_now(self.remote_path))

    def save(self) -> None:
        if self._server.stamp_now(self.remote_path) != self.stamp:
            raise NotebookChangedError(
                f"{self.remote_path} was saved by somebody else since it was read; nothing was written: "
                f"load theirs, or save a copy."
            )
        node = without_ids(self.node, self._memory_ids) if self._memory_ids else self.node
        self.stamp = self.latest = self._server.write_now(self.remote_path, node)
