"""What the terminal shows: a line of progress while a request runs, and the ranked table.

Progress goes to standard error, results to standard output; without a terminal, progress is plain lines.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from jupyter_mlagent import events
from jupyter_mlagent.autopilot import FlightEvent
from jupyter_mlagent.phrases import number as number
from jupyter_mlagent.phrases import why as why
from jupyter_mlagent.records import Candidate, Direction, Metric, Trial, TrialStatus
from jupyter_mlagent.reward.reward import RewardConfig, is_readable, relative_gain

WORDS = {
    TrialStatus.OK: ("ok", "green"),
    TrialStatus.ERROR: ("error", "red"),
    TrialStatus.TIMEOUT: ("timeout", "yellow"),
    TrialStatus.OUT_OF_MEMORY: ("out of memory", "yellow"),
    TrialStatus.BLOCKED: ("blocked", "yellow"),
    TrialStatus.NOT_TRIED: ("not tried", "bright_black"),
}

Say = Callable[[str], None]


class Progress:
    """Shows one line about what is going on; a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self._status = Status("", console=self.console, spinner="dots")
        self._live = self.console.is_terminal and not quiet
        self._tokens = 0
        self._tried = 0
        self._ready = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def doing(self, text: str) -> None:
        """What is under way; shown until the next call."""
        if self._live:
            self._status.update(escape(text))
            self._status.start()

    def done(self) -> None:
        """Nothing is under way: the line goes, so that results can be printed."""
        self._status.stop()

    def said(self, text: str) -> None:
        """A line that stays."""
        self.console.print(escape(text), soft_wrap=True)

    def event(self, event: FlightEvent) -> None:
        """Follow a request."""
        match event:
            case events.Started():
                self._tokens = self._tried = self._ready = 0
                self.doing(f"{event.model} reads the notebook")
            case events.Notice():
                self.said(event.text)
            case events.PlanDelta() | events.CodeDelta():
                self._tokens += 1
                self._show()
            case events.ProposalReady():
                self._ready += 1
                self._show()
            case events.TrialFinished():
                self._tried += 1
                self._show()
            case _:
                pass

    def _show(self) -> None:
        self.doing(f"writing: {self._tokens} tokens · {self._ready} candidates · {self._tried} tried")


def headline(notebook: str, metric: Metric | None, value: float | None) -> Text:
    """One line: what is measured, which way is better, and where it stands."""
    text = Text(notebook, style="bold")
    if metric is not None:
        arrow = "higher is better" if metric.direction is Direction.MAXIMIZE else "lower is better"
        text.append(f"  {metric.expression}", style="cyan")
        text.append(f"  ({arrow}, {metric.origin})", style="bright_black")
    text.append(f"  now {number(value)}", style="bold")
    return text


def ranked_table(candidates: tuple[Candidate, ...], metric: Metric | None) -> Table:
    """Best first, with the measured change of each."""
    table = Table(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("#", justify="right")
    table.add_column("plan", ratio=1, overflow="fold")
    table.add_column("before → after", justify="right", no_wrap=True)
    table.add_column("change", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for item in candidates:
        word, colour = WORDS[item.trial.status]
        table.add_row(
            str(item.rank),
            escape(item.proposal.plan),
            f"{number(item.trial.metric_before)} → {number(item.trial.metric_after)}",
            change(item.trial, metric),
            f"{item.trial.seconds:.1f}",
            f"[{colour}]{word}[/]",
        )
        detail = why(item.trial)
        if detail:
            table.add_row("", Text(detail, style="bright_black"), "", "", "", "")
    return table


def change(trial: Trial, metric: Metric | None) -> Text:
    """Relative change with the sign of the number, green when it is better."""
    before, after = trial.metric_before, trial.metric_after
    if metric is None or before is None or after is None or not (is_readable(before) and is_readable(after)):
        return Text("")
    gain = relative_gain(before, after, metric.direction, RewardConfig())
    if gain == 0:
        return Text("same", style="bright_black")
    shown = gain * metric.direction.sign
    return Text(f"{shown:+.1%}", style="green" if gain > 0 else "red")


def code(source: str) -> Syntax:
    return Syntax(source, "python", theme="ansi_dark", background_color="default", word_wrap=True)
