"""Run the compiler for `build.py`: one wheel from a pinned source, with progress and clear failures.

Standard library only: it runs from a checkout before anything is installed.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jupyter_mlagent.engine.cpu import InstructionSet

_MEMORY_OF_ONE_JOB = 1_500_000_000
# libllama does not need llama.cpp's "common" library (argument parsing, chat servers): most of the time.
# llama-cpp-python forces it on in CMake's cache; a plain variable in the project's own scope hides that.
_WITHOUT_COMMON = "set(LLAMA_BUILD_COMMON OFF)\n"
_STEP = re.compile(r"\[(\d+)/(\d+)\]")


class BuildError(Exception):
    """llama.cpp cannot be built here: one sentence, what is wrong and what to do."""


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One compilation at a time for all set-ups of this user; a second one waits and then finds the wheel."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("w")
    except OSError as error:
        raise BuildError(f"The cache folder {folder} cannot be written: {error.strerror}.") from None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _say("Another set-up is compiling llama.cpp; waiting for it.")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def compiler(language: str) -> str | None:
    """Command of the C (`c`) or C++ (`c++`) compiler that CMake would take."""
    variable, usual = {"c": ("CC", ("cc", "gcc", "clang")), "c++": ("CXX", ("c++", "g++", "clang++"))}[
        language
    ]
    named = os.environ.get(variable, "").strip()
    candidates = (shlex.split(named)[0],) if named else usual
    return next((found for found in map(shutil.which, candidates) if found), None)


def known_to_compiler(sets: Sequence[InstructionSet]) -> list[InstructionSet]:
    """Those that the compiler here can generate: an old one may not know the CPU's newest."""
    command = compiler("c")
    if command is None:
        return list(sets)  # building says so itself
    return [known for known in sets if _accepts(command, known.compiler_flags)]


def _accepts(command: str, flags: Sequence[str]) -> bool:
    probe = [command, *flags, "-fsyntax-only", "-x", "c", os.devnull]
    try:
        return subprocess.run(probe, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def compile_wheel(
    args: Sequence[str],
    requirement: str,
    command: Callable[[Path, Path], list[str]],
    *,
    destination: Path,
    record_path: str,
    record: str,
) -> Path:
    """Compile `requirement` with CMake `args` into `destination` and put `record` into the wheel."""
    if compiler("c") is None or compiler("c++") is None:
        raise BuildError(
            "There is no C++ compiler to build llama.cpp with; install one (Debian, Ubuntu: apt install "
            "build-essential; Fedora: dnf install gcc-c++; macOS: xcode-select --install) and run this again."
        )
    _say(f"Compiling {requirement.split()[0]} for this machine; once, it takes some minutes.")
    destination.mkdir(parents=True, exist_ok=True)
    log = destination / "build.log"
    with tempfile.TemporaryDirectory(prefix="mlagent-build-") as scratch:
        work = Path(scratch)
        requirements, include = work / "requirements.txt", work / "without_common.cmake"
        requirements.write_text(requirement)
        include.write_text(_WITHOUT_COMMON)
        environment = dict(os.environ)
        environment["CMAKE_ARGS"] = shlex.join([*args, f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={include}"])
        environment["CMAKE_BUILD_PARALLEL_LEVEL"] = str(_jobs())
        # These would be read beside CMAKE_ARGS and could bring other flags back.
        environment.pop("SKBUILD_CMAKE_ARGS", None)
        if _run_logged(command(requirements, work), environment, log) != 0:
            raise BuildError(_explain(log))
        built = next(work.glob("*.whl"))
        return _with_record(built, destination, record_path, record)


def _jobs() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return cores
    return max(1, min(cores, memory // _MEMORY_OF_ONE_JOB))


def _run_logged(command: Sequence[str], environment: dict[str, str], log: Path) -> int:
    """Run with all output in `log`, saying how far the compiler is."""
    started, said = time.monotonic(), 0.0
    with (
        log.open("w") as file,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                step = _STEP.search(line)
                elapsed = time.monotonic() - started
                if step and elapsed - said >= (1 if sys.stderr.isatty() else 20):
                    said = elapsed
                    _say(f"  compiled {step[1]} of {step[2]} files in {elapsed:.0f} s", over=True)
            return process.wait()
        except BaseException:
            process.terminate()
            raise
        finally:
            if said and sys.stderr.isatty():
                sys.stderr.write("\n")


def _explain(log: Path) -> str:
    text = log.read_text(errors="replace")
    network = ("Temporary failure in name resolution", "NewConnectionError", "Network is unreachable")
    if any(sign in text for sign in network) or "No matching distribution found" in text:
        return (
            "pip could not fetch the source of llama-cpp-python or its build tools; check the network, or "
            f"the index and proxy in pip's configuration, and run this again. The log is {log}"
        )
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in text:
        return f"The source of llama-cpp-python is not the published one (its hash differs). The log is {log}"
    if "No space left on device" in text:
        return f"The disk is full: compiling needs about 1 GB in {tempfile.gettempdir()}. The log is {log}"
    errors = [line.strip() for line in text.splitlines() if "error" in line.lower()]
    first = f" The first error: {errors[0][:200]}" if errors else ""
    return f"llama.cpp did not compile; the log is {log}.{first}"


def _with_record(wheel: Path, destination: Path, record_path: str, record: str) -> Path:
    """Copy the wheel, adding one file to it and to its RECORD, so that uninstalling removes it as well."""
    target, partial = destination / wheel.name, destination / f".{wheel.name}.partial"
    digest = base64.urlsafe_b64encode(hashlib.sha256(record.encode()).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as copy:
        for item in source.infolist():
            content = source.read(item)
            if item.filename.endswith(".dist-info/RECORD"):
                line = f"{record_path},sha256={digest},{len(record.encode())}\n"
                content = line.encode() + content
            copy.writestr(item, content, zipfile.ZIP_DEFLATED)
        copy.writestr(record_path, record)
    partial.replace(target)
    return target


def _say(text: str, *, over: bool = False) -> None:
    start, end = ("\r", "") if over and sys.stderr.isatty() else ("", "\n")
    sys.stderr.write(start + text + end)
    sys.stderr.flush()
