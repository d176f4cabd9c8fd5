"""A search on disk, one line a step, so that one that was killed goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Direction, Operator, Record
from jupyter_mlagent.reward.reward import RewardConfig
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.tree import ROOT, Growth, Tree

VERSION = 2


class Header(Record):
    """All that a tree begins with; the first line."""

    version: int
    state_hash: str
    metric: float | None
    direction: Direction | None
    operator: Operator
    settings: SearchSettings
    reward: RewardConfig


class Mark(Record, tag="mark"):
    """What the person said of a node; the last one counts."""

    node: int
    pruned: str
    pinned: bool
    hint: str


class SearchLog:
    """Keeps the steps of one tree; `keep` is what `Search` calls with every new node."""

    def __init__(self, path: Path, tree: Tree) -> None:
        """Begins the file with what the tree is now; raises MlagentError when it cannot be written."""
        self._path = path
        self._tree = tree
        root = tree.nodes[ROOT]
        header = Header(
            version=VERSION,
            state_hash=root.state_hash,
            metric=root.metric,
            direction=tree.direction,
            operator=tree.first_operator,
            settings=tree.settings,
            reward=tree.reward,
        )
        marks = [_mark(node) for node in tree.nodes if node.pruned or node.pinned or node.hint]
        lines = [msgspec.json.encode(record) for record in (header, *tree.growths, *marks)]
        partial = path.with_name(f"{path.name}.partial")
        try:
            partial.write_bytes(b"".join(line + b"\n" for line in lines))
            partial.replace(path)
        except OSError as error:
            raise MlagentError(f"The search cannot be kept in {path} ({error.strerror}).") from error

    def keep(self, node: Node) -> None:
        """Add one step. Raises MlagentError when the disk does not take it."""
        growth = next(each for each in reversed(self._tree.growths) if each.proposal is node.proposal)
        self._add(growth)

    def mark(self, node: Node) -> None:
        """Add what the person said of a node. Raises MlagentError when the disk does not take it."""
        self._add(_mark(node))

    def _add(self, line: Growth | Mark) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except (OSError, UnicodeEncodeError) as error:
            raise MlagentError(f"The search cannot be kept in {self._path} ({error}).") from error


class KeptTree:
    """One tree in a file, or in none. Once begun it never raises: a full disk costs the log only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writer: SearchLog | None = None
        self.problem = ""
        """One sentence when the search could not be kept."""

    def begin(self, fresh: Tree) -> Tree:
        """The tree that the file holds, where there is one, else the fresh one; kept from now on.

        Raises MlagentError when the file is another notebook's, or cannot be read or written.
        """
        if self._path is None:
            return fresh
        tree = fresh
        if self._path.exists():
            tree = read_log(self._path)
            same = tree.nodes[ROOT].state_hash == fresh.nodes[ROOT].state_hash
            if not same or tree.direction is not fresh.direction:
                raise MlagentError(
                    f"{self._path} holds a search over other cells than this notebook's; name another file."
                )
        self._writer = SearchLog(self._path, tree)
        return tree

    def keep(self, node: Node) -> None:
        self._write(SearchLog.keep, node)

    def mark(self, node: Node) -> None:
        self._write(SearchLog.mark, node)

    def _write(self, write: Callable[[SearchLog, Node], None], node: Node) -> None:
        if self._writer is None:
            return
        try:
            write(self._writer, node)
        except MlagentError as error:
            self._writer, self.problem = None, str(error)


def read_log(path: Path) -> Tree:
    """The tree as it was last kept; a line that a crash cut short is left out.

    Raises MlagentError when the file is missing or no search of this version.
    """
    try:
        first, *lines = path.read_bytes().split(b"\n")
        header = msgspec.json.decode(first, type=Header)
    except OSError as error:
        raise MlagentError(f"The search in {path} cannot be read ({error.strerror}).") from error
    except msgspec.DecodeError as error:
        raise MlagentError(f"{path} holds no search; name another file.") from error
    if header.version != VERSION:
        raise MlagentError(f"{path} was written by another version of mlagent; begin a new search.")
    tree = Tree(
        state_hash=header.state_hash,
        metric=header.metric,
        direction=header.direction,
        settings=header.settings,
        reward=header.reward,
        operator=header.operator,
    )
    kept = _whole(lines, path)
    tree.rebuild(line for line in kept if isinstance(line, Growth))
    for line in kept:
        if isinstance(line, Mark):
            node = tree.node(line.node)
            node.pruned, node.pinned, node.hint = line.pruned, line.pinned, line.hint
    return tree


def _mark(node: Node) -> Mark:
    return Mark(node=node.id, pruned=node.pruned, pinned=node.pinned, hint=node.hint)


def _whole(lines: list[bytes], path: Path) -> list[Growth | Mark]:
    """Every line that ends with a line break; what follows the last one was cut short."""
    try:
        return [msgspec.json.decode(line, type=Growth | Mark) for line in lines[:-1]]
    except msgspec.DecodeError as error:
        raise MlagentError(f"{path} is damaged; begin a new search.") from error
