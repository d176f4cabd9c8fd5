"""What can go wrong in training and is a person's to mend: one sentence each."""

from __future__ import annotations

from jupyter_mlagent.errors import MlagentError


class TrainingError(MlagentError):
    """Training cannot begin, go on or be resumed."""


class AdapterError(MlagentError):
    """An adapter is unknown, damaged, of another model, or not to be promoted."""
