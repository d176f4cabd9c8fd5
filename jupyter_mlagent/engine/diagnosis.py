"""Why a worker ended, as one sentence with the cure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from jupyter_mlagent.engine.cpu import AMX_SETS, Cpu, explain_crash, missing_sets

_WRONG_BUILD_SIGNALS = (signal.SIGILL, signal.SIGSEGV, signal.SIGBUS)
_WORDS = {
    signal.SIGKILL: "killed",
    signal.SIGTERM: "terminated",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGILL: "illegal instruction",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
}


class Phase(Enum):
    """What the worker was doing."""

    STARTING = "starting"
    LOADING = "loading the model"
    FIRST_STEP = "trying its first step"
    SERVING = "answering"


@dataclass(frozen=True)
class Death:
    """How a worker ended. `sets`: the instruction sets its llama.cpp was compiled for."""

    returncode: int
    phase: Phase
    sets: tuple[str, ...] = ()
    out_of_memory: bool = False
    last_line: str = ""


def diagnose(death: Death, cpu: Cpu, *, aftermath: str = "") -> str:
    """One sentence: what happened, and the cure where there is one. `aftermath` is what happens next."""
    doing, how = death.phase.value, _how(death.returncode)
    if death.out_of_memory and death.returncode == -signal.SIGKILL:
        return (
            f"The model worker was killed while {doing} because the memory ran out: "
            f"free some, or choose a smaller model or context."
        )
    if _suspect_build(death, cpu):
        return f"The model worker crashed while {doing}: {explain_crash(-death.returncode, death.sets, cpu)}"
    if death.phase is not Phase.SERVING and death.last_line:
        return f"The model worker stopped ({how}) while {doing}: {death.last_line}"
    return f"The model worker stopped ({how}) while {doing}{aftermath}."


def _suspect_build(death: Death, cpu: Cpu) -> bool:
    """Whether the crash points at instruction sets that were compiled in and do not work here."""
    if -death.returncode not in _WRONG_BUILD_SIGNALS:
        return False
    known_bad = missing_sets(death.sets, cpu) or set(AMX_SETS) & set(death.sets)
    return bool(known_bad) or death.phase is not Phase.SERVING


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        name = _WORDS.get(signal.Signals(-returncode), signal.Signals(-returncode).name)
    except ValueError:
        return f"signal {-returncode}"
    return f"signal {-returncode}, {name}"


def oom_kills(vmstat: Path = Path("/proc/vmstat")) -> int:
    """How often the kernel has killed a process for lack of memory since it started."""
    try:
        lines = vmstat.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
