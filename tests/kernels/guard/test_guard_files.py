"""Files: a trial reads what its kernel reads; what it writes is seen by itself alone, and told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and make what others own")


def test_writes_in_the_working_directory_vanish_and_are_told(confine, place: Path, user: str) -> None:
    for name in ("kept.txt", "changed.txt", "gone.txt"):
        (place / name).write_text("before")
    (place / "folder").mkdir()
    if user != "self":
        for path in (place, *place.iterdir()):
            shutil.chown(path, user, "nogroup")
    outcome = confine(
        """
        import os, shutil
        open("new.txt", "w").write("created")
        open("changed.txt", "a").write(" and after")
        open("folder/deep.txt", "w").write("created")
        os.remove("gone.txt")
        answer = [open("changed.txt").read(), open("kept.txt").read(), sorted(os.listdir("."))]
        """,
        user=user,
    )
    assert outcome.answer == [
        "before and after",
        "before",
        ["changed.txt", "folder", "kept.txt", "new.txt"],
    ]
    assert outcome.changes == {
        f"{place}/new.txt": "created",
        f"{place}/changed.txt": "modified",
        f"{place}/gone.txt": "deleted",
        f"{place}/folder/deep.txt": "created",
    }
    assert sorted(entry.name for entry in place.iterdir()) == [
        "changed.txt",
        "folder",
        "gone.txt",
        "kept.txt",
    ]
    assert (place / "changed.txt").read_text() == "before"
    assert list((place / "folder").iterdir()) == []


@ROOT_ONLY
def test_an_ordinary_users_trial_says_when_it_cannot_copy_what_others_own(confine, place: Path) -> None:
    """Its overlay may not make files of other owners, so not even a file open to everybody is copied."""
    (place / "theirs.txt").write_text("before")
    (place / "theirs.txt").chmod(0o666)
    outcome = confine("open('theirs.txt', 'a').write('after')", user="nobody")
    assert outcome.blocked == "write theirs.txt"
    assert (place / "theirs.txt").read_text() == "before"


def test_a_removed_tree_is_told_and_still_there(confine, place: Path) -> None:
    (place / "tree" / "branch").mkdir(parents=True)
    (place / "tree" / "branch" / "leaf.txt").write_text("green")
    outcome = confine("import shutil; shutil.rmtree('tree')")
    assert outcome.changes == {f"{place}/tree": "deleted"}
    assert (place / "tree" / "branch" / "leaf.txt").read_text() == "green"


def test_a_replaced_tree_tells_what_was_in_it(confine, place: Path) -> None:
    (place / "tree").mkdir()
    (place / "tree" / "old.txt").write_text("old")
    outcome = confine(
        "import os, shutil; shutil.rmtree('tree'); os.mkdir('tree'); open('tree/new.txt', 'w').write('n')"
    )
    assert outcome.changes == {f"{place}/tree/old.txt": "deleted", f"{place}/tree/new.txt": "created"}


def test_rewriting_a_file_with_its_own_content_is_no_change(confine, place: Path) -> None:
    (place / "same.txt").write_text("same")
    (place / "same.txt").chmod(0o666)
    outcome = confine("open('same.txt', 'r+').write('same')")
    assert outcome.changes == {}


def test_home_and_temporary_directories_take_writes_too(confine, place: Path, user: str) -> None:
    home = place / "home"
    home.mkdir()
    home.chmod(0o777)
    outcome = confine(
        """
        import os, pathlib, tempfile
        pathlib.Path.home().joinpath(".cache").mkdir()
        pathlib.Path.home().joinpath(".cache", "model.bin").write_bytes(b"x" * 1000)
        answer = []
        for directory in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):
            path = os.path.join(directory, "guard-test-trace")
            open(path, "w").write("x")
            answer.append(os.path.exists(path))
        """,
        user=user,
        environment={"HOME": str(home)},
    )
    assert outcome.answer == [True, True, True, True]
    assert outcome.changes[f"{home}/.cache/model.bin"] == "created"
    assert list(home.iterdir()) == []
    assert not any(
        Path(directory, "guard-test-trace").exists() for directory in ("/tmp", "/var/tmp", "/dev/shm")
    )


def test_system_directories_are_read_only_and_the_refusal_is_named(confine) -> None:
    outcome = confine("open('/etc/guard-test-trace', 'w')")
    if os.geteuid() == 0:
        assert outcome.blocked == "write /etc/guard-test-trace"
    assert outcome.error is not None
    assert not Path("/etc/guard-test-trace").exists()


def test_an_ordinary_permission_error_is_not_blamed_on_the_guard(confine, user: str) -> None:
    if user == "self" and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    outcome = confine("open('/etc/hostname', 'w')", user=user)
    assert outcome.errno is not None
    unguarded = confine("open('/etc/hostname', 'w')", user=user, tier="none")
    assert unguarded.error is not None
    missing = confine("open('/nowhere/at/all.txt')", user=user)
    assert missing.blocked is None


def test_reading_stays_as_it_was(confine, user: str) -> None:
    outcome = confine(
        """
        import os
        answer = [len(open("/etc/passwd").read()) > 0, len(os.listdir("/usr")) > 0]
        answer.append(os.path.exists("/proc/self/maps"))
        """,
        user=user,
    )
    assert outcome.answer == [True, True, True]


def test_the_working_directory_may_be_deleted(confine, place: Path) -> None:
    gone = place / "gone"
    gone.mkdir()
    outcome = confine(
        """
        import tempfile
        answer = len(tempfile.mkdtemp()) > 0
        """,
        before="import os; os.rmdir(os.getcwd())",
        cwd=gone,
    )
    assert outcome.answer is True


def test_the_working_directory_may_be_the_root(confine, user: str) -> None:
    outcome = confine("import os; answer = [os.getcwd(), len(os.listdir('.')) > 3]", cwd=Path("/"), user=user)
    assert outcome.answer == ["/", True]


def test_a_working_directory_in_home_takes_relative_writes(confine, place: Path, user: str) -> None:
    project = place / "home" / "project"
    project.mkdir(parents=True)
    for directory in (place / "home", project):
        directory.chmod(0o777)
    outcome = confine(
        "import os; open('x', 'w').write('1'); open('../y', 'w').write('2'); answer = os.getcwd()",
        cwd=project,
        user=user,
        environment={"HOME": str(place / "home")},
    )
    assert outcome.answer == str(project)
    assert outcome.error is None
    assert sorted(path.name for path in (place / "home").rglob("*")) == ["project"]


def test_home_may_be_missing(confine, user: str) -> None:
    outcome = confine("open('x', 'w').write('1')", environment={"HOME": "/nowhere"}, user=user)
    assert outcome.error is None


def test_odd_names_are_no_obstacle(confine, place: Path) -> None:
    odd = place / "a,b:c\\d e\nf"
    odd.mkdir()
    outcome = confine("open('x', 'w').write('1')", cwd=odd)
    assert outcome.changes == {f"{odd}/x": "created"}
    assert list(odd.iterdir()) == []


@ROOT_ONLY
def test_a_directory_the_user_may_not_write_stays_so(confine, place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o755)
    outcome = confine("open('x', 'w')", cwd=closed, user="nobody")
    assert outcome.error is not None
    assert outcome.error.startswith("PermissionError")
    assert list(closed.iterdir()) == []


@ROOT_ONLY
@pytest.mark.parametrize("options", ["", "ro"])
def test_the_working_directory_may_be_a_mount_with_mounts_inside(
    confine, place: Path, user: str, options: str
) -> None:
    """A bind mount as cwd, and a further mount below it, as containers and home directories have them."""
    source, target = place / "source", place / "target"
    for directory in (source, target):
        directory.mkdir()
        directory.chmod(0o777)
    (source / "inner").mkdir()
    (source / "data.txt").write_text("data")
    script = f"""
        mount --bind {source} {target} && mount -t tmpfs -o mode=777 inner {target}/inner
        echo hidden > {target}/inner/file.txt
        {f"mount -o remount,bind,{options} {target}" if options else ":"}
    """
    subprocess.run(["sh", "-ec", script], check=True)
    try:
        outcome = confine(
            """
            answer = [open("data.txt").read(), open("inner/file.txt").read()]
            open("x", "w").write("1")
            """,
            cwd=target,
            user=user,
        )
    finally:
        subprocess.run(["sh", "-c", f"umount {target}/inner {target}"], check=True)
    assert outcome.answer == ["data", "hidden\n"]
    if user == "self" and not options:
        assert outcome.error is None
    assert sorted(path.name for path in source.iterdir()) == ["data.txt", "inner"]


@ROOT_ONLY
def test_root_goes_on_reading_and_writing_other_peoples_files(confine, place: Path) -> None:
    theirs = place / "theirs"
    theirs.mkdir(mode=0o700)
    (theirs / "secret.txt").write_text("secret")
    (theirs / "secret.txt").chmod(0o600)
    shutil.chown(theirs, "nobody")
    shutil.chown(theirs / "secret.txt", "nobody")
    outcome = confine(
        "answer = open('theirs/secret.txt').read(); open('theirs/new.txt', 'w').write('x')",
    )
    assert outcome.answer == "secret"
    assert outcome.changes == {f"{theirs}/new.txt": "created"}


def test_a_pipe_in_the_file_system_is_not_a_way_out(confine, place: Path) -> None:
    """Read-only mounts let a named pipe be written; somebody may listen at its other end."""
    shelf = Path("/run") if os.access("/run", os.W_OK) else place
    pipe = shelf / f"guard-test-{os.getpid()}"
    os.mkfifo(pipe)
    listener = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        outcome = confine(f"import os; os.write(os.open('{pipe}', os.O_WRONLY | os.O_NONBLOCK), b'secret')")
        assert outcome.error is not None
        assert os.read(listener, 100) == b""
    finally:
        os.close(listener)
        pipe.unlink()


@pytest.mark.parametrize("tier", ["namespaces", "landlock"])
def test_the_interpreter_itself_cannot_be_changed(confine, place: Path, tier: str) -> None:
    """/proc/self/exe leads to the running program past every mount of the trial."""
    program = place / "python"
    shutil.copy(Path(sys.executable).resolve(), program)
    before = program.stat()
    outcome = confine(
        """
        import os
        os.chmod("/proc/self/exe", 0o700)
        os.utime("/proc/self/exe", (0, 0))
        for refused in (
            lambda: os.setxattr("/proc/self/exe", "user.guard-test", b"x"),
            lambda: os.close(os.open("/proc/self/exe", os.O_RDWR)),
            lambda: os.close(os.open("/proc/self/exe", os.O_WRONLY | os.O_TRUNC)),
        ):
            try:
                refused()
            except OSError:
                continue
            answer = "changed"
        """,
        tier=tier,
        python=str(program),
        environment={"PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib"},
    )
    after = program.stat()
    assert outcome.answer is None
    assert (before.st_mode, before.st_mtime, before.st_size, os.listxattr(program)) == (
        after.st_mode,
        after.st_mtime,
        after.st_size,
        [],
    )


def test_the_disk_limit_is_kept_and_named(confine, place: Path) -> None:
    outcome = confine(
        """
        for number in range(8):
            with open(f"{number}.bin", "wb") as file:
                file.write(bytes(4 << 20))
        """,
        disk_bytes=16 << 20,
    )
    assert outcome.blocked == "write more than the trial's disk limit"
    assert list(place.iterdir()) == []


def test_many_changes_are_told_up_to_a_bound(confine) -> None:
    outcome = confine("for n in range(1000): open(str(n), 'w').close()")
    assert 100 <= len(outcome.changes) <= 1000


def test_a_very_deep_directory_does_not_trip_the_report(confine) -> None:
    outcome = confine(
        """
        import os
        for _ in range(3000):
            os.mkdir("d")
            os.chdir("d")
        open("bottom", "w").close()
        """
    )
    assert outcome.error is None
