"""One trial's confinement, driven by its supervisor.

The kernel forks the supervisor S; S calls `supervisor_enter`, then `fork_trial`; the child T calls
`trial_enter` and runs the cell. S polls `usage`, ends T with `kill_all`, reads `effects` and calls `close`.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH110, PTH112, PTH123

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from . import (
    blocked,
    effects,
    inherited_files,
    inherited_maps,
    landlock,
    layout,
    libc,
    limits,
    mounts,
    namespaces,
    privileges,
    seccomp,
)
from .audit import Observer
from .errors import GuardError
from .processes import Group, kill_descendants, kill_namespace

_SIGKILL = 9


class _Tier(Protocol):
    """How one tier keeps a trial's changes away."""

    files_are_separate: bool
    """Writes are kept apart, so that files may be open for writing."""

    def enter(self, cwd: str | None, disk_bytes: int, /) -> None: ...
    def fork(self, tasks: int, /) -> int: ...
    def restrict(self) -> None: ...
    def observer(self) -> Observer: ...
    def group(self, pid: int) -> Group: ...
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

    def enter(self, _cwd: str | None, _disk_bytes: int) -> None:
        self.directory = tempfile.mkdtemp(prefix="mlagent-trial-")

    def fork(self, _tasks: int) -> int:
        return os.fork()

    def _use_scratch(self) -> None:
        for name in ("TMPDIR", "TEMP", "TMP"):
            os.environ[name] = self.directory
        tempfile.tempdir = self.directory

    def group(self, pid: int) -> Group:
        return Group(pid, in_namespace=False)

    def kill(self, _pid: int) -> None:
        kill_descendants()

    def changes(self) -> list[effects.FileChange]:
        return []

    def descriptors(self) -> tuple[int, ...]:
        return ()

    def leave(self) -> None:
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = ""


class _Landlock(_Scratch):
    def restrict(self) -> None:
        self._use_scratch()
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


_TIERS: dict[str, type[_Tier]] = {
    "namespaces": _Namespaces,
    "landlock": _Landlock,
    "audit": _Audit,
    "none": _Unguarded,
}


class Confinement:
    """Limits and isolation of one trial. Methods raise GuardError when the trial must not go on."""

    def __init__(
        self,
        tier: str,
        *,
        cwd: str | None,
        disk_bytes: int,
        memory_bytes: int,
        processes: int,
        keep_fds: Iterable[int],
    ) -> None:
        """`tier`: one of `available()`'s. `cwd`: the kernel's working directory; None when it was deleted.

        `keep_fds`: descriptors the supervisor goes on using; the trial loses them in `trial_enter`.
        """
        self.tier = tier
        self._how: _Tier = _TIERS[tier]()
        self._cwd = cwd if cwd is not None and os.path.isdir(cwd) else None
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._processes = processes
        self._keep_fds = tuple(keep_fds)
        self._group: Group | None = None
        self._observer: Observer | None = None
        # The kernel means the parent THREAD by "parent"; one that ends early would take the trial with it.
        self._dies_with_parent = False

    def supervisor_enter(self) -> None:
        """In S, right after fork and setsid, before it starts a thread or opens anything of its own.

        Cuts every tie to the kernel (shared files, sockets, memory) and enters the namespaces.
        """
        gc.freeze()  # no collection may touch, and so copy, what the kernel allocated
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
        try:
            with contextlib.suppress(OSError):
                libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
            inherited_maps.make_private()
            inheritance = inherited_files.survey(self._keep_fds)
            self._how.enter(self._cwd, self._disk_bytes)
            inherited_files.sever(inheritance, writable=self._how.files_are_separate)
        except OSError as error:
            raise GuardError(f"The guard ({self.tier}) could not be entered: {error}.") from error

    def fork_trial(self) -> int:
        """`os.fork`: 0 in T, T's process id in S. S must have a single thread."""
        from_main = threading.current_thread() is threading.main_thread()
        try:
            pid = self._how.fork(limits.tasks(self._processes))
        except OSError as error:
            raise GuardError(f"The trial's process could not be started: {error}.") from error
        if pid:
            self._group = self._how.group(pid)
        else:
            self._dies_with_parent = from_main
        return pid

    def trial_enter(self, keep_fds: Sequence[int] = ()) -> None:
        """In T: own session, limits, no privileges, filters, for good. Of S's `keep_fds` only these stay."""
        try:
            os.setsid()
            if self._dies_with_parent:
                libc.prctl(libc.PR_SET_PDEATHSIG, _SIGKILL)
            inherited_files.deaden(set(self._keep_fds).difference(keep_fds))
            for descriptor in self._how.descriptors():
                os.close(descriptor)
            limits.apply(
                memory_bytes=self._memory_bytes,
                disk_bytes=self._disk_bytes,
                tasks=limits.tasks(self._processes),
                alone=self._how.files_are_separate,
            )
            self._observer = self._how.observer()
            self._how.restrict()
        except OSError as error:
            raise GuardError(f"The guard ({self.tier}) could not be entered: {error}.") from error
        self._observer.install()

    def observations(self) -> dict[str, list[str]]:
        """In T: what it reached for, in words: `network` and `refused`."""
        if self._observer is None:
            return {"network": [], "refused": []}
        return {"network": list(self._observer.network), "refused": list(self._observer.refused)}

    def blocked_reason(self, error: BaseException) -> str | None:
        """In T: what the guard refused, in a few words, if `error` comes of that; else None."""
        wanted = self._observer.network if self._observer is not None else []
        return blocked.reason(error, wanted_network=wanted, guarded=self.tier != "none")

    def usage(self) -> tuple[int, int]:
        """In S: (processes of the trial, bytes they hold beyond what they share with the kernel)."""
        return self._group.usage(self._memory_bytes) if self._group is not None else (0, 0)

    def kill_all(self, pid: int) -> None:
        """In S: end T and every descendant, daemons included, and reap them; none is left on return."""
        self._how.kill(pid)
        if self._group is not None:
            self._group.close()
            self._group = None

    def effects(self) -> dict[str, Any]:
        """In S, after `kill_all`: `{"files": [{"path", "change", "bytes"}, ...]}`, what the trial wrote."""
        return {"files": self._how.changes()}

    def close(self) -> None:
        """In S, last: delete what the tier put on disk."""
        self._how.leave()
