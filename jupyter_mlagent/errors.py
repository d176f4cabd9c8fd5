"""What can go wrong and is a person's to mend: each error is one sentence (what, where, what to do)."""

from __future__ import annotations


class MlagentError(Exception):
    """Base of every error shown to a person; `str(error)` is the whole message, without a traceback."""


class NotebookError(MlagentError):
    """The notebook cannot be read, run or written."""


class KernelError(MlagentError):
    """The kernel is absent, busy, dead or of a kind that cannot be worked with."""


class MetricError(MlagentError):
    """The metric cannot be found, evaluated or trusted."""


class EngineError(MlagentError):
    """The engine cannot be started, crashed, or refused a request."""


class ModelError(MlagentError):
    """Model weights are unknown, missing, damaged or cannot be fetched."""


class JournalError(MlagentError):
    """The journal cannot be opened, read or written."""
