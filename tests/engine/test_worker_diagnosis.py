"""Why a worker ended, in one sentence with the cure."""

from __future__ import annotations

import signal

import pytest

from jupyter_mlagent.engine.cpu import Cpu
from jupyter_mlagent.engine.diagnosis import Death, Phase, diagnose, oom_kills

PLAIN = Cpu("Linux", "x86_64", frozenset({"avx", "avx2", "pni", "ssse3", "fma", "f16c", "bmi2"}))
SAPPHIRE = Cpu(
    "Linux",
    "x86_64",
    PLAIN.features
    | {"avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw", "amx_int8", "amx_tile", "amx_bf16"},
)


def death(number: int, phase: Phase, *sets: str, **more: object) -> Death:
    return Death(returncode=-number, phase=phase, sets=sets, **more)


@pytest.mark.parametrize(
    ("died", "cpu", "words"),
    [
        (death(signal.SIGSEGV, Phase.FIRST_STEP, "AVX512", "AMX_INT8"), SAPPHIRE, ["AMX", "engine.build"]),
        (death(signal.SIGSEGV, Phase.SERVING, "AVX512", "AMX_INT8"), SAPPHIRE, ["AMX", "engine.build"]),
        (death(signal.SIGILL, Phase.FIRST_STEP, "AVX", "AVX512"), PLAIN, ["AVX512", "engine.build"]),
        (death(signal.SIGILL, Phase.SERVING, "AVX512"), PLAIN, ["AVX512", "engine.build"]),
        (death(signal.SIGILL, Phase.STARTING), PLAIN, ["SIGILL", "doctor"]),
        (death(signal.SIGKILL, Phase.SERVING, out_of_memory=True), PLAIN, ["memory ran out", "smaller"]),
        (death(signal.SIGKILL, Phase.LOADING, out_of_memory=True), PLAIN, ["loading", "memory ran out"]),
    ],
)
def test_a_known_cause_is_named_with_its_cure(died, cpu, words):
    sentence = diagnose(died, cpu, aftermath="; again")
    assert all(word in sentence for word in words)
    assert "\n" not in sentence


def test_an_unknown_end_in_mid_reply_tells_the_signal_and_what_happens_next():
    sentence = diagnose(death(signal.SIGSEGV, Phase.SERVING, "AVX2"), PLAIN, aftermath="; ask again")
    assert sentence == "The model worker stopped (signal 11, segmentation fault) while answering; ask again."


def test_an_end_before_serving_shows_the_last_line_of_the_log():
    died = Death(returncode=1, phase=Phase.STARTING, last_line="ModuleNotFoundError: No module named 'numpy'")
    assert diagnose(died, PLAIN) == (
        "The model worker stopped (exit status 1) while starting: "
        "ModuleNotFoundError: No module named 'numpy'"
    )


def test_a_real_time_signal_has_no_name_and_needs_none():
    assert "signal 62)" in diagnose(death(62, Phase.SERVING), PLAIN)


def test_kills_for_lack_of_memory_are_counted_by_the_kernel(tmp_path):
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("pgfault 12\noom_kill 3\nother 1\n")
    assert oom_kills(vmstat) == 3
    assert oom_kills(tmp_path / "absent") == 0
