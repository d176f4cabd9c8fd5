"""Compiling the wheel: kept once for every set-up of a machine, and failures in one sentence.

pip and the compiler are stand-ins here (a real compilation takes minutes; `make env` is its test).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from jupyter_mlagent.engine import build, compiling
from jupyter_mlagent.engine.compiling import BuildError

ARGS = ["-DGGML_AVX=ON", "-DGGML_NATIVE=OFF"]
PIP = """
import os, pathlib, sys, zipfile
target, log = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
log.open("a").write(os.environ["CMAKE_ARGS"] + "\\n")
print("[1/2] Building C object"); print("[2/2] Linking")
with zipfile.ZipFile(target / "llama_cpp_python-0.3.36-py3-none-any.whl", "w") as wheel:
    wheel.writestr("llama_cpp/__init__.py", "__version__ = '0.3.36'\\n")
    wheel.writestr("llama_cpp_python-0.3.36.dist-info/METADATA",
                   "Metadata-Version: 2.1\\nName: llama_cpp_python\\nVersion: 0.3.36\\n")
    wheel.writestr("llama_cpp_python-0.3.36.dist-info/WHEEL",
                   "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("llama_cpp_python-0.3.36.dist-info/RECORD",
                   "llama_cpp/__init__.py,,\\nllama_cpp_python-0.3.36.dist-info/RECORD,,\\n")
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own and a stand-in for pip; the file lists CMAKE_ARGS of each run."""
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    script, log = tmp_path / "pip.py", tmp_path / "runs.txt"
    script.write_text(PIP)
    log.touch()
    monkeypatch.setattr(
        build,
        "pip_command",
        lambda _python, _file, target: [sys.executable, str(script), str(target), str(log)],
    )
    return log


def failing(monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    code = f"print({output!r}); raise SystemExit(1)"
    monkeypatch.setattr(build, "pip_command", lambda *_: [sys.executable, "-c", code])


def test_a_wheel_is_compiled_once_and_found_again(runs: Path) -> None:
    first = build.make_wheel(ARGS, "cpu")
    assert build.make_wheel(ARGS, "cpu") == first
    assert len(runs.read_text().splitlines()) == 1
    other = build.make_wheel([*ARGS, "-DGGML_AVX2=ON"], "cpu")
    assert other.parent != first.parent
    assert build.make_wheel(ARGS, "cpu", force=True) == first
    assert len(runs.read_text().splitlines()) == 3


def test_cmake_is_told_the_flags_and_to_leave_out_what_nobody_uses(runs: Path) -> None:
    build.make_wheel(ARGS, "cpu")
    told = runs.read_text()
    assert told.startswith("-DGGML_AVX=ON -DGGML_NATIVE=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE=")


def test_two_set_ups_at_once_compile_once(runs: Path) -> None:
    threads = [threading.Thread(target=build.make_wheel, args=(ARGS, "cpu")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs.read_text().splitlines()) == 1


def test_the_wheel_says_how_it_was_built_and_uninstalls_without_remains(runs: Path, tmp_path: Path) -> None:
    wheel = build.make_wheel(ARGS, "cuda")
    with zipfile.ZipFile(wheel) as archive:
        record = json.loads(archive.read(f"llama_cpp/{build.RECORD_NAME}"))
        assert archive.testzip() is None
    assert record == {"version": build.LLAMA_VERSION, "cmake_args": ARGS, "backend": "cuda"}
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", target, wheel], check=True)
    listed = next(target.glob("*.dist-info/RECORD")).read_text()
    assert f"llama_cpp/{build.RECORD_NAME},sha256=" in listed


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: No matching distribution found for llama-cpp-python", "could not fetch the source"),
        ("Failed to resolve: Temporary failure in name resolution", "could not fetch the source"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "its hash differs"),
        ("cc1plus: fatal: No space left on device", "The disk is full"),
        ("foo.cpp:1:2: error: unknown type name", "The first error: foo.cpp:1:2: error: unknown type name"),
    ],
)
def test_a_failure_is_one_sentence_that_names_the_log(
    runs: Path, monkeypatch: pytest.MonkeyPatch, output: str, sentence: str
) -> None:
    failing(monkeypatch, output)
    with pytest.raises(BuildError, match=r"build\.log") as caught:
        build.make_wheel(ARGS, "cpu")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert output in (build.wheel_folder(ARGS) / "build.log").read_text()


def test_without_a_compiler_it_says_which_package_to_install(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BuildError, match=r"no C\+\+ compiler .*apt install build-essential.*xcode-select"):
        build.make_wheel(ARGS, "cpu")
    assert runs.read_text() == ""


def test_a_cache_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    with pytest.raises(BuildError, match=f"The cache folder {tmp_path}/cache/wheels cannot be written"):
        build.make_wheel(ARGS, "cpu")


def test_only_sets_that_the_compiler_accepts_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "cc"
    old.write_text('#!/bin/sh\ncase "$*" in *avxvnni*) exit 1;; esac\nexit 0\n')
    old.chmod(0o755)
    monkeypatch.setenv("CC", str(old))
    names = [known.name for known in compiling.known_to_compiler(build.X86_SETS)]
    assert "AVX_VNNI" not in names and "AVX512_VNNI" in names


def test_a_gpu_build_that_nobody_asked_for_gives_way_to_the_cpu(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a machine with a GPU and half a toolkit
    working = build.pip_command
    installed: list[Path] = []
    monkeypatch.setattr(build, "install", installed.append)
    monkeypatch.setattr(build, "flags_for", lambda backend: [f"-DBACKEND={backend}"])

    def command(python: str, requirements: Path, target: Path) -> list[str]:
        if build.wheel_folder(["-DBACKEND=cpu"]).exists():
            return working(python, requirements, target)
        return [sys.executable, "-c", "print('error: cublas_v2.h: No such file'); raise SystemExit(1)"]

    monkeypatch.setattr(build, "pip_command", command)
    # When it was asked for, the failure is told
    with pytest.raises(BuildError, match=r"cublas_v2\.h"):
        build.build_and_install("cuda", asked=True, force=False)
    # When it was only found, the CPU's build stands in
    assert "(cpu)" in build.build_and_install("cuda", asked=False, force=False)
    assert [wheel.parent for wheel in installed] == [build.wheel_folder(["-DBACKEND=cpu"])]
    assert "MLAGENT_GPU=cuda insists" in capsys.readouterr().err
