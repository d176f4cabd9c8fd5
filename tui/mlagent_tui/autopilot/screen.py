"""The autopilot: budget, plot, what it kept and what it does. It flies on while this screen is away."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Footer, Static

from jupyter_mlagent.autopilot import Budget
from jupyter_mlagent.phrases import number
from mlagent_tui.autopilot.flight import Flight, LogLine
from mlagent_tui.autopilot.plot import plot
from mlagent_tui.desk.events import BoardChanged, DeskEvent, Flown, StatusChanged
from mlagent_tui.deskscreen import DeskScreen
from mlagent_tui.proposals.candidates import CandidateList
from mlagent_tui.proposals.panel import head_content
from mlagent_tui.statusline import StatusLine

MINUTES = (1, 2, 5, 10, 20, 30, 60, 120, 240, 480)
FRAME_SECONDS = 0.2


class AutopilotScreen(DeskScreen):
    CSS_PATH = ["screen.tcss"]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", id="autopilot.start"),
        Binding("s,ctrl+c", "stop", "Stop at once", key_display="s", id="autopilot.stop"),
        Binding("plus,equals_sign", "steps(1)", "Steps", key_display="+/-", id="autopilot.more_steps"),
        Binding("minus", "steps(-1)", show=False, id="autopilot.fewer_steps"),
        Binding("right_square_bracket", "minutes(1)", "Minutes", key_display="[/]", id="autopilot.longer"),
        Binding("left_square_bracket", "minutes(-1)", show=False, id="autopilot.shorter"),
        Binding("u", "undo", "Undo last", id="autopilot.undo"),
        Binding("escape,f", "back", "Back", key_display="esc", id="autopilot.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.minutes = 0.0
        self._dirty = True

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with Horizontal(id="flight"):
            with Vertical(id="flight-main"):
                yield Static(id="flight-head")
                yield Static(id="flight-plot")
                with VerticalScroll(id="flight-log-scroll", can_focus=False):
                    yield Static(id="flight-log")
            with Vertical(id="flight-side"):
                yield Static(id="flight-board-head")
                yield CandidateList(id="flight-candidates")
        yield Footer()

    def on_mount(self) -> None:
        self.steps = self.mlagent.settings.autopilot_steps
        self.minutes = self.mlagent.settings.autopilot_minutes
        self.mlagent.news.subscribe(self, self.heard)
        self.set_interval(FRAME_SECONDS, self._tick)

    def heard(self, event: DeskEvent) -> None:
        if isinstance(event, Flown | BoardChanged | StatusChanged):
            self._dirty = True
        if isinstance(event, Flown):
            self._draw()

    def on_screen_resume(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._dirty = True

    def _tick(self) -> None:
        if self.is_current and (self._dirty or self.desk.pilot.flying):
            self._draw()

    def _draw(self) -> None:
        if not self.is_current:
            return
        self._dirty = False
        desk = self.desk
        flight = desk.pilot.flight
        self.offer_keys(desk.pilot.flying)
        self.query_one(StatusLine).show(desk.path, desk.status, modified=desk.modified)
        self.query_one("#flight-head", Static).update(self._head(flight))
        area = self.query_one("#flight-plot", Static)
        if flight is not None and flight.best:
            drawn = plot(
                flight.best,
                flight.tried,
                steps=flight.budget.steps,
                width=area.size.width,
                height=area.size.height,
            )
            area.update(drawn)
        else:
            area.update(Content.styled("\n  The metric appears here, step by step.", "$foreground-muted"))
        log = Content("\n").join([log_content(line) for line in (flight.log if flight else ())])
        self.query_one("#flight-log", Static).update(log)
        self.query_one("#flight-board-head", Static).update(head_content(desk.proposer.board, "•"))
        self.query_one(CandidateList).show(desk.proposer.board)

    def _head(self, flight: Flight | None) -> Content:
        budget = Content.styled(f"up to {self.steps} steps, {self.minutes:g} minutes", "$foreground-muted")
        title = Content.styled("Autopilot", "bold $text-primary") + Content("  ")
        if flight is None:
            words = "  enter starts; only steps that improve the metric stay, u takes them back"
            return title + budget + Content.styled(f"\n{words.strip()}", "$foreground-muted")
        state = f"step {flight.step} of {flight.budget.steps} · {flight.kept} kept"
        if flight.seconds_left is not None and not flight.ended:
            state += f" · {flight.seconds_left / 60:.1f} min left at its start"
        where = f"{number(flight.best[0])} → {number(flight.metric)}" if flight.best else ""
        second = Content.styled(flight.ended or "flying", "$text-warning" if flight.ended else "$text-accent")
        return title + Content(state) + Content("  ") + Content.styled(where, "bold") + Content("\n") + second

    # -- keys

    def action_start(self) -> None:
        budget = Budget(
            steps=self.steps,
            seconds=self.minutes * 60,
            candidates=self.mlagent.settings.candidates,
        )
        self.try_to(lambda: self.desk.pilot.start(budget))
        self._draw()

    def action_stop(self) -> None:
        self.attempt(self.desk.stop())

    def action_steps(self, change: int) -> None:
        self.steps = max(1, min(100, self.steps + change))
        self._draw()

    def action_minutes(self, change: int) -> None:
        later = [minutes for minutes in MINUTES if (minutes - self.minutes) * change > 0]
        if later:
            self.minutes = min(later, key=lambda minutes: abs(minutes - self.minutes))
        self._draw()

    def action_undo(self) -> None:
        self.try_to(self.desk.undo)

    def action_back(self) -> None:
        self.app.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        flying = self.desk.pilot.flying
        if action == "stop":
            return True if flying else None
        if action in ("start", "steps", "minutes", "undo"):
            return None if flying else True
        return True


def log_content(line: LogLine) -> Content:
    """One step of the flight."""
    step = Content.styled(f"{line.step:>3}  ", "$foreground-muted")
    if not line.kept:
        return step + Content.styled(f"-  {line.text}", "$foreground-muted")
    change = f"{number(line.before)} → {number(line.after)}"
    return Content.assemble(step, ("✓  ", "$text-success"), (change, "bold"), f"  {line.text}")
