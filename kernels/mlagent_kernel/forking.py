"""fork() without what os.fork adds for people: no warning about threads, no debugger's wrapper around it."""

from __future__ import annotations

import ctypes
import posix
import warnings


def fork() -> int:
    """Fork this process: 0 in the child, the child's id in the parent. Raises OSError.

    os.fork warns in a process with threads (Python 3.12); the fork is made to be safe there. The filter is
    put into the list itself: `warnings`' own functions would also reset which warnings the person has been
    shown. Debuggers replace os.fork, not posix.fork. (Calling the C library's fork is no way out: between
    it and Python's own handlers the child might wait for a thread that it does not have.)
    """
    filters: list[object] = warnings.filters  # type: ignore[assignment]
    silence = ("ignore", None, DeprecationWarning, None, 0)
    filters.insert(0, silence)
    try:
        return posix.fork()
    finally:
        filters.remove(silence)


def flush_c_streams() -> None:
    """Write out what C libraries have buffered, which a child would otherwise write a second time."""
    ctypes.PyDLL(None).fflush(None)
