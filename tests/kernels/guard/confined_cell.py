"""A small stand-in for a kernel: run as a program, it forks a supervisor and tries one cell under the guard.

Reads a JSON request on standard input and writes what happened as JSON to standard output. Standard library
only, so that it runs with any interpreter and as any user.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "kernels"))

from mlagent_kernel.guard import Confinement, available


def main() -> None:
    request = json.load(sys.stdin)
    kernel: dict = {"__name__": "__main__"}
    exec(request["before"], kernel)
    tier, reason = available() if request["tier"] == "best" else (request["tier"], "")
    reader, writer = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(reader)
        be_supervisor(request, tier, kernel, writer)
    os.close(writer)
    report = read_all(reader)
    os.waitpid(supervisor, 0)
    outcome = pickle.loads(report) if report else {"failed": "the supervisor ended early"}
    kernel["supervisor"] = supervisor
    exec(request["after"], kernel)
    sys.stdout.write(json.dumps({"tier": tier, "reason": reason, "kernel": kernel.get("answer"), **outcome}))


def be_supervisor(request: dict, tier: str, kernel: dict, report: int) -> None:
    outcome: dict = {}
    try:
        os.setsid()
        try:
            cwd = str(Path.cwd())
        except FileNotFoundError:
            cwd = None
        limits = {"disk_bytes": 64 << 20, "memory_bytes": 512 << 20, "processes": 32, **request["limits"]}
        confinement = Confinement(tier, cwd=cwd, keep_fds=[report], **limits)
        began = time.perf_counter()
        confinement.supervisor_enter()
        entered = time.perf_counter()
        answers, answer = os.pipe()
        trial = confinement.fork_trial()
        if trial == 0:
            be_trial(request["cell"], confinement, kernel, answer)
        os.close(answer)
        peak, most, status = watch(confinement, trial, limits, request["seconds"])
        confinement.kill_all(trial)
        said = read_all(answers)
        outcome = {
            "enter_seconds": entered - began,
            "peak": peak,
            "processes": most,
            "status": status,
            "effects": confinement.effects(),
            **(json.loads(said) if said else {}),
        }
        confinement.close()
    except BaseException:
        outcome = {"failed": traceback.format_exc()}
    finally:
        with os.fdopen(report, "wb") as stream:
            stream.write(pickle.dumps(outcome))
        os._exit(0)


def watch(confinement, trial: int, limits: dict, seconds: float) -> tuple:
    """Until the trial exits, is over a limit or out of time."""
    peak = most = 0
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(trial, os.WNOHANG)
        if found:
            exited = os.WIFEXITED(status)
            return peak, most, f"exit {os.WEXITSTATUS(status)}" if exited else f"signal {os.WTERMSIG(status)}"
        processes, private = confinement.usage()
        peak, most = max(peak, private), max(most, processes)
        if private > limits["memory_bytes"]:
            return peak, most, "memory"
        if processes > limits["processes"]:
            return peak, most, "processes"
        if confinement.disk_exceeded():
            return peak, most, "disk"
        if time.monotonic() > deadline:
            return peak, most, "late"
        time.sleep(0.005)


def be_trial(cell: str, confinement, kernel: dict, answer: int) -> None:
    told: dict = {}
    try:
        confinement.trial_enter()
        try:
            exec(cell, kernel)
        except Exception as error:
            told["error"] = f"{type(error).__name__}: {error}"
            told["errno"] = getattr(error, "errno", None)
            told["blocked"] = confinement.blocked_reason(error)
        told["answer"] = kernel.get("answer")
        told["observations"] = confinement.observations()
    except BaseException:
        told["failed"] = traceback.format_exc()
    finally:
        os.write(answer, json.dumps(told).encode())
        os._exit(0)


def read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


if __name__ == "__main__":
    main()
