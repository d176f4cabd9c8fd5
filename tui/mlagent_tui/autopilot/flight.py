"""What is known of one flight of the autopilot, built up from its events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from jupyter_mlagent.autopilot import (
    Budget,
    FlightEnded,
    FlightEvent,
    StepBegan,
    StepKept,
    StepSkipped,
)
from jupyter_mlagent.events import TrialFinished
from jupyter_mlagent.reward.reward import is_readable


@dataclass(frozen=True)
class LogLine:
    step: int
    kept: bool
    text: str
    before: float | None = None
    after: float | None = None


@dataclass
class Flight:
    budget: Budget
    step: int = 0
    kept: int = 0
    metric: float | None = None
    log: list[LogLine] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    """The notebook's metric at the start and after each step."""
    tried: list[tuple[int, float]] = field(default_factory=list)
    """Step and metric of every trial that gave one, kept or not."""
    seconds_left: float | None = None
    ended: str = ""
    """Why, in a sentence; empty while it flies."""

    def hear(self, event: FlightEvent) -> None:
        match event:
            case StepBegan():
                self.step, self.metric, self.seconds_left = event.step, event.metric, event.seconds_left
                if not self.best and is_readable(event.metric):
                    self.best.append(event.metric)  # type: ignore[arg-type]
            case TrialFinished():
                if is_readable(event.trial.metric_after):
                    self.tried.append((self.step, event.trial.metric_after))  # type: ignore[arg-type]
            case StepKept():
                self.kept += 1
                self.metric = event.metric_after
                plan = event.candidate.proposal.plan
                self._stepped(
                    LogLine(event.step, True, plan, before=event.metric_before, after=event.metric_after)
                )
            case StepSkipped():
                self._stepped(LogLine(event.step, False, event.reason))
            case FlightEnded():
                self.ended = event.reason
                self.metric = event.metric_end
            case _:
                pass

    def stopped(self) -> None:
        if not self.ended:
            self.ended = "stopped; what was kept stays"

    def _stepped(self, line: LogLine) -> None:
        self.log.append(line)
        if is_readable(self.metric):
            self.best.append(self.metric)  # type: ignore[arg-type]
