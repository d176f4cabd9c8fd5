"""Which states of a task are alive, and how the others come back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import TrialStatus
from jupyter_mlagent.trial.live_tree import Opened
from local_rl.environment.tree import StateTree
from local_rl.tasks.preparing import Prepared

if TYPE_CHECKING:
    from local_rl.environment.environment import EnvSettings


@dataclass
class _Node:
    name: str
    hash: str
    tree: StateTree
    parent: str = ""
    """Empty for a tree's first node."""
    children: set[str] = field(default_factory=set)
    borrowed: int = 0
    used: int = 0


class LiveStates:
    """Nodes by the hash of what was run in them; a node that is not there is replayed from the nearest one.

    Of a full house the least recently used node ends that has no children and that nobody is working in; a
    tree whose only node is left may end as a whole.
    """

    def __init__(
        self,
        place: Path,
        data: Prepared,
        fill: Callable[[Path, Prepared], None],
        settings: EnvSettings,
        hash_of: Callable[[tuple[str, ...]], str],
    ) -> None:
        """`place`: a folder for the workspaces of the trees; `fill` puts the public data into one."""
        self._place = place
        self._data = data
        self._fill = fill
        self._settings = settings
        self._hash_of = hash_of
        self._nodes: dict[str, _Node] = {}
        self._by_hash: dict[str, str] = {}
        self._clock = itertools.count()
        self._count = itertools.count()
        self._bringing = asyncio.Lock()
        self.replays = 0
        """Trees that were opened, each by running a notebook."""

    def __len__(self) -> int:
        return len(self._nodes)

    def tree_of(self, name: str) -> StateTree:
        return self._nodes[name].tree

    def has(self, sources: tuple[str, ...]) -> bool:
        return self._hash_of(sources) in self._by_hash

    async def ensure(self, sources: tuple[str, ...]) -> tuple[str, Opened | None]:
        """The node of a state, and what its replay showed where the whole notebook had to run."""
        async with self._bringing:
            name, done = self._nearest(sources)
            opened = None
            if name is None:
                name, opened = await self._open(sources)
                done = len(sources)
            for end in range(done + 1, len(sources) + 1):
                name = await self._advance(name, sources[:end])
            self._nodes[name].used = next(self._clock)
            return name, opened

    @asynccontextmanager
    async def borrowed(self, sources: tuple[str, ...]) -> AsyncIterator[str]:
        """A node that does not end while it is worked in."""
        name, _ = await self.ensure(sources)
        node = self._nodes[name]
        node.borrowed += 1
        try:
            yield name
        finally:
            node.borrowed -= 1
            node.used = next(self._clock)

    def register(self, name: str, parent: str, sources: tuple[str, ...]) -> None:
        """A trial stayed alive under this name."""
        above = self._nodes[parent]
        node = _Node(name, self._hash_of(sources), above.tree, parent, used=next(self._clock))
        above.children.add(name)
        self._nodes[name] = node
        self._by_hash[node.hash] = name

    async def forget(self, name: str) -> None:
        """End a node and what grew from it."""
        node = self._nodes.get(name)
        if node is None:
            return
        await node.tree.drop(name)
        self._remove(node)
        if not node.parent:
            await node.tree.close()

    async def evict(self) -> None:
        """Make room for one more node."""
        while len(self._nodes) >= self._settings.live_states:
            idle = [node for node in self._nodes.values() if not node.children and not node.borrowed]
            if not idle:
                return
            await self.forget(min(idle, key=lambda node: node.used).name)

    async def close(self) -> None:
        trees = {id(node.tree): node.tree for node in self._nodes.values()}
        self._nodes, self._by_hash = {}, {}
        for tree in trees.values():
            await tree.close()

    def _nearest(self, sources: tuple[str, ...]) -> tuple[str | None, int]:
        """The live node that shares the longest beginning with `sources`, and how many cells that is."""
        for end in range(len(sources), 0, -1):
            name = self._by_hash.get(self._hash_of(sources[:end]))
            if name is None:
                continue
            if self._nodes[name].tree.alive:
                return name, end
            self._lose(self._nodes[name].tree)
        return None, 0

    async def _open(self, sources: tuple[str, ...]) -> tuple[str, Opened]:
        await self.evict()
        number = next(self._count)
        workspace = self._place / f"workspace-{number}"
        self._fill(workspace, self._data)
        settings = self._settings
        tree = StateTree(
            workspace,
            self._data.hidden,
            threads=settings.threads,
            memory_bytes=settings.memory_bytes,
            allow_unguarded=settings.allow_unguarded,
        )
        name = f"first-{number}"
        try:
            await tree.start()
            opened = await tree.open(name, sources, settings.limits)
            if opened.unsafe:
                raise KernelError(f"The notebook's state cannot be kept alive: {opened.unsafe}")
        except BaseException:
            await tree.close()
            raise
        self.replays += 1
        node = _Node(name, self._hash_of(sources), tree, used=next(self._clock))
        self._nodes[name] = node
        self._by_hash[node.hash] = name
        return name, opened

    async def _advance(self, name: str, sources: tuple[str, ...]) -> str:
        """Run one more cell from a live node, as was done when the state was first stepped to."""
        await self.evict()
        made = f"replayed-{next(self._count)}"
        limits = self._settings.limits
        tried = await self.tree_of(name).try_cell(name, sources[-1], None, limits, keep_as=made)
        if not tried.kept:
            trial = tried.trial
            why = f"{trial.error.name}: {trial.error.value}" if trial.error else trial.reason
            status = "" if trial.status is TrialStatus.ERROR else f"{trial.status} "
            raise KernelError(f"A cell of the state did not run again ({status}{why}).")
        self.register(made, name, sources)
        return made

    def _remove(self, node: _Node) -> None:
        for child in list(node.children):
            self._remove(self._nodes[child])
        self._nodes.pop(node.name, None)
        if self._by_hash.get(node.hash) == node.name:
            del self._by_hash[node.hash]
        above = self._nodes.get(node.parent)
        if above is not None:
            above.children.discard(node.name)

    def _lose(self, tree: StateTree) -> None:
        for node in [found for found in self._nodes.values() if found.tree is tree and not found.parent]:
            self._remove(node)
