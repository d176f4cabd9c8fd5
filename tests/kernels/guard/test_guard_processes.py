"""Processes, memory, limits: a trial sees its own only, takes what it may, and leaves nothing running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TIERS = pytest.mark.parametrize("tier", ["namespaces", "landlock"])


def alive(marker: str) -> list[str]:
    """Processes of this machine whose command line holds `marker`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found


@TIERS
def test_daemons_end_with_the_trial(confine, tier: str, user: str) -> None:
    marker = f"guard-daemon-{os.getpid()}-{tier}-{user}"
    outcome = confine(
        f"""
        import os, subprocess, sys
        command = [sys.executable, "-c", "import time; time.sleep(600)", {marker!r}]
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execv(sys.executable, command)
                os._exit(0)
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        import time
        while len([1 for pid in os.listdir("/proc") if pid.isdigit()]) < 2:
            time.sleep(0.01)
        answer = "left them running"
        """,
        tier=tier,
        user=user,
    )
    assert outcome.answer == "left them running"
    assert alive(marker) == []


@TIERS
def test_a_fork_bomb_is_stopped(confine, tier: str, user: str) -> None:
    marker = f"guard-bomb-{os.getpid()}-{tier}-{user}"
    outcome = confine(
        """
        import os, sys, time
        for _ in range(150):
            try:
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(600)
            except OSError:
                time.sleep(0.01)
        time.sleep(600)
        """,
        before=f"import ctypes; ctypes.CDLL(None).prctl(15, {marker.encode()!r})",
        tier=tier,
        user=user,
        processes=20,
        seconds=20.0,
    )
    assert outcome.status == "processes"
    assert not [
        entry for entry in Path("/proc").glob("[0-9]*/comm") if entry.read_text().startswith(marker[:15])
    ]


def test_other_processes_do_not_exist(confine, user: str) -> None:
    outcome = confine(
        """
        import os, signal
        answer = [os.getpid(), os.getppid(), [p for p in os.listdir("/proc") if p.isdigit()]]
        for target in (kernel, -1):
            try:
                os.kill(target, signal.SIGKILL)
            except ProcessLookupError:
                answer.append("no such process")
        """,
        before="import os; kernel = os.getpid()",
        user=user,
    )
    assert outcome.answer == [1, 0, ["1"], "no such process", "no such process"]


def test_without_namespaces_other_processes_cannot_be_touched(confine) -> None:
    outcome = confine(
        """
        import ctypes, os, resource, signal
        answer = []
        def attempt(work):
            try:
                work()
                answer.append("done")
            except OSError as error:
                answer.append(type(error).__name__)
        libc = ctypes.CDLL(None, use_errno=True)
        def ptrace():
            if libc.ptrace(16, kernel, None, None) != 0:
                raise OSError(ctypes.get_errno(), "ptrace")
        attempt(lambda: os.kill(kernel, signal.SIGKILL))
        attempt(lambda: os.killpg(os.getpgid(kernel), signal.SIGKILL))
        attempt(lambda: resource.prlimit(kernel, resource.RLIMIT_NOFILE, (10, 10)))
        attempt(lambda: os.sched_setaffinity(kernel, {0}))
        attempt(lambda: os.setpriority(os.PRIO_PROCESS, kernel, 19))
        attempt(lambda: open(f"/proc/{kernel}/mem", "r+b"))
        attempt(lambda: open(f"/proc/{kernel}/oom_score_adj", "w"))
        attempt(ptrace)
        """,
        before="import os; kernel = os.getpid()",
        tier="landlock",
    )
    assert "done" not in outcome.answer
    assert len(outcome.answer) == 8


def test_killing_oneself_ends_the_trial(confine) -> None:
    outcome = confine("import os, signal; os.kill(os.getpid(), signal.SIGKILL); answer = 'survived'")
    assert outcome.answer is None
    assert outcome.status == f"exit {128 + 9}"


def test_killing_a_child_works(confine, user: str) -> None:
    outcome = confine(
        """
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        child.kill()
        answer = child.wait()
        """,
        user=user,
    )
    assert outcome.answer == -9


@TIERS
def test_asking_for_too_much_memory_is_a_memory_error(confine, tier: str, user: str) -> None:
    outcome = confine("data = bytearray(4 << 30)", tier=tier, user=user, memory_bytes=256 << 20)
    assert outcome.error is not None
    assert outcome.error.startswith("MemoryError")


