"""The rooms of a server, one a notebook."""

from __future__ import annotations

import logging
import posixpath
from pathlib import Path

from jupyter_mlagent.errors import JournalError
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

    def rename(self, old: str, new: str) -> Room:
        """The notebook moved, or was saved under another name: its session goes along; returns it.

        Whoever already works on a notebook at the new path keeps that session.
        """
        room = self._rooms.get(old)
        present = self._rooms.get(new)
        if room is None or room is present or (present is not None and present.listeners):
            return self.room(new)
        self._rooms[new] = self._rooms.pop(old)
        room.session.notebook = self.file_of(new)
        self._rename_steps(old, new)
        return room

    def _rename_steps(self, old: str, new: str) -> None:
        """Earlier steps follow a moved file; those of a copied one stay with it."""
        file = self.file_of(old)
        if self.journal is None or Path(file).exists():
            return
        try:
            self.journal.rename_notebook(file, self.file_of(new))
        except JournalError as error:
            logging.getLogger(__name__).warning("Steps of %s stay under that name: %s", file, error)

    async def close(self) -> None:
        for room in self._rooms.values():
            await room.close()
        self._rooms.clear()
        await self.engine.close()
        if self.journal is not None:
            self.journal.close()
