"""What the doctor makes of facts: each check is ok, a warning or a problem, and never without a cure."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from jupyter_mlagent.doctor import checks
from jupyter_mlagent.doctor.child import ChildResult
from jupyter_mlagent.doctor.finding import Finding, Level
from jupyter_mlagent.engine import catalog
from jupyter_mlagent.engine.build import LLAMA_VERSION
from jupyter_mlagent.engine.catalog import Choice
from jupyter_mlagent.engine.cpu import REBUILD, Cpu
from jupyter_mlagent.engine.memory import Memory

FEATURES = ("pni", "ssse3", "sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "amx_int8")
CPU = Cpu("Linux", "x86_64", frozenset(FEATURES))
FITTING = "CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | OPENMP = 1 | "
SMALL, LARGE = catalog.find("qwen2.5-coder-0.5b"), catalog.find("qwen2.5-coder-1.5b")
CHOICE = Choice(model=LARGE, reason="it fits")
GIGABYTE = 1_000_000_000


def engine(info: str = FITTING, version: str = LLAMA_VERSION) -> ChildResult:
    return ChildResult(returncode=0, answer={"system_info": info, "version": version, "gpu_offload": False})


def died(number: int) -> ChildResult:
    return ChildResult(returncode=-number)


def kernel(fork: str = "", tier: str = "namespaces", reason: str = "") -> ChildResult:
    return ChildResult(returncode=0, answer={"fork": fork, "tier": tier, "reason": reason})


def memory(free: float, gpu: float = 0) -> Memory:
    return Memory(
        total_bytes=16 * GIGABYTE, available_bytes=int(free * GIGABYTE), gpu_bytes=int(gpu * GIGABYTE)
    )


FINE = [
    checks.check_python((3, 11, 0), "/usr/bin/python"),
    checks.check_engine(engine(), CPU),
    checks.check_decode(
        ChildResult(returncode=0, answer={"tokens": 8, "seconds": 0.5}), "tiny", engine(), CPU
    ),
    checks.check_sandbox(kernel()),
    checks.check_fork(kernel()),
    checks.check_gpu("cpu", memory(8), nvidia_driver=False),
    checks.check_gpu("cuda", memory(8, gpu=24), nvidia_driver=True),
    checks.check_memory(memory(8), CHOICE),
    checks.check_memory(memory(1, gpu=8), CHOICE),
    checks.check_disk(Path("/data"), 50 * GIGABYTE, GIGABYTE),
    checks.check_model(CHOICE, [SMALL, LARGE], "", hashed=True),
    checks.check_journal(Path("/data/journal.sqlite"), ""),
    checks.check_kernelspec(["ir", "python3"]),
]


@pytest.mark.parametrize("finding", FINE, ids=lambda finding: finding.check)
def test_what_is_in_order_is_ok_and_asks_for_nothing(finding: Finding) -> None:
    assert (finding.level, finding.cure) == (Level.OK, "")


@pytest.mark.parametrize(
    ("finding", "level", "says", "cure"),
    [
        (checks.check_python((3, 10, 9), "/p"), Level.PROBLEM, "3.10.9 at /p is too old", "3.11 or newer"),
        (
            checks.check_engine(
                ChildResult(returncode=1, last_error_line="ModuleNotFoundError: llama_cpp"), CPU
            ),
            Level.PROBLEM,
            "cannot be imported (ModuleNotFoundError: llama_cpp)",
            REBUILD,
        ),
        (checks.check_engine(died(signal.SIGILL), CPU), Level.PROBLEM, "(signal 4)", REBUILD),
        (
            # This CPU has AMX: the build is still wrong
            checks.check_engine(engine(FITTING + "AMX_INT8 = 1 | "), CPU),
            Level.PROBLEM,
            "AMX_INT8, whose first decode crashes (llama.cpp issue 20824)",
            REBUILD,
        ),
        (
            checks.check_engine(engine(FITTING + "AVX512 = 1 | "), CPU),
            Level.PROBLEM,
            "AVX512, which this CPU does not have",
            REBUILD,
        ),
        (checks.check_engine(engine(version="0.2.0"), CPU), Level.PROBLEM, "0.2.0 is installed", REBUILD),
        (
            checks.check_engine(engine(FITTING.replace("AVX2 = 1", "AVX2 = 0")), CPU),
            Level.WARNING,
            "leaves AVX2 of this CPU unused",
            REBUILD,
        ),
        (checks.check_decode(None, "", engine(), CPU), Level.WARNING, "no model is here", "models pull"),
        (
            checks.check_decode(ChildResult(returncode=-9, timed_out=True), "tiny", engine(), CPU),
            Level.PROBLEM,
            "tiny did not answer",
            "try again",
        ),
        (
            checks.check_decode(died(signal.SIGSEGV), "tiny", engine(FITTING + "AMX_INT8 = 1 |"), CPU),
            Level.PROBLEM,
            "compiled with AMX",
            REBUILD,
        ),
        (
            checks.check_decode(died(signal.SIGSEGV), "tiny", engine(), CPU),
            Level.PROBLEM,
            "llama.cpp crashed (SIGSEGV)",
            REBUILD,
        ),
        (
            checks.check_decode(
                ChildResult(returncode=1, last_error_line="bad magic"), "tiny", engine(), CPU
            ),
            Level.PROBLEM,
            "tiny cannot be loaded (bad magic)",
            "models verify",
        ),
        (
            checks.check_sandbox(kernel(tier="landlock", reason="Why.")),
            Level.WARNING,
            "Why.",
            "user namespaces",
        ),
        (checks.check_sandbox(kernel(tier="audit")), Level.WARNING, "not attacks", "user namespaces"),
        (checks.check_sandbox(kernel(tier="none")), Level.PROBLEM, "only when you allow", "user namespaces"),
        (checks.check_sandbox(died(signal.SIGSEGV)), Level.PROBLEM, "none", "user namespaces"),
        (checks.check_fork(kernel(fork="no fork")), Level.WARNING, "(no fork)", "ulimit -u"),
        (checks.check_fork(died(signal.SIGSEGV)), Level.WARNING, "the probe crashed", "ulimit -u"),
        (checks.check_gpu("cpu", memory(8), True), Level.WARNING, "without CUDA", "MLAGENT_GPU=cuda"),
        (checks.check_gpu("cuda", memory(8), True), Level.WARNING, "no such GPU answers", "MLAGENT_GPU=cpu"),
        (checks.check_memory(memory(1), CHOICE), Level.PROBLEM, "needs 2.2 GB", "close other programs"),
        (
            checks.check_disk(Path("/d"), GIGABYTE, 2 * GIGABYTE),
            Level.PROBLEM,
            "needs 2.0 GB",
            "MLAGENT_MODELS",
        ),
        (checks.check_disk(Path("/d"), GIGABYTE, 0), Level.WARNING, "which is little", "MLAGENT_MODELS"),
        (
            checks.check_model(CHOICE, [SMALL], "", hashed=False),
            Level.WARNING,
            "qwen2.5-coder-0.5b is used",
            "models pull qwen2.5-coder-1.5b",
        ),
        (checks.check_model(CHOICE, [], "", hashed=False), Level.PROBLEM, "no model is here", "models pull"),
        (
            checks.check_model(CHOICE, [LARGE], "It is altered.", hashed=True),
            Level.PROBLEM,
            "altered",
            "pull",
        ),
        (checks.check_journal(Path("/j"), "It is locked."), Level.PROBLEM, "It is locked.", "MLAGENT_HOME"),
        (checks.check_kernelspec(["ir"]), Level.PROBLEM, "no kernelspec called python3", "ipykernel install"),
    ],
)
def test_what_is_not_in_order_comes_with_its_cure(
    finding: Finding, level: Level, says: str, cure: str
) -> None:
    assert finding.level is level
    assert says in finding.says
    assert cure in finding.cure
    assert "\n" not in finding.says + finding.cure
