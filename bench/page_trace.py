"""What of a page's long tasks is the extension's: a trace of Chromium with its JavaScript samples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

LONG_MS = 50.0
OURS = "/lab/extensions/jupyter-mlagent/"
CATEGORIES = [
    "toplevel",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-v8.cpu_profiler",
]


@dataclass
class PageTrace:
    """Of the tasks of the page's main thread that took longer than `LONG_MS`, in ms."""

    tasks: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    """Of each of these tasks, how long code of the extension was running or waited for what it called."""


@contextmanager
def traced(browser: Any, page: Any) -> Iterator[PageTrace]:
    """Trace what the page does inside the block; filled in at its end."""
    found = PageTrace()
    browser.start_tracing(page=page, categories=CATEGORIES)
    yield found
    _read(json.loads(browser.stop_tracing())["traceEvents"], found)


def _read(events: list[dict[str, Any]], found: PageTrace) -> None:
    samples = sorted(_samples(events))
    thread = _main_thread(events)
    for event in events:
        if event.get("name") != "RunTask" or (event["pid"], event["tid"]) != thread:
            continue
        if event.get("dur", 0) / 1000 > LONG_MS:
            begin, end = event["ts"], event["ts"] + event["dur"]
            found.tasks.append(event["dur"] / 1000)
            found.ours.append(sum(length for at, length in samples if begin <= at <= end) / 1000)


def _main_thread(events: list[dict[str, Any]]) -> tuple[int, int]:
    """Of the renderer that was profiled."""
    profiled = {event["pid"] for event in events if event.get("name") == "Profile"}
    return next(
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name"
        and event["pid"] in profiled
        and event["args"]["name"] == "CrRendererMain"
    )


def _samples(events: list[dict[str, Any]]) -> Iterator[tuple[float, float]]:
    """Moment and length, both in us, of every sample with the extension's code on its stack."""
    clocks: dict[tuple[int, str], float] = {}
    ours: dict[tuple[int, str], dict[int, bool]] = {}
    for event in sorted(events, key=lambda event: event.get("ts", 0)):
        key = (event["pid"], str(event.get("id")))
        if event.get("name") == "Profile":
            clocks[key] = event["args"]["data"]["startTime"]
            ours[key] = {}
        elif event.get("name") == "ProfileChunk" and key in clocks:
            data = event["args"]["data"]
            profile = data.get("cpuProfile", {})
            known = ours[key]
            for node in profile.get("nodes", ()):
                above = known.get(node.get("parent", -1), False)
                known[node["id"]] = above or OURS in node["callFrame"].get("url", "")
            for sample, delta in zip(profile.get("samples", ()), data.get("timeDeltas", ()), strict=False):
                clocks[key] += delta
                if known.get(sample, False):
                    yield clocks[key], delta
