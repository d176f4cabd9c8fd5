"""Telling a refusal of the guard from an error the cell would also meet in its kernel."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH110, PTH119, PTH120

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

_NETWORK = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ECONNREFUSED}
)
_DEPTH = 12


def reason(error: BaseException, *, wanted_network: list[str], guarded: bool) -> str | None:
    """What the guard refused, in a few words ("use the network: connect to 1.2.3.4:80"); None: nothing.

    Looks through causes and contexts, since libraries wrap the errors of the system. `wanted_network`: what
    the trial was seen to reach for, oldest first.
    """
    if not guarded:
        return None
    for link in _chain(error):
        found = _of_one(link, wanted_network)
        if found is not None:
            return found
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, also where a library keeps it in `reason` or in arguments."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting and len(seen) < _DEPTH:
        link = waiting.pop(0)
        if any(link is other for other in seen):
            continue
        seen.append(link)
        yield link
        related = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting += [other for other in related if isinstance(other, BaseException)]


def _of_one(error: BaseException, wanted_network: list[str]) -> str | None:
    if isinstance(error, socket.gaierror):
        return _network(wanted_network)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "start more threads than the trial's limit"
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if error.errno in _NETWORK and error.filename is None:
        return _network(wanted_network)
    if (
        error.errno == errno.ENOENT
        and error.filename is None
        and "the Unix socket" in "".join(wanted_network[-1:])
    ):
        return _network(wanted_network)
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return "write more than the trial's disk limit"
    if error.errno == errno.EAGAIN and isinstance(error, BlockingIOError) and error.filename is None:
        return "start more processes than the trial's limit" if _is_fork(error) else None
    if error.errno in (errno.EROFS, errno.EOVERFLOW):
        return _write(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        return _refused(error)
    return None


def _network(wanted: list[str]) -> str:
    return f"use the network: {wanted[-1]}" if wanted else "use the network"


def _write(error: OSError) -> str:
    return f"write {_path(error)}" if error.filename is not None else "write outside its own files"


def _path(error: OSError) -> str:
    name = error.filename2 if error.filename2 is not None else error.filename
    return os.fsdecode(name) if isinstance(name, (str, bytes)) else str(name)


def _refused(error: OSError) -> str | None:
    """A permission error is the guard's unless plain file permissions explain it as well.

    access(2) knows the permissions and read-only mounts but neither Landlock nor the audit hook, so a place
    it calls writable was refused by one of them.
    """
    text = str(error.strerror or "")
    if text.startswith("The trial may not "):
        return text[len("The trial may not ") :]
    if _raised_in(error, "socket.py"):
        return "use the network or a Unix socket"
    if error.filename is None or isinstance(error.filename, int):
        return "do what only the system's administrator or another process may"
    path = _path(error)
    place = path if os.path.exists(path) else os.path.dirname(path) or "."
    try:
        permitted = os.access(place, os.W_OK)
    except OSError:
        permitted = False
    return f"write {path}" if permitted else None


def _raised_in(error: OSError, file_name: str) -> bool:
    """Whether the innermost Python frame of the error's traceback lies in a file of that name."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    return innermost is not None and os.path.basename(innermost.tb_frame.f_code.co_filename) == file_name


def _is_fork(error: OSError) -> bool:
    """EAGAIN without a file name also comes of non-blocking sockets and pipes."""
    return any(_raised_in(error, name) for name in ("subprocess.py", "popen_fork.py", "os.py")) or (
        "fork" in str(error)
    )
