"""What every full screen has in common: the desk, and a way to ask it for things that may be refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.desk.desk import Desk
from mlagent_tui.desk.events import Said, Severity

if TYPE_CHECKING:
    from mlagent_tui.app import MlagentApp


class DeskScreen(Screen[None]):
    """A refusal (MlagentError) becomes one sentence on the screen, never a traceback."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own declaration
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012

    _keys_depend_on: tuple[object, ...] = ()

    @property
    def mlagent(self) -> MlagentApp:
        return cast("MlagentApp", self.app)

    @property
    def desk(self) -> Desk:
        return self.mlagent.desk

    def offer_keys(self, *depends_on: object) -> None:
        """Ask anew which keys do something, when what that depends on changed: it makes the footer anew,
        widget by widget, which a stream of tokens must not do."""
        if depends_on != self._keys_depend_on:
            self._keys_depend_on = depends_on
            self.refresh_bindings()

    def try_to(self, call: Callable[[], object]) -> bool:
        """Do it now; False when it was refused."""
        try:
            call()
        except MlagentError as error:
            self.desk.post(Said(str(error), Severity.ERROR))
            return False
        return True

    def attempt(self, work: Awaitable[object], *, group: str = "desk") -> None:
        """Do it in the background."""

        async def guarded() -> None:
            try:
                await work
            except MlagentError as error:
                self.desk.post(Said(str(error), Severity.ERROR))

        self.run_worker(guarded(), group=group)
