"""Which flags llama.cpp is compiled with: what every core of this CPU has, and never AMX."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent import paths
from jupyter_mlagent.engine import build
from jupyter_mlagent.engine.build import BuildError
from jupyter_mlagent.engine.cpu import (
    REBUILD,
    X86_SETS,
    Cpu,
    compiled_sets,
    explain_crash,
    missing_sets,
    parse_cpuinfo,
    unused_sets,
)

ROOT = Path(__file__).parents[2]
X86_FEATURES = sorted({feature for known in X86_SETS for feature in known.needs} | {"amx_int8", "amx_tile"})
AVX512 = "avx512f avx512cd avx512vl avx512dq avx512bw"
SAPPHIRE_RAPIDS = (
    f"sse4_2 avx avx2 fma f16c bmi2 {AVX512} avx512vbmi avx512_vnni avx_vnni amx_bf16 amx_tile amx_int8"
)
OLD_PENTIUM = "fpu sse sse2 pni ssse3 sse4_1 sse4_2"


def x86(features: str) -> Cpu:
    return Cpu("Linux", "x86_64", frozenset(features.split()))


def options(args: list[str]) -> dict[str, str]:
    return dict(arg.removeprefix("-D").split("=", 1) for arg in args)


@given(st.sets(st.sampled_from(X86_FEATURES)))
def test_a_set_is_compiled_in_exactly_when_the_cpu_has_all_it_needs(features: set[str]) -> None:
    cpu = Cpu("Linux", "x86_64", frozenset(features))
    chosen = options(build.cmake_args(cpu, "cpu"))
    assert chosen["GGML_NATIVE"] == "OFF"
    for known in X86_SETS:
        assert (chosen[f"GGML_{known.name}"] == "ON") == (known.needs <= features)
    assert {chosen[f"GGML_AMX_{kind}"] for kind in ("TILE", "INT8", "BF16")} == {"OFF"}


def test_a_cpu_with_amx_gets_everything_but_amx() -> None:
    chosen = options(build.cmake_args(x86(SAPPHIRE_RAPIDS), "cpu"))
    assert chosen["GGML_AVX512_VNNI"] == "ON"
    assert chosen["GGML_AMX_INT8"] == "OFF"


def test_a_cpu_without_avx_gets_a_build_without_it() -> None:
    chosen = options(build.cmake_args(x86(OLD_PENTIUM), "cpu"))
    assert [name for name, value in chosen.items() if value == "ON"] == ["GGML_SSE42"]


def test_a_set_that_the_compiler_does_not_know_is_left_out() -> None:
    usable = [known for known in X86_SETS if known.name != "AVX_VNNI"]
    chosen = options(build.cmake_args(x86(SAPPHIRE_RAPIDS), "cpu", usable))
    assert chosen["GGML_AVX_VNNI"] == "OFF" and chosen["GGML_AVX512"] == "ON"


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("fp asimd", "armv8-a"),
        ("fp asimd asimddp asimdhp", "armv8.2-a+dotprod+fp16"),
        ("fp asimd asimddp asimdhp i8mm sve", "armv8.2-a+dotprod+fp16+i8mm"),
    ],
)
def test_arm_cpus_get_the_extensions_they_have(features: str, expected: str) -> None:
    cpu = Cpu("Linux", "aarch64", frozenset(features.split()))
    assert options(build.cmake_args(cpu, "cpu"))["GGML_CPU_ARM_ARCH"] == expected


def test_macs_compile_natively_and_with_metal() -> None:
    chosen = options(build.cmake_args(Cpu("Darwin", "arm64", frozenset()), "metal"))
    assert (chosen["GGML_NATIVE"], chosen["GGML_METAL"]) == ("ON", "ON")


@pytest.mark.parametrize(("backend", "option"), [("cuda", "GGML_CUDA"), ("rocm", "GGML_HIP")])
def test_a_gpu_that_was_asked_for_is_compiled_for(backend: str, option: str) -> None:
    assert build.choose_backend({"MLAGENT_GPU": backend.upper()}) == backend
    assert options(build.cmake_args(x86(OLD_PENTIUM), backend))[option] == "ON"


def test_an_unknown_gpu_is_refused_with_the_choices() -> None:
    with pytest.raises(BuildError, match=r"MLAGENT_GPU is 'tpu'; it can be one of cpu, cuda, rocm, metal"):
        build.choose_backend({"MLAGENT_GPU": "tpu"})


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.skipif(platform.system() != "Linux", reason="about Linux machines")
def test_cuda_is_chosen_where_both_compiler_and_gpu_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    tool(tmp_path, "nvcc", "exit 0")
    tool(tmp_path, "nvidia-smi", "exit 9")  # the driver is gone
    assert build.choose_backend({}) == "cpu"
    tool(tmp_path, "nvidia-smi", 'case "$1" in -L) echo "GPU 0";; *) printf "8.9\\n9.0\\n8.9\\n";; esac')
    assert build.choose_backend({}) == "cuda"
    assert build.gpu_architecture_args("cuda") == ["-DCMAKE_CUDA_ARCHITECTURES=89;90"]


def test_mixed_cores_are_compiled_for_what_all_of_them_have() -> None:
    text = "processor : 0\nflags : avx avx2 avx512f\n\nprocessor : 1\nflags : avx avx2\n"
    assert parse_cpuinfo(text) == {"avx", "avx2"}
    assert parse_cpuinfo("") == frozenset()


def test_wheels_are_kept_apart_by_their_flags() -> None:
    one, other = (build.wheel_folder(build.cmake_args(x86(f), "cpu")) for f in (OLD_PENTIUM, SAPPHIRE_RAPIDS))
    assert one != other and one.parent == other.parent == build.wheel_cache()
    assert build.wheel_folder(build.cmake_args(x86(OLD_PENTIUM), "cpu")) == one


@pytest.mark.parametrize("home", [None, "/somewhere/else"])
def test_wheels_are_kept_in_the_cache_folder(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if home:
        monkeypatch.setenv("MLAGENT_HOME", home)
    else:
        monkeypatch.delenv("MLAGENT_HOME", raising=False)
    assert build.wheel_cache() == paths.cache_dir() / "wheels"


def test_pip_builds_exactly_the_pinned_source_and_never_from_its_own_cache(tmp_path: Path) -> None:
    command = build.pip_command("python", tmp_path / "requirements.txt", tmp_path)
    assert {"--no-cache-dir", "--no-deps", "--no-binary=llama-cpp-python"} <= set(command)
    assert build.requirement_line() == (
        f"llama-cpp-python=={build.LLAMA_VERSION} --hash=sha256:{build.SDIST_SHA256}\n"
    )


def test_the_version_is_the_one_that_the_project_depends_on() -> None:
    assert f'"llama-cpp-python=={build.LLAMA_VERSION}"' in (ROOT / "pyproject.toml").read_text()


def test_it_runs_from_a_checkout_with_nothing_installed() -> None:
    # -S: no site-packages; -E: no PYTHONPATH
    command = [sys.executable, "-S", "-E", "-m", "jupyter_mlagent.engine.build"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "CMAKE_ARGS=-DCMAKE_BUILD_TYPE=Release" in done.stdout


REPORT = (
    "CPU : SSE3 = 1 | SSSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | BMI2 = 1 | AVX512 = 1 | "
    "AVX512_VNNI = 0 | AMX_INT8 = 1 | OPENMP = 1 | "
)


def test_llama_cpps_own_report_is_understood() -> None:
    compiled = compiled_sets(REPORT)
    assert {"AVX512", "AMX_INT8", "SSE3"} <= compiled
    assert "AVX512_VNNI" not in compiled


def test_sets_are_compared_with_the_cpu_both_ways() -> None:
    compiled = compiled_sets(REPORT)
    assert missing_sets(compiled, x86("pni ssse3 avx avx2 f16c fma bmi2")) == ["AMX_INT8", "AVX512"]
    assert unused_sets(compiled, x86(SAPPHIRE_RAPIDS)) == ["AVX_VNNI", "AVX512_VBMI", "AVX512_VNNI"]
    assert missing_sets({"OPENMP", "REPACK", "LLAMAFILE"}, x86("fpu")) == []


@pytest.mark.parametrize(
    ("number", "compiled", "cpu", "sentence"),
    [
        (signal.SIGSEGV, {"AVX2", "AMX_INT8"}, SAPPHIRE_RAPIDS, "AMX, whose first decode crashes"),
        (signal.SIGILL, {"AVX2", "AVX512"}, "avx avx2", "compiled for AVX512, which this CPU does not have"),
        (signal.SIGABRT, {"AVX2"}, "avx avx2", "llama.cpp crashed (SIGABRT); `mlagent doctor`"),
        (99, set(), "", "llama.cpp crashed (signal 99)"),
    ],
)
def test_a_crash_is_told_by_its_cause_with_the_cure(
    number: int, compiled: set[str], cpu: str, sentence: str
) -> None:
    told = explain_crash(number, compiled, x86(cpu))
    assert sentence in told
    assert (REBUILD in told) == ("`mlagent doctor`" not in told)
