"""Python's audit events (PEP 578) inside a trial: what it wanted to do, and for the weakest tier a refusal.

As a refusal it is no security boundary (native code does not pass here), but it stops what ordinary
cells do. Under the stronger tiers it only takes notes, so that a person reads "connect to
example.com:443" and not an errno.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterable

from .overlay_plan import is_within

_MOST = 200
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"})
_CHANGES = {
    "os.chflags": "change the flags of",
    "os.chmod": "change the permissions of",
    "os.chown": "change the owner of",
    "os.link": "link",
    "os.mkdir": "create",
    "os.remove": "delete",
    "os.rename": "rename",
    "os.rmdir": "delete",
    "os.symlink": "create a link to",
    "os.truncate": "truncate",
    "os.utime": "change the times of",
}
"""Events whose first argument is a path that changes; `os.rename` and the links have a second one."""
_PROCESSES = {
    "os.exec": "replace the process by",
    "os.fork": "fork",
    "os.forkpty": "fork",
    "os.posix_spawn": "run",
    "os.spawn": "run",
    "os.startfile": "run",
    "os.system": "run",
    "pty.spawn": "run",
    "subprocess.Popen": "run",
}
_NATIVE = frozenset({"ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "ctypes.string_at"})
_LOCAL = ("", b"", "localhost", b"localhost")
_SIGNALS = frozenset({"os.kill", "os.killpg", "signal.pthread_kill"})
_FATAL = frozenset(range(1, 32)) - {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}


class Observer:
    """What the trial wanted, in words, each once and at most 200 of a kind."""

    def __init__(self, *, writable: Iterable[str] | None, first_in_namespace: bool) -> None:
        """`writable`: refuse what changes anything outside these directories; None: only take notes.

        `first_in_namespace`: this process is number 1 of its PID namespace, to which the kernel delivers no
        deadly signal from inside; a cell that kills itself must end all the same.
        """
        self.network: list[str] = []
        self.refused: list[str] = []
        self._writable = None if writable is None else tuple(os.path.realpath(path) for path in writable)
        self._first_in_namespace = first_in_namespace
        self._handlers: dict[str, Callable[[str, tuple[object, ...]], None]] = {
            "open": self._open,
            "socket.bind": self._connect,
            "socket.connect": self._connect,
            "socket.sendto": self._connect,
            "socket.sendmsg": self._connect,
            "socket.getaddrinfo": self._look_up,
            "socket.gethostbyname": self._look_up,
            "socket.gethostbyaddr": self._look_up,
            "socket.getnameinfo": self._look_up,
        }
        for event in _SIGNALS:
            self._handlers[event] = self._signal
        if self._writable is not None:
            for event in _CHANGES:
                self._handlers[event] = self._change
            for event in _PROCESSES:
                self._handlers[event] = self._process
            for event in _NATIVE:
                self._handlers[event] = self._native

    def install(self) -> None:
        """Add the hook; it stays until the process ends."""
        handlers = self._handlers

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            handler = handlers.get(event)
            if handler is not None:
                handler(event, arguments)

        sys.addaudithook(hook)

    def _refuse(self, what: str) -> None:
        _note(self.refused, what)
        if self._writable is not None:
            raise PermissionError(errno.EPERM, f"The trial may not {what}")

    def _open(self, _event: str, arguments: tuple[object, ...]) -> None:
        path, mode, flags = (*arguments, None, None, None)[:3]
        if self._writable is None or isinstance(path, int):
            return
        writes = (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or (
            isinstance(flags, int) and flags & _WRITE_FLAGS
        )
        if writes:
            self._check_path("write", path)

    def _change(self, event: str, arguments: tuple[object, ...]) -> None:
        paths = arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]
        if event == "os.symlink":
            paths = arguments[1:2]
        for path in paths:
            self._check_path(_CHANGES[event], path)

    def _check_path(self, verb: str, path: object) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            self._refuse(f"{verb} an open file")
            return
        text = os.fsdecode(path)
        real = os.path.realpath(text)
        if real not in _HARMLESS and not any(is_within(real, place) for place in self._writable or ()):
            self._refuse(f"{verb} {text}")

    def _connect(self, event: str, arguments: tuple[object, ...]) -> None:
        address = arguments[1] if len(arguments) > 1 else None
        if address is None:
            return
        verb = {"socket.bind": "listen on", "socket.connect": "connect to"}.get(event, "send to")
        what = f"{verb} {_address(address)}"
        _note(self.network, what)
        if self._writable is not None:
            self._refuse(f"use the network: {what}")

    def _look_up(self, _event: str, arguments: tuple[object, ...]) -> None:
        host = arguments[0] if arguments else None
        if isinstance(host, tuple):
            host = host[0]
        if host is None or host in _LOCAL or _is_numeric(_text(host)):
            return
        what = f"look up {_text(host)}"
        _note(self.network, what)
        if self._writable is not None:
            self._refuse(f"use the network: {what}")

    def _process(self, event: str, arguments: tuple[object, ...]) -> None:
        command = arguments[0] if arguments else ""
        if event == "subprocess.Popen" and len(arguments) > 1:
            command = arguments[1]
        if isinstance(command, (list, tuple)):
            command = " ".join(_text(part) for part in command)
        self._refuse(f"{_PROCESSES[event]} {_text(command)}".strip()[:200])

    def _native(self, _event: str, _arguments: tuple[object, ...]) -> None:
        self._refuse("call native code through ctypes")

    def _signal(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "signal.pthread_kill" or len(arguments) < 2:
            return
        target, number = arguments[0], arguments[1]
        if not isinstance(target, int) or not isinstance(number, int) or number == 0:
            return
        own = (os.getpid(), 0, os.getpgid(0)) if event == "os.killpg" else (os.getpid(), 0)
        if target not in own:
            if self._writable is not None:
                self._refuse(f"send signal {number} to process {target}")
        elif self._first_in_namespace and number in _FATAL:
            deadly = number in (signal.SIGKILL, signal.SIGSTOP) or signal.getsignal(number) == signal.SIG_DFL
            if deadly:
                os._exit(128 + number)


def _is_numeric(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _note(notes: list[str], what: str) -> None:
    if what not in notes and len(notes) < _MOST:
        notes.append(what)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else repr(value)[:80]


def _address(address: object) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        host = _text(address[0])
        return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
    return f"the Unix socket {_text(address)}"
