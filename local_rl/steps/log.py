"""What a run sampled and what its updates amounted to, a JSON line each, for whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from jupyter_mlagent.records import Record
from local_rl.steps.group import Group
from local_rl.steps.numbers import UpdateNumbers

GROUPS_FILE, UPDATES_FILE = "groups.jsonl", "updates.jsonl"


class GroupLine(Record):
    update: int
    group: Group
    """Without its prompt, which the state makes again."""


Line = TypeVar("Line", GroupLine, UpdateNumbers)


class Log:
    """Lines of updates that a run takes again after a crash are written again: `begin_at` drops the old."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin_at(self, update: int) -> None:
        """Drop what was written of later updates, and a last line that was cut short."""
        _keep(self._folder / GROUPS_FILE, GroupLine, lambda line: line.update < update)
        _keep(self._folder / UPDATES_FILE, UpdateNumbers, lambda line: line.update <= update)

    def add_group(self, update: int, group: Group) -> None:
        bare = msgspec.structs.replace(group, messages=())
        self._add(GROUPS_FILE, GroupLine(update=update, group=bare))

    def add_update(self, numbers: UpdateNumbers) -> None:
        self._add(UPDATES_FILE, numbers)

    def groups(self) -> list[GroupLine]:
        return _read(self._folder / GROUPS_FILE, GroupLine)

    def updates(self) -> list[UpdateNumbers]:
        return _read(self._folder / UPDATES_FILE, UpdateNumbers)

    def _add(self, name: str, line: Record) -> None:
        with (self._folder / name).open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")


def _read(path: Path, kind: type[Line]) -> list[Line]:
    """Every whole line; the last one may be cut short by a crash."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().split(b"\n")[:-1]]


def _keep(path: Path, kind: type[Line], wanted: Callable[[Line], bool]) -> None:
    if not path.exists():
        return
    kept = [line for line in _read(path, kind) if wanted(line)]
    beside = path.with_suffix(".part")
    beside.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in kept))
    beside.replace(path)
