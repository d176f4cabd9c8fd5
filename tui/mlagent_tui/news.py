"""The one message that carries what the desk tells into Textual's queue."""

from __future__ import annotations

from textual.message import Message

from mlagent_tui.desk.events import LATEST_COUNTS, DeskEvent


class News(Message, bubble=False):
    """Of events where only the latest counts, those still in the queue replace each other."""

    def __init__(self, event: DeskEvent) -> None:
        super().__init__()
        self.event = event

    def can_replace(self, message: Message) -> bool:
        return (
            isinstance(message, News)
            and isinstance(self.event, LATEST_COUNTS)
            and type(message.event) is type(self.event)
        )
