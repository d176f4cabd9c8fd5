"""Compile llama.cpp (llama-cpp-python) for this machine, once, and keep the wheel.

    python -m jupyter_mlagent.engine.build            what would be built, and whether it is there already
    python -m jupyter_mlagent.engine.build --install  build it if need be, and install it into this Python

The published source compiles itself for the CPU it finds; on CPUs with AMX that build crashes at its first
decode. So the instruction sets are chosen here, one by one, and never AMX. The wheel is kept in a cache of
our own: pip's does not know about build flags and would hand out a wheel made with others.

Standard library only: it runs from a checkout before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_mlagent.engine import compiling
from jupyter_mlagent.engine.compiling import BuildError
from jupyter_mlagent.engine.cpu import AMX_SETS, X86_SETS, Cpu, InstructionSet, read_cpu

LLAMA_VERSION = "0.3.36"
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
RECORD_NAME = "mlagent_build.json"
BACKENDS = ("cpu", "cuda", "rocm", "metal")

_LIBRARY_OF_BACKEND = {"cuda": "libggml-cuda*", "rocm": "libggml-hip*", "metal": "libggml-metal*"}


def choose_backend(environment: Mapping[str, str] = os.environ) -> str:
    """`MLAGENT_GPU` if set, else what this machine has both the hardware and the compiler for."""
    asked = environment.get("MLAGENT_GPU", "").strip().lower()
    if asked:
        backend = {"none": "cpu", "off": "cpu"}.get(asked, asked)
        if backend not in BACKENDS:
            raise BuildError(f"MLAGENT_GPU is '{asked}'; it can be one of {', '.join(BACKENDS)}.")
        return backend
    if platform.system() == "Darwin":
        return "metal" if platform.machine() == "arm64" else "cpu"
    if shutil.which("nvcc") and _answer("nvidia-smi", "-L"):
        return "cuda"
    if shutil.which("hipcc") and Path("/dev/kfd").exists():
        return "rocm"
    return "cpu"


def cmake_args(cpu: Cpu, backend: str, usable: Sequence[InstructionSet] = X86_SETS) -> list[str]:
    """CMake options for this CPU and GPU; `usable` are the instruction sets that the compiler knows."""
    # Multimodal tools and HTTPS serve nothing here and cost a quarter of the compile time.
    args = ["-DCMAKE_BUILD_TYPE=Release", "-DLLAVA_BUILD=OFF", "-DLLAMA_OPENSSL=OFF"]
    # Apple's compilers know their own cores, and no Mac has AMX tiles: native is right there, and only there.
    native = cpu.system == "Darwin"
    args.append(f"-DGGML_NATIVE={_switch(native)}")
    if cpu.is_x86 and not native:
        for known in X86_SETS:
            args.append(f"-DGGML_{known.name}={_switch(known in usable and known.needs <= cpu.features)}")
        args += [f"-DGGML_{name}=OFF" for name in AMX_SETS]
    elif cpu.is_arm and not native:
        args.append(f"-DGGML_CPU_ARM_ARCH={_arm_architecture(cpu)}")
    if backend == "cuda":
        args.append("-DGGML_CUDA=ON")
    elif backend == "rocm":
        args.append("-DGGML_HIP=ON")
    if cpu.system == "Darwin":
        args.append(f"-DGGML_METAL={_switch(backend == 'metal')}")
    return args


def gpu_architecture_args(backend: str) -> list[str]:
    """Compile for the GPU that is here, not for every one there is: minutes instead of an hour."""
    if backend == "cuda":
        answer = _answer("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader")
        found = sorted({line.strip().replace(".", "") for line in answer.splitlines() if "." in line})
        return [f"-DCMAKE_CUDA_ARCHITECTURES={';'.join(found)}"] if found else []
    if backend == "rocm":
        found = sorted({line for line in _answer("rocm_agent_enumerator").split() if line != "gfx000"})
        return [f"-DGPU_TARGETS={';'.join(found)}"] if found else []
    return []


def _switch(value: bool) -> str:
    return "ON" if value else "OFF"


def _arm_architecture(cpu: Cpu) -> str:
    extensions = [("asimddp", "dotprod"), ("asimdhp", "fp16"), ("i8mm", "i8mm")]
    chosen = [name for feature, name in extensions if feature in cpu.features]
    return "+".join(["armv8.2-a" if chosen else "armv8-a", *chosen])


def _answer(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def wheel_cache() -> Path:
    """Where compiled wheels are kept: `paths.cache_dir() / "wheels"`, found without platformdirs."""
    home = os.environ.get("MLAGENT_HOME", "").strip()
    if home:
        return Path(home).expanduser().absolute() / "cache" / "wheels"
    if platform.system() == "Darwin":
        return Path.home() / "Library" / "Caches" / "mlagent" / "wheels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlagent" / "wheels"


def wheel_folder(args: Sequence[str]) -> Path:
    """One folder for each version, flags and platform; ctypes binds the wheel to no version of Python."""
    facts = [LLAMA_VERSION, SDIST_SHA256, *args, platform.system(), platform.machine(), *platform.libc_ver()]
    key = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    return wheel_cache() / f"llama-cpp-python-{LLAMA_VERSION}-{key}"


def pip_command(python: str, requirements: Path, wheel_dir: Path) -> list[str]:
    """Builds the pinned source into `wheel_dir`; `requirements` holds its version and hash."""
    pip = [python, "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-cache-dir"]
    # find-links may offer a wheel compiled for another machine: only the source will do.
    return [
        *pip,
        "--no-binary=llama-cpp-python",
        f"--wheel-dir={wheel_dir}",
        f"--requirement={requirements}",
    ]


def requirement_line() -> str:
    return f"llama-cpp-python=={LLAMA_VERSION} --hash=sha256:{SDIST_SHA256}\n"


def installed_package() -> Path | None:
    """Folder of the installed llama_cpp, found without importing it."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def installed_backend() -> str:
    """What the installed llama.cpp computes on: `cpu`, `cuda`, `rocm` or `metal`."""
    package = installed_package()
    for backend, pattern in _LIBRARY_OF_BACKEND.items():
        if package is not None and any((package / "lib").glob(pattern)):
            return backend
    return "cpu"


