"""What can be wrong with a task or with what was handed in: one sentence each."""

from __future__ import annotations

from jupyter_mlagent.errors import MlagentError


class TaskError(MlagentError):
    """A task folder is incomplete, contradicts itself, or its code fails."""


class InvalidSubmission(TaskError):  # noqa: N818 - the name that graders of MLE-bench's kind use
    """What was handed in cannot be scored; the message names the file and the column."""