@TIERS
def test_memory_copied_on_write_counts(confine, tier: str) -> None:
    """The kernel's own 400 MB cost nothing until the cell writes to them."""
    held = "import mmap, time; data = mmap.mmap(-1, 400 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
    held += "for page in range(0, len(data), 4096): data[page] = 1\n"
    touched = "for page in range(0, len(data), 4096): data[page] = 2\ntime.sleep(600)"
    idle = confine("time.sleep(0.3)", before=held, tier=tier)
    assert idle.peak < 50 << 20
    outcome = confine(touched, before=held, tier=tier, memory_bytes=200 << 20)
    assert outcome.status == "memory"
    assert outcome.peak > 200 << 20


@TIERS
def test_memory_spread_over_processes_counts_together(confine, tier: str) -> None:
    outcome = confine(
        """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                data = bytearray(b"x") * (100 << 20)
                time.sleep(600)
        time.sleep(600)
        """,
        tier=tier,
        memory_bytes=256 << 20,
    )
    assert outcome.status == "memory"


def test_shared_memory_of_the_trials_own_counts(confine) -> None:
    outcome = confine(
        """
        import mmap, time
        data = mmap.mmap(-1, 300 << 20)
        for page in range(0, len(data), 4096): data[page] = 1
        time.sleep(600)
        """,
        memory_bytes=200 << 20,
    )
    assert outcome.status == "memory"


def test_ordinary_use_is_measured(confine) -> None:
    outcome = confine("import time; data = bytearray(b'x') * (150 << 20); time.sleep(0.2)")
    assert 140 << 20 < outcome.peak < 260 << 20


def test_limits_cannot_be_lifted(confine, user: str) -> None:
    outcome = confine(
        """
        import resource
        answer = []
        for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            try:
                resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            except (ValueError, OSError):
                answer.append("refused")
        """,
        user=user,
    )
    assert outcome.answer == ["refused"] * 4


@TIERS
def test_threads_shell_lines_pools_and_terminals_work(confine, tier: str) -> None:
    outcome = confine(
        """
        import os, pty, subprocess, threading
        found = []
        thread = threading.Thread(target=lambda: found.append("thread"))
        thread.start(); thread.join()
        found.append(subprocess.check_output("echo shell | tr a-z A-Z", shell=True, text=True).strip())
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, b"child"); os._exit(0)
        os.wait()
        found.append(os.read(read, 10).decode())
        answer = found
        """,
        tier=tier,
    )
    assert outcome.answer == ["thread", "SHELL", "child"]


def test_a_pool_of_processes_and_a_pseudo_terminal_work(confine, user: str) -> None:
    outcome = confine(
        """
        import multiprocessing, os, pty
        with multiprocessing.get_context("fork").Pool(2) as pool:
            answer = pool.map(abs, [-1, -2])
        main, other = pty.openpty()
        os.write(other, b"typed")
        answer.append(os.read(main, 10).decode())
        """,
        user=user,
    )
    assert outcome.answer == [1, 2, "typed"]


def test_a_trial_dies_with_its_supervisor(confine) -> None:
    """The supervisor can fall to the machine's memory shortage; what it guarded must not run on alone."""
    program = """
import os, signal, sys, time
sys.path.insert(0, {kernels!r})
from mlagent_kernel.guard import Confinement
supervisor = os.fork()
if supervisor == 0:
    os.setsid()
    told = {told}
    confinement = Confinement("namespaces", cwd=None, disk_bytes=1 << 20, memory_bytes=1 << 28, processes=9,
                              keep_fds=[told])
    confinement.supervisor_enter()
    if confinement.fork_trial() == 0:
        confinement.trial_enter(keep_fds=[told])
        os.write(told, b"running")
        time.sleep(600)
    time.sleep(600)
os.close({told})
os.read({listening}, 7)
os.kill(supervisor, signal.SIGKILL)
os.waitpid(supervisor, 0)
os.read({listening}, 7)  # returns once no process holds the other end
print("gone")
"""
    listening, told = os.pipe()
    try:
        source = program.format(
            kernels=str(Path(__file__).parents[3] / "kernels"), told=told, listening=listening
        )
        process = subprocess.Popen(
            [sys.executable, "-c", source], pass_fds=(listening, told), stdout=subprocess.PIPE, text=True
        )
        os.close(told)
        assert process.communicate(timeout=60)[0] == "gone\n"
    finally:
        os.close(listening)


def test_entering_is_quick(confine) -> None:
    """Not a benchmark: something that waits or walks the whole machine would show by orders of magnitude."""
    assert confine("pass").enter_seconds < 1.0
