"""`mlagent doctor` on this machine, and with parts of it broken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlagent.doctor.child import run_module

CALL = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'mlagent'; from jupyter_mlagent.cli import main; main()",
]


def doctor(home: Path, *arguments: str, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    environment = os.environ | {"MLAGENT_HOME": str(home)} | variables
    done = subprocess.run(
        [*CALL, "doctor", "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    answer = json.loads(done.stdout)
    assert answer["healthy"] == (done.returncode == 0)
    return done.returncode, {finding["check"]: finding for finding in answer["findings"]}


def test_a_machine_without_a_model_is_told_to_fetch_one(tmp_path: Path) -> None:
    code, findings = doctor(tmp_path)
    assert code == 1
    assert findings["model"]["level"] == "problem"
    assert findings["model"]["cure"].startswith("fetch one: mlagent models pull qwen2.5-coder-")
    assert findings["first decode"]["level"] == "warning"
    for healthy in ("Python", "llama.cpp", "fork", "journal", "kernelspec", "disk"):
        assert findings[healthy]["level"] != "problem", findings[healthy]


def test_a_broken_llama_cpp_is_a_finding_and_not_the_end(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "llama_cpp").mkdir(parents=True)
    (broken / "llama_cpp" / "__init__.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
    )
    path = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
    code, findings = doctor(tmp_path, PYTHONPATH=path)
    assert code == 1
    assert findings["llama.cpp"]["says"] == "it cannot be imported (signal 4)"
    assert "jupyter_mlagent.engine.build --install" in findings["llama.cpp"]["cure"]
    assert len(findings) == 11


def test_a_journal_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")
    code, findings = doctor(home)
    assert code == 1
    assert findings["journal"]["level"] == "problem"


def test_a_crash_of_the_child_is_told_by_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashing.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    (tmp_path / "raising.py").write_text("raise RuntimeError('no such thing')")
    (tmp_path / "endless.py").write_text("while True: pass")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run_module("crashing").signal == signal.SIGSEGV
    assert run_module("raising").last_error_line == "RuntimeError: no such thing"
    assert run_module("endless", seconds=0.5).timed_out


@pytest.mark.model
def test_a_complete_machine_is_healthy() -> None:
    done = subprocess.run([*CALL, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "tokens" in done.stdout and "problem" not in done.stdout
