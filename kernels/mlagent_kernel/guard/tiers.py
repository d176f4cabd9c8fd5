"""How each tier keeps a trial's changes away: one class for each, told apart only by `TIERS`."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH101, PTH110, PTH114, PTH118, PTH208

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from typing import Protocol

from . import effects, landlock, layout, libc, mounts, namespaces, privileges, seccomp, semaphores
from .audit import Observer
from .processes import Group, kill_descendants, kill_namespace

_PREFIX = "mlagent-scratch-"
_LOOK_SECONDS = 0.1
_LOOK_PAUSE = 20
"""Times as long as a look at the disk took, until the next."""


class Tier(Protocol):
    """The steps of one confinement, in the order they are taken; see `Confinement` for who takes them."""

    files_are_separate: bool
    """Writes are kept apart, so that files may be open for writing."""

    def enter(self, cwd: str | None, disk_bytes: int, /) -> None: ...
    def fork(self, tasks: int, /) -> int: ...
    def restrict(self) -> None: ...
    def observer(self) -> Observer: ...
    def group(self, pid: int) -> Group: ...
    def disk_exceeded(self, limit: int, /) -> bool: ...
    def kill(self, pid: int, /) -> None: ...
    def changes(self) -> list[effects.FileChange]: ...
    def descriptors(self) -> tuple[int, ...]: ...
    def leave(self) -> None: ...


class _Namespaces:
    files_are_separate = True

    def __init__(self) -> None:
        self._keep: frozenset[int] = frozenset()
        self._view: mounts.TrialView | None = None

    def enter(self, cwd: str | None, disk_bytes: int) -> None:
        held = privileges.effective()
        self._keep = privileges.worth_keeping(held)
        new_user = privileges.CAP_SYS_ADMIN not in held
        plan = layout.plan(cwd=cwd, new_user=new_user)
        namespaces.enter(new_user=new_user)
        self._view = mounts.build(plan, disk_bytes=disk_bytes, new_user=new_user)

    def fork(self, tasks: int) -> int:
        pid = libc.fork_into(libc.CLONE_NEWPID | libc.CLONE_NEWNS)
        if pid == 0:
            mounts.mount_private_proc(tasks)
        return pid

    def restrict(self) -> None:
        privileges.drop(self._keep)
        assert self._view is not None
        abi = landlock.version()
        if abi:
            landlock.restrict([*(overlay.path for overlay in self._view.overlays), "/dev"], network=True)
        seccomp.install(
            seccomp.program(namespaces=True, landlock=abi, own_pid=1, unix_sockets=self._view.sealed)
        )

    def observer(self) -> Observer:
        return Observer(writable=None, first_in_namespace=True)

    def group(self, pid: int) -> Group:
        return Group(pid, in_namespace=True)

    def disk_exceeded(self, _limit: int) -> bool:
        return False  # the file system behind the overlays is of that size

    def kill(self, pid: int) -> None:
        kill_namespace(pid)

    def changes(self) -> list[effects.FileChange]:
        return effects.changes(self._view) if self._view is not None else []

    def descriptors(self) -> tuple[int, ...]:
        view = self._view
        return () if view is None else (view.scratch, *(overlay.lower for overlay in view.overlays))

    def leave(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None


class _Scratch:
    """Tiers without namespaces: nothing may be written but below one directory, deleted afterwards."""

    files_are_separate = False

    def __init__(self) -> None:
        self.directory = ""
        self._next_look = 0.0

    def enter(self, _cwd: str | None, _disk_bytes: int) -> None:
        _delete_abandoned()
        self.directory = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")

    def fork(self, _tasks: int) -> int:
        return os.fork()

    def _use_scratch(self) -> None:
        for name in ("TMPDIR", "TEMP", "TMP"):
            os.environ[name] = self.directory
        tempfile.tempdir = self.directory

    def group(self, pid: int) -> Group:
        return Group(pid, in_namespace=False)

    def disk_exceeded(self, limit: int) -> bool:
        began = time.monotonic()
        if began < self._next_look:
            return False
        exceeded = _disk_use(self.directory, limit) > limit
        self._next_look = time.monotonic() + _LOOK_SECONDS + _LOOK_PAUSE * (time.monotonic() - began)
        return exceeded

    def kill(self, pid: int) -> None:
        kill_descendants(pid)

    def changes(self) -> list[effects.FileChange]:
        return []

    def descriptors(self) -> tuple[int, ...]:
        return ()

    def leave(self) -> None:
        if self.directory:
            _delete(self.directory)
            self.directory = ""


def _disk_use(directory: str, enough: int) -> int:
    """Bytes on disk below a directory; counting stops past `enough`."""
    total = 0
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
        if total > enough:
            break
    return total


def _delete_abandoned() -> None:
    """Scratch directories whose supervisor fell, say, to the machine's memory shortage."""
    place = tempfile.gettempdir()
    for name in os.listdir(place):
        owner = name[len(_PREFIX) :].partition("-")[0] if name.startswith(_PREFIX) else ""
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            path = os.path.join(place, name)
            with contextlib.suppress(OSError):  # another supervisor was quicker
                if os.lstat(path).st_uid == os.geteuid():
                    _delete(path)


def _delete(directory: str) -> None:
    """Remove a tree, opening directories that a cell made without permissions for their owner."""
    for parent, names, _ in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(directory, ignore_errors=True)


class _Landlock(_Scratch):
    def restrict(self) -> None:
        self._use_scratch()
        semaphores.install()
        privileges.drop(privileges.worth_keeping(privileges.effective()))
        devices = [path for path in ("/dev/null", "/dev/zero", "/dev/full") if os.path.exists(path)]
        abi = landlock.restrict([self.directory, *devices], network=False)
        seccomp.install(
            seccomp.program(namespaces=False, landlock=abi, own_pid=os.getpid(), unix_sockets=False)
        )

    def observer(self) -> Observer:
        return Observer(writable=None, first_in_namespace=False)


class _Audit(_Scratch):
    def restrict(self) -> None:
        self._use_scratch()

    def observer(self) -> Observer:
        return Observer(writable=[self.directory], first_in_namespace=False)


class _Unguarded(_Scratch):
    def restrict(self) -> None:
        self._use_scratch()

    def observer(self) -> Observer:
        return Observer(writable=None, first_in_namespace=False)


TIERS: dict[str, type[Tier]] = {
    "namespaces": _Namespaces,
    "landlock": _Landlock,
    "audit": _Audit,
    "none": _Unguarded,
}
"""Strongest first."""
