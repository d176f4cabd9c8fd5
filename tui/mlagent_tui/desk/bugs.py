"""What nobody foresaw is one sentence too, with the details in a file."""

from __future__ import annotations

import tempfile
import traceback


def bug_sentence(error: BaseException) -> str:
    """Writes the traceback to a file of its own."""
    with tempfile.NamedTemporaryFile("w", prefix="mlagent-crash-", suffix=".txt", delete=False) as report:
        traceback.print_exception(error, file=report)
    return f"This is a bug in mlagent ({type(error).__name__}: {error}); details are in {report.name}."
