"""The one message that carries what the desk tells into Textual's queue."""

from __future__ import annotations

from textual.message import Message

from mlagent_tui.desk.events import DeskEvent


class News(Message, bubble=False):
    def __init__(self, event: DeskEvent) -> None:
        super().__init__()
        self.event = event
