"""A search on disk, one line a step, so that one that was killed goes on where it was."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Direction, Operator, Record
from jupyter_mlagent.reward.reward import RewardConfig
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.tree import ROOT, Growth, Tree

VERSION = 1


class Header(Record):
    """All that a tree begins with; the first line."""

    version: int
    state_hash: str
    metric: float | None
    direction: Direction | None
    operator: Operator
    settings: SearchSettings
    reward: RewardConfig


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
        lines = [msgspec.json.encode(record) for record in (header, *tree.growths)]
        partial = path.with_name(f"{path.name}.partial")
        try:
            partial.write_bytes(b"".join(line + b"\n" for line in lines))
            partial.replace(path)
        except OSError as error:
            raise MlagentError(f"The search cannot be kept in {path} ({error.strerror}).") from error

    def keep(self, node: Node) -> None:
        """Add one step. Raises MlagentError when the disk does not take it."""
        growth = next(each for each in reversed(self._tree.growths) if each.proposal is node.proposal)
        try:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(growth) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except (OSError, UnicodeEncodeError) as error:
            raise MlagentError(f"The search cannot be kept in {self._path} ({error}).") from error


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
    tree.rebuild(_whole(lines, path))
    return tree


def _whole(lines: list[bytes], path: Path) -> list[Growth]:
    """Every line that ends with a line break; what follows the last one was cut short."""
    try:
        return [msgspec.json.decode(line, type=Growth) for line in lines[:-1]]
    except msgspec.DecodeError as error:
        raise MlagentError(f"{path} is damaged; begin a new search.") from error
