"""One line of the doctor's answer."""

from __future__ import annotations

from enum import StrEnum

from jupyter_mlagent.records import Record


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Works, but not as well as it could."""
    PROBLEM = "problem"
    """Something will fail."""


class Finding(Record):
    check: str
    """What was looked at, in a word or two."""
    level: Level
    says: str
    """What was found."""
    cure: str = ""
    """What to do; empty when nothing is to be done."""


def ok(check: str, says: str) -> Finding:
    return Finding(check=check, level=Level.OK, says=says)


def warning(check: str, says: str, cure: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, says=says, cure=cure)


def problem(check: str, says: str, cure: str) -> Finding:
    return Finding(check=check, level=Level.PROBLEM, says=says, cure=cure)
