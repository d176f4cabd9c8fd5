"""Which tier works here: found by really entering each in a small forked child."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from . import landlock, seccomp
from .confinement import Confinement
from .tiers import TIERS

_CAP_VARIABLE = "MLAGENT_GUARD"
_PATIENCE_SECONDS = 10.0


def available(avoid: tuple[str, ...] = ()) -> tuple[str, str]:
    """(tier, reason): the strongest tier that works in this process; one sentence why no stronger one.

    `avoid`: tiers not to use. The environment variable MLAGENT_GUARD caps the tier (`landlock`, `audit`,
    `none`). What was found out is remembered per process.
    """
    cap = os.environ.get(_CAP_VARIABLE, "")
    reason = "Nothing stronger exists."
    order = list(TIERS)
    for tier in order:
        if cap in order and order.index(tier) < order.index(cap):
            reason = f"The environment variable {_CAP_VARIABLE} allows {cap} at most."
        elif tier in avoid:
            reason = f"The tier {tier} was ruled out by the caller."
        else:
            failure = _failure(tier, os.getpid())
            if not failure:
                return tier, reason
            reason = f"The tier {tier} does not work here: {failure}{_hint(tier)}."
    return "none", reason


def _hint(tier: str) -> str:
    """Ubuntu's switch, the commonest reason on a person's own machine."""
    switch = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    try:
        restricted = tier == "namespaces" and os.geteuid() != 0 and switch.read_text().strip() == "1"
    except OSError:
        restricted = False
    return " (the setting kernel.apparmor_restrict_unprivileged_userns=1 forbids it)" if restricted else ""


@lru_cache(maxsize=16)
def _failure(tier: str, _process: int) -> str:
    """Why a tier does not work in this process; empty when it does."""
    if tier in ("none", "audit"):
        return "" if hasattr(os, "fork") else "this system has no fork"
    if not sys.platform.startswith("linux"):
        return "it needs Linux"
    if not seccomp.available():
        return "the kernel offers no seccomp filters for this architecture"
    if tier == "landlock" and not landlock.version():
        return "the kernel has no Landlock, or it is switched off"
    # Computed here, the commonest filter is at hand in every fork.
    seccomp.program(namespaces=True, landlock=landlock.version(), own_pid=1, unix_sockets=True)
    return _tried(tier)


def _tried(tier: str) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _try(tier, writer)
    os.close(writer)
    try:
        ready = select.select([reader], [], [], _PATIENCE_SECONDS)[0]
        answer = os.read(reader, 4096).decode("utf-8", "replace") if ready else "it did not answer in time"
    finally:
        os.close(reader)
        if not ready:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return "" if answer == "ok" else answer.rstrip(".") or "the process that tried it ended early"


def _try(tier: str, writer: int) -> None:
    """In the child: enter the tier, write something in a trial, tell what went wrong or `ok`, and end."""
    answer = ""
    try:
        os.setsid()
        directory = tempfile.gettempdir()
        confinement = Confinement(
            tier, cwd=directory, disk_bytes=1 << 20, memory_bytes=1 << 30, processes=8, keep_fds=[writer]
        )
        confinement.supervisor_enter()
        pid = confinement.fork_trial()
        if pid == 0:
            _probe(confinement, writer)
        status = os.waitpid(pid, 0)[1]
        confinement.close()
        answer = "ok" if status == 0 else ""
    except BaseException as error:
        answer = str(error) or type(error).__name__
    finally:
        os.write(writer, answer.encode()[:2000])
        os._exit(0)


def _probe(confinement: Confinement, writer: int) -> None:
    answer = ""
    try:
        confinement.trial_enter(keep_fds=[writer])
        with tempfile.TemporaryFile() as file:
            file.write(b"it can write somewhere")
    except BaseException as error:
        answer = str(error) or type(error).__name__
        os.write(writer, answer.encode()[:2000])
    finally:
        os._exit(1 if answer else 0)
