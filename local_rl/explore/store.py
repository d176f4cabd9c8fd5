"""The folder of an exploration: JSON lines, each on disk as soon as it is made; the same command goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from jupyter_mlagent.errors import MlagentError
from local_rl.environment.states import EnvState
from local_rl.explore.records import IdeaPool, Tried

IDEAS_FILE, STATES_FILE, TRIED_FILE = "ideas.jsonl", "states.jsonl", "tried.jsonl"

Line = TypeVar("Line", IdeaPool, EnvState, Tried)


class Exploration:
    """What was found so far. One process writes at a time; any number read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ideas(self) -> dict[str, IdeaPool]:
        """By task."""
        return {pool.task: pool for pool in self._read(IDEAS_FILE, IdeaPool)}

    def states(self) -> dict[str, EnvState]:
        """By hash."""
        return {state.hash: state for state in self._read(STATES_FILE, EnvState)}

    def tried(self) -> list[Tried]:
        return self._read(TRIED_FILE, Tried)

    def add_ideas(self, pool: IdeaPool) -> None:
        self._append(IDEAS_FILE, [pool])

    def add_batch(self, state: EnvState, rows: list[Tried]) -> None:
        """A request's replies all at once, so that one that was cut short is asked again."""
        if state.hash not in self.states():
            self._append(STATES_FILE, [state])
        self._append(TRIED_FILE, rows)

    def _append(self, name: str, lines: list[Line]) -> None:
        """On disk when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        whole = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
        try:
            with path.open("ab") as file:
                file.truncate(whole)  # a last line cut short by a crash
                file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MlagentError(
                f"{path} cannot be written ({error.strerror}); make room and run it again."
            ) from error

    def _read(self, name: str, kind: type[Line]) -> list[Line]:
        path = self.folder / name
        if not path.exists():
            return []
        found: list[Line] = []
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(msgspec.json.decode(line, type=kind))
            except msgspec.DecodeError as error:
                if number >= len(lines):
                    continue
                raise MlagentError(f"{path}, line {number}, cannot be read ({error}).") from error
        return found
