"""Which tier is taken, and what each honestly is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize("cap", ["landlock", "audit", "none"])
def test_a_person_may_cap_the_tier(confine, cap: str) -> None:
    outcome = confine("pass", tier="best", environment={"MLAGENT_GUARD": cap})
    assert outcome.tier == cap
    assert outcome.reason == f"The environment variable MLAGENT_GUARD allows {cap} at most."


def test_the_strongest_tier_that_works_is_taken(confine, user: str) -> None:
    outcome = confine("pass", tier="best", user=user, environment={"MLAGENT_GUARD": ""})
    assert outcome.tier == "namespaces"


def test_where_namespaces_are_forbidden_landlock_is_next_and_says_why(confine) -> None:
    """As in most containers: here a filter of the kernel's own forbids making namespaces."""
    outcome = confine(
        "answer = 'tried'",
        before="""
            import sys
            from mlagent_kernel.guard import seccomp, syscalls, libc
            rules = [seccomp._Instruction(0x20, 0)]
            for name in ("unshare", "clone3"):
                rules += seccomp._call(name, [seccomp._refuse(1 if name == "unshare" else 38)])
            rules.append(seccomp._Instruction(0x06, 0x7FFF0000))
            seccomp.install(b"".join(rule.packed() for rule in rules))
        """,
        tier="best",
        environment={"MLAGENT_GUARD": ""},
    )
    assert outcome.tier == "landlock"
    assert outcome.reason.startswith("The tier namespaces does not work here: ")
    assert "Operation not permitted" in outcome.reason
    assert outcome.answer == "tried"


def test_finding_out_leaves_nothing_behind(confine, place: Path) -> None:
    outcome = confine(
        "pass",
        before="""
            import os, tempfile
            def look():
                return os.listdir(tempfile.gettempdir()), os.getcwd(), sorted(os.listdir("/proc/self/fd"))
            before = look()
        """,
        after="""
            answer = before == look()
        """,
        tier="best",
        environment={"TMPDIR": str(place)},
    )
    assert outcome.kernel is True


@pytest.mark.parametrize("tier", ["landlock", "audit"])
def test_a_tier_without_overlays_refuses_writes_but_gives_a_scratch_directory(
    confine, place: Path, tier: str
) -> None:
    outcome = confine(
        """
        import tempfile
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("scratch")
        answer = tempfile.gettempdir()
        open("out.csv", "w")
        """,
        tier=tier,
    )
    assert "mlagent-scratch-" in outcome.answer
    assert outcome.blocked == "write out.csv"
    assert not Path(outcome.answer).exists()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("tier", ["landlock", "audit"])
def test_a_scratch_directory_is_bounded_and_always_deleted(
    confine, place: Path, tier: str, user: str
) -> None:
    outcome = confine(
        """
        import os, tempfile, time
        directory = tempfile.gettempdir()
        os.mkdir(directory + "/closed", 0)
        os.symlink("/etc", directory + "/link")
        for number in range(1000):
            with open(f"{directory}/{number}", "wb") as file:
                file.write(bytes(4 << 20))
        time.sleep(600)
        """,
        tier=tier,
        user=user,
        disk_bytes=40 << 20,
        environment={"TMPDIR": str(place)},
    )
    assert outcome.status == "disk"
    assert list(place.iterdir()) == []


def test_scratch_directories_of_dead_supervisors_are_deleted_by_the_next(confine, place: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for owner in (dead.pid, os.getpid()):
        (place / f"mlagent-scratch-{owner}-abc").mkdir()
    confine("pass", tier="landlock", environment={"TMPDIR": str(place)})
    assert [path.name for path in place.iterdir()] == [f"mlagent-scratch-{os.getpid()}-abc"]


AUDITED = {
    "delete": ("import os; os.remove('kept.txt')", "delete kept.txt"),
    "rename": ("import os; os.rename('kept.txt', 'other.txt')", "rename kept.txt"),
    "overwrite": ("open('kept.txt', 'w')", "write kept.txt"),
    "append through os": ("import os; os.open('kept.txt', os.O_WRONLY | os.O_APPEND)", "write kept.txt"),
    "make a directory": ("import os; os.mkdir('d')", "create d"),
    "network": (
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)",
        "use the network: connect to 192.0.2.1:80",
    ),
    "look up": ("import socket; socket.gethostbyname('example.com')", "use the network: look up example.com"),
    "shell": ("import os; os.system('true')", "run true"),
    "subprocess": ("import subprocess; subprocess.run(['ls', '-l'])", "run ls -l"),
    "fork": ("import os; os.fork()", "fork"),
    "kill": ("import os; os.kill(os.getppid(), 0 + 15)", "send signal 15"),
    "native code": ("import ctypes; ctypes.CDLL(None)", "call native code through ctypes"),
    "permissions": ("import os; os.chmod('kept.txt', 0)", "change the permissions of kept.txt"),
}


@pytest.mark.parametrize("name", AUDITED)
def test_the_audit_tier_refuses_by_name(confine, place: Path, name: str) -> None:
    cell, words = AUDITED[name]
    (place / "kept.txt").write_text("kept")
    outcome = confine(cell, tier="audit")
    assert outcome.blocked is not None
    assert outcome.blocked.startswith(words)
    assert outcome.observations["refused"]
    assert [path.name for path in place.iterdir()] == ["kept.txt"]
    assert (place / "kept.txt").read_text() == "kept"


def test_the_audit_tier_leaves_ordinary_work_alone(confine) -> None:
    outcome = confine(
        """
        import csv, io, json, random, threading
        found = []
        thread = threading.Thread(target=lambda: found.append(json.dumps({"a": random.random() < 1})))
        thread.start(); thread.join()
        answer = [found, len(open("/etc/passwd").read()) > 0]
        """,
        tier="audit",
    )
    assert outcome.answer == [['{"a": true}'], True]
