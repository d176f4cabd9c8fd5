"""Starts a program that cannot see the answers: `python -m local_rl.tasks.hide FOLDER -- PROGRAM ...`.

Two nested user and mount namespaces. The first covers FOLDER with an empty read-only file system; the
second inherits that cover locked (mount_namespaces(7): mounts of a more privileged namespace cannot be
separated), so that not even root inside can lift it. A process outside cannot be borrowed either: its
/proc/PID/root needs rights in a namespace that was left behind. Linux only; `available` tests it.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from local_rl.tasks.errors import TaskError
from local_rl.tasks.process import HASH_SEED

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 1 << 18
KERNELSPEC = "mlagent-hidden"
TRY_SECONDS = 20


def command(hidden: Path, program: list[str]) -> list[str]:
    """The command line that runs `program` with the folder `hidden` out of its sight."""
    return [sys.executable, "-m", "local_rl.tasks.hide", str(hidden), "--", *program]


@functools.cache
def available() -> bool:
    """Whether this system lets an ordinary process hide a folder from its children."""
    if not sys.platform.startswith("linux"):
        return False
    probe = command(Path(__file__).parent / "suite", [sys.executable, "-c", "pass"])
    try:
        return subprocess.run(probe, capture_output=True, timeout=TRY_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def write_kernelspec(kernels: Path, hidden: Path) -> str:
    """Write a kernelspec below `kernels` (a folder for JUPYTER_PATH's `kernels`) and return its name."""
    folder = kernels / KERNELSPEC
    folder.mkdir(parents=True)
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": command(hidden, launch),
        "display_name": "Python 3 (answers hidden)",
        "language": "python",
        "env": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONHASHSEED": HASH_SEED},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return KERNELSPEC


def cover(hidden: Path) -> None:
    """Hide a folder from this process and its children for good; TaskError where that is forbidden."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        _enter_namespaces(libc)
        _mount(libc, None, "/", None, MS_REC | MS_PRIVATE)
        _mount(libc, "tmpfs", str(hidden), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
        here = Path.cwd()
        _enter_namespaces(libc)
        os.chdir(here)
    except OSError as error:
        raise TaskError(
            f"This system does not let a process hide a folder ({error}); kernels could see {hidden}."
        ) from error


def _enter_namespaces(libc: ctypes.CDLL) -> None:
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _mount(libc: ctypes.CDLL, source: str | None, target: str, kind: str | None, flags: int) -> None:
    def encoded(text: str | None) -> bytes | None:
        return None if text is None else text.encode()

    if libc.mount(encoded(source), encoded(target), encoded(kind), ctypes.c_ulong(flags), None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def main(arguments: list[str]) -> None:
    hidden, separator, *program = arguments
    assert separator == "--" and program
    cover(Path(hidden))
    os.execvp(program[0], program)  # noqa: S606 - a program of ours, given as a list


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except TaskError as failure:
        sys.exit(f"mlagent: {failure}")
