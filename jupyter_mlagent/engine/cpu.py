"""What this CPU can do, what llama.cpp was compiled to use, and what it means when the two disagree.

Standard library only: set-up runs this before anything is installed.
"""

from __future__ import annotations

import functools
import platform
import signal
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

REBUILD = "python -m jupyter_mlagent.engine.build --install --force"


@dataclass(frozen=True)
class Cpu:
    system: str
    """As `platform.system()`: Linux, Darwin."""
    machine: str
    """As `platform.machine()`: x86_64, aarch64, arm64."""
    features: frozenset[str]
    """Names as in /proc/cpuinfo."""

    @property
    def is_x86(self) -> bool:
        return self.machine.lower() in {"x86_64", "amd64"}

    @property
    def is_arm(self) -> bool:
        return self.machine.lower() in {"aarch64", "arm64"}


@dataclass(frozen=True)
class InstructionSet:
    name: str
    """As llama.cpp reports it; the CMake option is `GGML_` + name."""
    needs: frozenset[str]
    """Features in /proc/cpuinfo without which it is an illegal instruction."""
    compiler_flags: tuple[str, ...]


def _set(name: str, needs: str, flags: str) -> InstructionSet:
    return InstructionSet(name, frozenset(needs.split()), tuple(flags.split()))


X86_SETS = (
    _set("SSE42", "sse4_2", "-msse4.2"),
    _set("AVX", "avx", "-mavx"),
    _set("AVX2", "avx2", "-mavx2"),
    _set("FMA", "fma", "-mfma"),
    _set("F16C", "f16c", "-mf16c"),
    _set("BMI2", "bmi2", "-mbmi2"),
    _set("AVX_VNNI", "avx_vnni", "-mavxvnni"),
    _set(
        "AVX512",
        "avx512f avx512cd avx512vl avx512dq avx512bw",
        "-mavx512f -mavx512cd -mavx512vl -mavx512dq -mavx512bw",
    ),
    _set("AVX512_VBMI", "avx512vbmi", "-mavx512vbmi"),
    _set("AVX512_VNNI", "avx512_vnni", "-mavx512vnni"),
)
AMX_SETS = ("AMX_TILE", "AMX_INT8", "AMX_BF16")
"""Never compiled in: the first decode of llama.cpp's AMX path crashes (llama.cpp issue 20824)."""

# Reported by llama.cpp but never chosen here: needed to judge a build that somebody else made.
_REPORTED_ONLY = {
    "SSE3": frozenset({"pni"}),
    "SSSE3": frozenset({"ssse3"}),
    "AVX512_BF16": frozenset({"avx512_bf16"}),
    "AMX_INT8": frozenset({"amx_int8"}),
    "DOTPROD": frozenset({"asimddp"}),
    "FP16_VA": frozenset({"fphp"}),
    "MATMUL_INT8": frozenset({"i8mm"}),
    "SVE": frozenset({"sve"}),
}
_NEEDS = {chosen.name: chosen.needs for chosen in X86_SETS} | _REPORTED_ONLY


def parse_cpuinfo(text: str) -> frozenset[str]:
    """Features that EVERY core has: on mixed cores a build may use only what is common to all."""
    cores = [
        frozenset(line.split(":", 1)[1].split())
        for line in text.splitlines()
        if line.split(":", 1)[0].strip() in {"flags", "Features"} and ":" in line
    ]
    return functools.reduce(frozenset.intersection, cores) if cores else frozenset()


def read_cpu() -> Cpu:
    try:
        features = parse_cpuinfo(Path("/proc/cpuinfo").read_text(errors="replace"))
    except OSError:
        features = _sysctl_features()
    return Cpu(platform.system(), platform.machine(), features)


def _sysctl_features() -> frozenset[str]:
    """macOS names its x86 features in upper case; Apple's ARM cores need no list (see `build.cmake_args`)."""
    command = ["sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    renamed = {"avx1.0": "avx", "sse4.2": "sse4_2"}
    return frozenset(renamed.get(word, word) for word in answer.lower().split())


def compiled_sets(system_info: str) -> frozenset[str]:
    """Instruction sets in llama.cpp's own report, e.g. `CPU : SSE3 = 1 | AVX = 1 | AMX_INT8 = 1 |`."""
    items = (item.rpartition(":")[2].split("=") for item in system_info.split("|"))
    return frozenset(item[0].strip() for item in items if len(item) == 2 and item[1].strip() == "1")


def missing_sets(compiled: Iterable[str], cpu: Cpu) -> list[str]:
    """Sets that were compiled in and that this CPU lacks (known only where /proc/cpuinfo is)."""
    if not cpu.features or cpu.system != "Linux":
        return []
    return sorted(name for name in compiled if name in _NEEDS and not _NEEDS[name] <= cpu.features)


def unused_sets(compiled: Iterable[str], cpu: Cpu) -> list[str]:
    """Sets that this CPU has, that set-up would choose, and that the build leaves unused."""
    present = set(compiled) | {"SSE42"}  # llama.cpp does not report this one
    if not cpu.is_x86:
        return []
    return [known.name for known in X86_SETS if known.needs <= cpu.features and known.name not in present]


def crash_cause(signal_number: int, compiled: Iterable[str], cpu: Cpu) -> tuple[str, str]:
    """(likely cause, cure) of a process that died of a signal in llama.cpp; no cure when none is known."""
    compiled = set(compiled)
    missing = [name for name in missing_sets(compiled, cpu) if not name.startswith("AMX")]
    if missing and signal_number == signal.SIGILL:
        return (
            f"llama.cpp was compiled for {', '.join(missing)}, which this CPU does not have",
            f"rebuild it for this machine: {REBUILD}",
        )
    if any(name.startswith("AMX") for name in compiled):
        return (
            "llama.cpp was compiled with AMX, whose first decode crashes on many machines "
            "(llama.cpp issue 20824)",
            f"rebuild it without: {REBUILD}",
        )
    return f"llama.cpp crashed ({_signal_name(signal_number)})", ""


def explain_crash(signal_number: int, compiled: Iterable[str], cpu: Cpu) -> str:
    """One sentence for a worker that died of a signal."""
    cause, cure = crash_cause(signal_number, compiled, cpu)
    return f"{cause}; {cure or '`mlagent doctor` looks for the reason.'}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
