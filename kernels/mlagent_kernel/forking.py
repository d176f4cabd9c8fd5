"""fork() without what os.fork adds for people: no warning about threads, no debugger's wrapper around it."""

from __future__ import annotations

import ctypes
import os


def fork() -> int:
    """Fork this process: 0 in the child, the child's id in the parent. Raises OSError.

    os.fork warns in a process with threads (Python 3.12). Silencing it through `warnings` would reset which
    warnings the person has already been shown, and debuggers replace os.fork; so the C function is called as
    os.fork does it, with Python's own before and after handlers.
    """
    libc = ctypes.PyDLL(None, use_errno=True)
    python = ctypes.PyDLL(None)
    python.PyOS_BeforeFork()
    pid = int(libc.fork())
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    code = ctypes.get_errno()
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, f"fork: {os.strerror(code)}")
    return pid


def flush_c_streams() -> None:
    """Write out what C libraries have buffered, which a child would otherwise write a second time."""
    ctypes.PyDLL(None).fflush(None)