def flags_of_build() -> dict[str, object] | None:
    """The record that this module put beside the installed llama_cpp; None when somebody else built it."""
    package = installed_package()
    try:
        record = json.loads((package / RECORD_NAME).read_text()) if package else None
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def make_wheel(args: Sequence[str], backend: str, *, force: bool = False) -> Path:
    """The wheel for these flags, from the cache or freshly compiled; raises BuildError."""
    folder = wheel_folder(args)
    with compiling.lock(folder.parent):
        built = sorted(folder.glob("*.whl"))
        if built and not force:
            return built[0]
        record = {"version": LLAMA_VERSION, "cmake_args": list(args), "backend": backend}
        return compiling.compile_wheel(
            args,
            requirement_line(),
            lambda requirements, target: pip_command(sys.executable, requirements, target),
            destination=folder,
            record_path=f"llama_cpp/{RECORD_NAME}",
            record=json.dumps(record, indent=1),
        )


def install(wheel: Path) -> None:
    """Into this Python; raises BuildError."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel)]
    if subprocess.run(pip, check=False, stdin=subprocess.DEVNULL).returncode != 0:
        raise BuildError(f"pip could not install {wheel} into {sys.prefix}; its message stands above.")


def flags_for(backend: str) -> list[str]:
    """Every CMake option for this machine with that backend."""
    return [
        *cmake_args(read_cpu(), backend, compiling.known_to_compiler(X86_SETS)),
        *gpu_architecture_args(backend),
    ]


def build_and_install(backend: str, *, asked: bool, force: bool) -> str:
    """One sentence on what is now installed; raises BuildError.

    A GPU build that nobody asked for may fail (half a CUDA toolkit): then it is the CPU's, and says so.
    """
    args = flags_for(backend)
    if not force and (flags_of_build() or {}).get("cmake_args") == args:
        return f"llama.cpp is installed, compiled for this machine ({backend})."
    try:
        wheel = make_wheel(args, backend, force=force)
    except BuildError as error:
        if backend in ("cpu", "metal") or asked:
            raise
        print(f"{error}\nBuilding for the CPU instead; MLAGENT_GPU={backend} insists.", file=sys.stderr)
        return build_and_install("cpu", asked=True, force=False)
    install(wheel)
    return f"llama.cpp is ready ({backend}), installed from {wheel}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlagent.engine.build", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--install", action="store_true", help="build if need be, install into this Python")
    parser.add_argument("--force", action="store_true", help="compile again even if a wheel is there")
    options = parser.parse_args()
    try:
        backend = choose_backend()
        if options.install:
            asked = bool(os.environ.get("MLAGENT_GPU", "").strip())
            print(build_and_install(backend, asked=asked, force=options.force))
        else:
            args = flags_for(backend)
            there = "kept in" if any(wheel_folder(args).glob("*.whl")) else "would be kept in"
            print(f"llama-cpp-python {LLAMA_VERSION} for {backend}, {there} {wheel_folder(args)}")
            print("CMAKE_ARGS=" + " ".join(args))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was installed.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
