"""The verdict on a cell, from what its process said (untrusted) and how it ended (trusted)."""

from __future__ import annotations

import math
import os
import signal

from .job import Ending, Standing
from .outputs import error, text_of
from .wire import Message, TrialSpec

STATUSES = ("ok", "error", "timeout", "out_of_memory", "blocked", "not_tried")


def report_of(outcome: Message, end: Ending | Standing, spec: TrialSpec) -> Message:
    """`outcome` is what following the cell gave, `end` what the warden told of its process."""
    ending = end if isinstance(end, Ending) else Ending(peak_bytes=end.peak_bytes, effects=end.effects)
    status, reason, failure = _verdict(outcome, ending, spec)
    return {
        "status": status,
        "reason": reason,
        "error": failure,
        "seconds": outcome["seconds"],
        "peak_memory_bytes": ending.peak_bytes,
        "effects": ending.effects or {},
        "observations": _observations(outcome.get("observations")),
    }


def clean(message: Message) -> Message:
    """A report that came through a confined process: known fields of the right types only."""
    failure, metric = message.get("error"), message.get("metric")
    status = message.get("status")
    report: Message = {
        "status": status if status in STATUSES else "not_tried",
        "reason": text_of(message.get("reason"))[:1000],
        "error": _error(failure) if isinstance(failure, dict) else None,
        "seconds": _number(message.get("seconds")) or 0.0,
        "peak_memory_bytes": int(_number(message.get("peak_memory_bytes")) or 0),
        "effects": {},
        "observations": _observations(message.get("observations")),
    }
    if isinstance(metric, dict):
        report["metric"] = {
            "value": _number(metric.get("value")),
            "reason": text_of(metric.get("reason"))[:1000],
            "cheated": metric.get("cheated") is True,
            "audit_seconds": _number(metric.get("audit_seconds")) or 0.0,
        }
    return report


def _number(value: object) -> float | None:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None  # type: ignore[arg-type]


def _error(failure: Message) -> Message:
    return error(failure.get("ename"), failure.get("evalue"), failure.get("traceback"))


def _verdict(outcome: Message, ending: Ending, spec: TrialSpec) -> tuple[str, str, Message | None]:
    if ending.failed:
        return "not_tried", text_of(ending.failed), None
    if ending.over == "memory":
        return "out_of_memory", "The cell needs more memory than a trial may take.", None
    if ending.over == "processes":
        return "blocked", f"The cell started more than {spec.limits.processes} processes.", None
    if ending.over == "disk":
        return "blocked", "The cell wrote more than a trial's disk limit.", None
    if outcome["kind"] == "stuck":
        return "not_tried", "The copy of the kernel did not start in time.", None
    if outcome["kind"] == "late":
        return "timeout", f"The cell was still running after {spec.limits.seconds:g} s.", None
    if outcome["kind"] == "gone":
        return _verdict_on_death(ending)
    failure = outcome.get("error")
    if not isinstance(failure, dict):
        return "ok", "", None
    failure = _error(failure)
    if outcome.get("out_of_memory") is True:
        return "out_of_memory", "The cell needs more memory than a trial may take.", failure
    blocked = text_of(outcome.get("blocked"))
    if blocked:
        return "blocked", f"The cell tried to {blocked}, which a trial may not do.", failure
    return "error", "", failure


def _verdict_on_death(ending: Ending) -> tuple[str, str, Message | None]:
    status = ending.exit_status
    if status is None:
        return "not_tried", "The trial's process disappeared.", None
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)
        text = f"The cell's process was killed by signal {name}."
    else:
        text = f"The cell ended its process with exit code {os.WEXITSTATUS(status)}."
    return "error", text, error("ProcessExit", text, [])


def _observations(value: object) -> Message:
    """What a trial says it reached for: two short lists of strings, whatever it sent."""
    found = value if isinstance(value, dict) else {}
    lists = {key: found.get(key) for key in ("network", "refused")}
    return {
        key: [text_of(item)[:300] for item in items[:50]] if isinstance(items, list) else []
        for key, items in lists.items()
    }
