"""The events of the request under way (or the last one), for pages that come later."""

from __future__ import annotations

from typing import get_args

from jupyter_mlagent import events
from jupyter_mlagent.records import Record
from jupyter_mlagent.search.events import SearchEvent

_OF_A_SEARCH = tuple(kind for kind in get_args(SearchEvent) if kind is not events.Notice)


class EventLog:
    """Text that arrived in pieces is dropped once the whole proposal is there; a search keeps its own."""

    def __init__(self) -> None:
        self._events: list[Record] = []

    @property
    def events(self) -> tuple[Record, ...]:
        return tuple(self._events)

    def add(self, event: Record) -> None:
        if isinstance(event, _OF_A_SEARCH):
            return
        if isinstance(event, events.ProposalReady | events.ReplyDropped):
            self._events = [old for old in self._events if not _is_piece_of(old, event.index)]
        self._events.append(event)

    def clear(self) -> None:
        self._events = []


def _is_piece_of(event: Record, index: int) -> bool:
    return isinstance(event, events.PlanDelta | events.CodeDelta) and event.index == index
