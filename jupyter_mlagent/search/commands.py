"""What a person may do with a search under way, as data: JSON over a WebSocket, or made by a key.

    search_pause, search_resume, search_stop     stop: its best path (or the chosen one) is still told of
    search_prune, search_restore {node}          take a branch out of the search, or back into it
    search_pin {node, pinned}                    go on below this node for as long as it can
    search_hint {node, text}                     for every prompt from this node on down; "" takes it back
    search_choose {node}                         this path is put into the notebook at the end, not the best
    search_look {node}                           answered by `node_detail`: outputs, and the cells there
    search_path {node}                           answered by `node_path`: the cells that lead there

`search_look` is what a jump to a node needs: its `cells` are the notebook as it would stand there, with the
outputs that its trials had. Nothing runs and the kernel does not move. Accepting any path is to insert and
run the steps of `node_path` (or to choose it and stop); the kernel is then in that state, and the cells of
another path would run on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record
from jupyter_mlagent.search.view import NodeDetail

if TYPE_CHECKING:
    from jupyter_mlagent.search.running import RunningSearch


class SearchPause(Record, tag="search_pause"):
    pass


class SearchResume(Record, tag="search_resume"):
    pass


class SearchStop(Record, tag="search_stop"):
    pass


class SearchPrune(Record, tag="search_prune"):
    node: int


class SearchRestore(Record, tag="search_restore"):
    node: int


class SearchPin(Record, tag="search_pin"):
    node: int
    pinned: bool = True


class SearchHint(Record, tag="search_hint"):
    node: int
    text: str


class SearchChoose(Record, tag="search_choose"):
    node: int | None
    """None: the best one after all."""


class SearchLook(Record, tag="search_look"):
    node: int


class SearchPath(Record, tag="search_path"):
    node: int


class NodePath(Record, tag="node_path"):
    """An anchor names a cell of the notebook or, from the second step on, the proposal of the step before:
    the cell that was made for it."""

    node: int
    steps: tuple[Acceptance, ...]


SearchCommand = (
    SearchPause
    | SearchResume
    | SearchStop
    | SearchPrune
    | SearchRestore
    | SearchPin
    | SearchHint
    | SearchChoose
    | SearchLook
    | SearchPath
)
SearchAnswer = NodeDetail | NodePath


def obey(search: RunningSearch, command: SearchCommand) -> SearchAnswer | None:
    """Do it; what changes is told by the search's events. Raises MlagentError for a node there is not."""
    match command:
        case SearchPause():
            search.pause()
        case SearchResume():
            search.resume()
        case SearchStop():
            search.stop()
        case SearchPrune():
            search.prune(command.node)
        case SearchRestore():
            search.restore(command.node)
        case SearchPin():
            search.pin(command.node, command.pinned)
        case SearchHint():
            search.hint(command.node, command.text)
        case SearchChoose():
            search.choose(command.node)
        case SearchLook():
            return search.look(command.node)
        case SearchPath():
            return NodePath(node=command.node, steps=search.path(command.node))
    return None


def decode(data: bytes | str) -> SearchCommand:
    """Raises MlagentError for anything that is no command."""
    try:
        command: SearchCommand = msgspec.json.decode(data, type=SearchCommand)
    except msgspec.DecodeError as error:
        raise MlagentError(f"This is no command for a search ({error}).") from error
    return command
