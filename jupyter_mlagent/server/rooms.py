"""The rooms of a server, one a notebook."""

from __future__ import annotations

import posixpath

from jupyter_mlagent.journal import Journal
from jupyter_mlagent.server.engine import SharedEngine
from jupyter_mlagent.server.room import Room, TrialSource


class Rooms:
    """Rooms are kept while their server runs: they are what a reloaded page comes back to."""

    def __init__(self, root: str, engine: SharedEngine, trials: TrialSource, journal: Journal | None) -> None:
        self.engine = engine
        self.journal = journal
        self._root = root
        self._trials = trials
        self._rooms: dict[str, Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def file_of(self, path: str) -> str:
        """The notebook's name in the journal: its file where the server has one."""
        return posixpath.normpath(posixpath.join(self._root, path.lstrip("/")))

    def room(self, path: str) -> Room:
        """The room of a notebook, by its path as the contents API has it."""
        if path not in self._rooms:
            self._rooms[path] = Room(self.file_of(path), self.engine, self._trials, self.journal)
        return self._rooms[path]

    def rename(self, old: str, new: str) -> None:
        """The notebook moved; its session goes along."""
        if old in self._rooms and new not in self._rooms:
            room = self._rooms[new] = self._rooms.pop(old)
            room.session.notebook = self.file_of(new)

    async def close(self) -> None:
        for room in self._rooms.values():
            await room.close()
        self._rooms.clear()
        await self.engine.close()
        if self.journal is not None:
            self.journal.close()
