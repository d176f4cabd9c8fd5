"""Files without a name, for private copies of what is shared."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH108

from __future__ import annotations

import os
import tempfile


def open_unnamed(label: str) -> int:
    """A descriptor of an empty file that no path leads to; `label` shows in /proc/PID/maps."""
    try:
        return os.memfd_create(label, os.MFD_CLOEXEC)
    except OSError:  # refused inside a trial (of a fresh kernel, say): there a file takes its place
        descriptor, path = tempfile.mkstemp(prefix=label)
        os.unlink(path)
        return descriptor
