"""What there is to tell of a tree after it changed: compared with what was told before."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlagent.search.events import (
    BestChanged,
    NodeAdded,
    NodeEnded,
    SearchEvent,
    StandingsChanged,
)
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.search.view import Standing, standings, view_of


class Told:
    """What a front end knows of one tree; each call tells it what is new."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._standings: list[Standing] = list(standings(tree))
        self._path = self._best_path

    def changes(self, grown: Sequence[Node] = ()) -> list[SearchEvent]:
        """The events since the last call; `grown` are the nodes that are new."""
        now = standings(self._tree)
        events: list[SearchEvent] = [
            NodeAdded(node=view_of(self._tree, node, now[node.id])) for node in grown
        ]
        before, self._standings = self._standings, list(now)
        others = [new for old, new in zip(before, now, strict=False) if new != old]
        ended = [new for old, new in zip(before, now, strict=False) if new.ended and not old.ended]
        ended += [new for new in now[len(before) :] if new.ended]
        events += [NodeEnded(node=each.id, reason=each.ended) for each in ended]
        path, self._path = self._path, self._best_path
        if self._path != path:
            best = self._tree.best
            events.append(
                BestChanged(
                    node=best.id if best else None, metric=best.metric if best else None, path=self._path
                )
            )
        if others:
            events.append(StandingsChanged(nodes=tuple(others)))
        return events

    @property
    def _best_path(self) -> tuple[int, ...]:
        return tuple(node.id for node in self._tree.best_path)
