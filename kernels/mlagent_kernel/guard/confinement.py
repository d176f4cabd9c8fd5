"""One trial's confinement, driven by its supervisor.

The kernel forks the supervisor S; S calls `supervisor_enter`, then `fork_trial`; the child T calls
`trial_enter` and runs the cell. S polls `usage`, ends T with `kill_all`, reads `effects` and calls `close`.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH112, PTH123

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from . import blocked, inherited_files, inherited_maps, libc, limits
from .audit import Observer
from .errors import GuardError
from .processes import Group
from .tiers import TIERS, Tier

_SIGKILL = 9


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
        self._how: Tier = TIERS[tier]()
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
                with contextlib.suppress(OSError):  # refused inside another trial, which ends as a whole
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
        if self._group is None:
            return 0, 0
        return self._group.usage(self._memory_bytes, self._processes)

    def disk_exceeded(self) -> bool:
        """In S, to poll like `usage`: whether the trial holds more disk than it may and must be ended."""
        return self._how.disk_exceeded(self._disk_bytes)

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
