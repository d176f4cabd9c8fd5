"""Facts in, findings out: no check looks at the machine itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jupyter_mlagent.doctor.child import ChildResult
from jupyter_mlagent.doctor.finding import Finding, ok, problem, warning
from jupyter_mlagent.engine.build import LLAMA_VERSION
from jupyter_mlagent.engine.catalog import Choice, ModelSpec
from jupyter_mlagent.engine.cpu import (
    AMX_SETS,
    REBUILD,
    Cpu,
    compiled_sets,
    crash_cause,
    missing_sets,
    unused_sets,
)
from jupyter_mlagent.engine.memory import Memory

OLDEST_PYTHON = (3, 11)
DISK_WARNING_BYTES = 2_000_000_000


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def check_python(version: tuple[int, int, int], executable: str) -> Finding:
    written = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return problem("Python", f"{written} at {executable} is too old", "install Python 3.11 or newer")
    return ok("Python", f"{written} at {executable}")


def check_engine(child: ChildResult, cpu: Cpu) -> Finding:
    """llama.cpp imports, is the version this project speaks to, and fits the CPU."""
    name = "llama.cpp"
    if child.answer is None:
        why = f"signal {child.signal}" if child.signal else child.last_error_line or "no answer"
        return problem(name, f"it cannot be imported ({why})", f"build it for this machine: {REBUILD}")
    compiled = compiled_sets(child.answer["system_info"])
    if amx := sorted(compiled & set(AMX_SETS)):
        return problem(
            name,
            f"it was compiled with {', '.join(amx)}, whose first decode crashes (llama.cpp issue 20824)",
            f"rebuild it without: {REBUILD}",
        )
    if missing := missing_sets(compiled, cpu):
        return problem(
            name,
            f"it was compiled for {', '.join(missing)}, which this CPU does not have",
            f"rebuild it for this machine: {REBUILD}",
        )
    version = child.answer["version"]
    if version != LLAMA_VERSION:
        return problem(
            name,
            f"llama-cpp-python {version} is installed; its low-level interface differs from {LLAMA_VERSION}",
            f"install the version this project was written for: {REBUILD}",
        )
    if unused := unused_sets(compiled, cpu):
        return warning(
            name,
            f"it leaves {', '.join(unused)} of this CPU unused and is slower for it",
            f"rebuild: {REBUILD}",
        )
    used = ", ".join(
        sorted(name for name in compiled if name.startswith(("AVX", "DOTPROD", "MATMUL", "SVE")))
    )
    return ok(name, f"{version}, compiled for this CPU ({used or 'no vector extensions'})")


def check_decode(child: ChildResult | None, model: str, engine: ChildResult, cpu: Cpu) -> Finding:
    """A real decode by the smallest model that is here; `child` is None when there is none."""
    name = "first decode"
    if child is None:
        return warning(name, "not tried: no model is here yet", "fetch one: mlagent models pull")
    if child.timed_out:
        return problem(name, f"{model} did not answer in two minutes", "close other programs and try again")
    if child.signal is not None:
        compiled = compiled_sets((engine.answer or {}).get("system_info", ""))
        cause, cure = crash_cause(child.signal, compiled, cpu)
        return problem(name, cause, cure or f"rebuild llama.cpp for this machine: {REBUILD}")
    if child.answer is None:
        return problem(
            name,
            f"{model} cannot be loaded ({child.last_error_line or f'exit code {child.returncode}'})",
            "check the file: mlagent models verify",
        )
    speed = child.answer["tokens"] / max(child.answer["seconds"], 1e-9)
    return ok(name, f"{model} wrote {child.answer['tokens']} tokens, {speed:.0f} a second with its prompt")


def check_sandbox(child: ChildResult) -> Finding:
    """How trials are confined."""
    name = "sandbox"
    answer = child.answer or {"tier": "none", "reason": child.last_error_line}
    tier, reason = answer["tier"], answer["reason"]
    if tier == "namespaces":
        return ok(name, "namespaces: a trial's writes vanish and its network is off")
    allow = (
        "allow unprivileged user namespaces (install.md, 'Containers and user namespaces'), the stronger tier"
    )
    if tier == "landlock":
        return warning(
            name, f"landlock: a trial may write only to scratch, its network is off. {reason}", allow
        )
    if tier == "audit":
        return warning(name, f"audit: accidents are caught, not attacks. {reason}", allow)
    return problem(name, f"none: trials run only when you allow each one. {reason}", allow)


def check_fork(child: ChildResult) -> Finding:
    name = "fork"
    reason = child.answer["fork"] if child.answer else child.last_error_line or "the probe crashed"
    if reason:
        return warning(
            name,
            f"a kernel cannot be copied by forking ({reason}); trials use fresh kernels, which is slower",
            "use Linux, or allow more processes (ulimit -u)",
        )
    return ok(name, "a kernel can be copied by forking")


def check_gpu(backend: str, memory: Memory, nvidia_driver: bool) -> Finding:
    name = "GPU"
    if backend == "cpu":
        if nvidia_driver:
            return warning(
                name,
                "an NVIDIA GPU is here, but llama.cpp was built without CUDA",
                f"install the CUDA toolkit (nvcc), then MLAGENT_GPU=cuda {REBUILD}",
            )
        return ok(name, "none; llama.cpp computes on the CPU")
    if not memory.gpu_bytes:
        return warning(
            name,
            f"llama.cpp was built for {backend}, but no such GPU answers",
            f"check the driver, or rebuild for the CPU: MLAGENT_GPU=cpu {REBUILD}",
        )
    return ok(name, f"{backend}, {gigabytes(memory.gpu_bytes)}")


def check_memory(memory: Memory, choice: Choice) -> Finding:
    name = "memory"
    need = choice.model.memory_bytes()
    says = f"{gigabytes(memory.available_bytes)} free of {gigabytes(memory.total_bytes)}"
    if max(memory.available_bytes, memory.gpu_bytes) < need:
        return problem(name, f"{says}; {choice.model.name} needs {gigabytes(need)}", "close other programs")
    return ok(name, f"{says}; {choice.model.name} needs {gigabytes(need)}")


def check_disk(folder: Path, free_bytes: int, needed_bytes: int) -> Finding:
    """`needed_bytes`: what is still to be fetched."""
    name = "disk"
    says = f"{gigabytes(free_bytes)} free at {folder}"
    move = "free some, or set MLAGENT_MODELS to a folder on another disk"
    if free_bytes < needed_bytes:
        return problem(name, f"{says}; the model needs {gigabytes(needed_bytes)}", move)
    if free_bytes < needed_bytes + DISK_WARNING_BYTES:
        return warning(name, f"{says}, which is little", move)
    return ok(name, says)


def check_model(choice: Choice, present: Sequence[ModelSpec], damage: str, *, hashed: bool) -> Finding:
    """`damage`: what is wrong with the default model's files, as one sentence; empty when nothing is."""
    name, model = "model", choice.model
    if damage:
        return problem(name, damage, f"fetch it again: mlagent models pull {model.name}")
    if model in present:
        how = "verified by its SHA-256" if hashed else "of the right size (--deep checks its SHA-256)"
        return ok(name, f"{model.name} is here, {how}; the default because {choice.reason}")
    offered = [other.name for other in present if other.offered]
    if offered:
        return warning(
            name,
            f"{model.name} suits this machine best but is not here; {offered[0]} is used",
            f"fetch it: mlagent models pull {model.name}",
        )
    return problem(name, "no model is here yet", f"fetch one: mlagent models pull {model.name}")


def check_journal(path: Path, failure: str) -> Finding:
    name = "journal"
    if failure:
        return problem(
            name,
            failure,
            "mend that, or set MLAGENT_HOME to a folder of yours; nothing is learned without it",
        )
    return ok(name, f"can be written: {path}")


def check_kernelspec(names: Sequence[str]) -> Finding:
    name = "kernelspec"
    if "python3" in names:
        return ok(name, f"python3 is installed ({len(names)} in all)")
    return problem(
        name,
        "Jupyter knows no kernelspec called python3, which most notebooks ask for",
        "add it: python -m ipykernel install --user --name python3",
    )
