"""What a fork shares with the kernel it came from: the trial sees it, and cannot move or change it."""

from __future__ import annotations

from pathlib import Path

import pytest

TIERS = pytest.mark.parametrize("tier", ["namespaces", "landlock", "audit"])


@TIERS
def test_reading_an_open_file_does_not_move_the_kernels_position(confine, place: Path, tier: str) -> None:
    (place / "data.txt").write_text("0123456789")
    outcome = confine(
        "answer = os.read(fd, 100).decode()",
        before="import os; fd = os.open('data.txt', os.O_RDONLY); os.lseek(fd, 4, os.SEEK_SET)",
        after="answer = os.lseek(fd, 0, os.SEEK_CUR)",
        tier=tier,
    )
    assert (outcome.answer, outcome.kernel) == ("456789", 4)


@TIERS
def test_writing_to_an_open_file_does_not_change_it(confine, place: Path, tier: str) -> None:
    confine(
        """
        for descriptor in (both, only, append):
            try:
                os.write(descriptor, b"changed")
            except OSError:
                pass
        """,
        before="""
            import os
            open("both", "w").write("before")
            open("only", "w").write("before")
            open("append", "w").write("a")
            both = os.open("both", os.O_RDWR)
            only = os.open("only", os.O_WRONLY)
            append = os.open("append", os.O_WRONLY | os.O_APPEND)
        """,
        tier=tier,
    )
    assert (place / "both").read_text() == "before"
    assert (place / "only").read_text() == "before"
    assert (place / "append").read_text() == "a"


@TIERS
def test_a_deleted_or_replaced_file_is_read_from_a_copy(confine, place: Path, tier: str) -> None:
    outcome = confine(
        """
        answer = []
        for descriptor in (gone, replaced):
            answer.append(os.pread(descriptor, 100, 0).decode())
            try:
                os.pwrite(descriptor, b"XXXX", 0)
            except OSError:
                pass
        """,
        before="""
            import os, tempfile
            open("gone", "w").write("gone"); open("replaced", "w").write("first")
            gone = os.open("gone", os.O_RDWR); replaced = os.open("replaced", os.O_RDWR)
            os.remove("gone"); open("other", "w").write("second"); os.rename("other", "replaced")
        """,
        after="answer = [os.pread(gone, 100, 0).decode(), os.pread(replaced, 100, 0).decode()]",
        tier=tier,
    )
    assert outcome.answer == ["gone", "first"]
    assert outcome.kernel == ["gone", "first"]
    assert (place / "replaced").read_text() == "second"


@TIERS
def test_sockets_pipes_and_events_are_dead(confine, tier: str) -> None:
    outcome = confine(
        """
        for descriptor in (left.fileno(), writing, event, connection.fileno()):
            try:
                os.write(descriptor, (1).to_bytes(8, "little"))
            except OSError:
                pass
        answer = os.read(waiting, 100).decode()
        """,
        before="""
            import os, select, socket
            left, right = socket.socketpair()
            reading, writing = os.pipe()
            waiting, source = os.pipe()
            os.write(source, b"for the kernel")
            listener = socket.create_server(("127.0.0.1", 0))
            connection = socket.create_connection(listener.getsockname())
            peer, _ = listener.accept()
            event = os.eventfd(0, os.EFD_NONBLOCK)
            poll = select.epoll()
            poll.register(reading)
        """,
        after="""
            for quiet in (right, peer):
                quiet.setblocking(False)
            os.set_blocking(reading, False)
            answer = []
            for look in (lambda: right.recv(9), lambda: peer.recv(9), lambda: os.read(reading, 9),
                         lambda: os.eventfd_read(event)):
                try:
                    look()
                except BlockingIOError:
                    answer.append("silent")
            answer.append(os.read(waiting, 100).decode())
        """,
        tier=tier,
    )
    assert outcome.answer == ""
    assert outcome.kernel == ["silent"] * 4 + ["for the kernel"]


@TIERS
def test_a_directory_held_open_is_no_way_around_the_overlay(confine, place: Path, tier: str) -> None:
    outcome = confine(
        """
        os.close(os.open("trace", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
        """,
        before="import os; directory = os.open('.', os.O_RDONLY)",
        tier=tier,
    )
    if tier != "audit":  # where a path relative to a descriptor is not understood
        assert list(place.iterdir()) == []
    if tier == "landlock":
        assert outcome.error is not None


@TIERS
def test_shared_memory_of_every_kind_is_private(confine, place: Path, tier: str) -> None:
    """Each kind begins with the kernel's content, takes the cell's, and keeps the kernel's."""
    outcome = confine(
        """
        for view in views:
            view[0:3] = b"new"
        answer = [bytes(view[0:6]).decode() for view in views]
        """,
        before="""
            import mmap, os
            from multiprocessing import shared_memory
            open("map.bin", "wb").write(b"before" + bytes(20000))
            file = open("map.bin", "r+b")
            mapped = mmap.mmap(file.fileno(), 0)
            nameless = mmap.mmap(-1, 300000)
            segment = shared_memory.SharedMemory(create=True, size=5000)
            open("gone.bin", "wb").write(b"before" + bytes(9000))
            gone = open("gone.bin", "r+b")
            unlinked = mmap.mmap(gone.fileno(), 0)
            os.remove("gone.bin")
            lost = open("lost.bin", "w+b")
            lost.write(b"before" + bytes(9000))
            lost.flush()
            orphan = mmap.mmap(lost.fileno(), 0)
            lost.close()
            os.remove("lost.bin")
            descriptor = os.memfd_create("m")
            os.ftruncate(descriptor, 9000)
            memory = mmap.mmap(descriptor, 9000)
            views = [memoryview(each) for each in (mapped, nameless, segment.buf, unlinked, orphan, memory)]
            for view in views:
                view[0:6] = b"before"
        """,
        after="""
            answer = [bytes(view[0:6]).decode() for view in views]
            segment.unlink()
        """,
        tier=tier,
    )
    assert outcome.answer == ["newore"] * 6
    assert outcome.kernel == ["before"] * 6
    assert (place / "map.bin").read_bytes()[:6] == b"before"


def test_a_guard_inside_a_guard_works_too(confine) -> None:
    """A fresh kernel replays inside the guard, and its trials are forks of that process."""
    outcome = confine(
        """
        import os
        from mlagent_kernel.guard import Confinement
        read, write = os.pipe()
        if os.fork() == 0:
            inner = Confinement("none", cwd=os.getcwd(), disk_bytes=1 << 20, memory_bytes=1 << 28,
                                processes=8, keep_fds=[write])
            inner.supervisor_enter()
            pid = inner.fork_trial()
            if pid == 0:
                inner.trial_enter(keep_fds=[write])
                nameless[:6] = b"inside"
                os.write(write, bytes(nameless[:6]))
                os._exit(0)
            os.waitpid(pid, 0)
            os._exit(0)
        os.close(write)
        answer = [os.read(read, 10).decode(), bytes(nameless[:6]).decode()]
        """,
        before="""
            import mmap
            nameless = mmap.mmap(-1, 8192)
            nameless[:6] = b"before"
        """,
    )
    assert outcome.answer == ["inside", "before"]


def test_a_read_only_shared_mapping_cannot_be_made_writable(confine, place: Path) -> None:
    outcome = confine(
        """
        import ctypes
        start = next(int(line.split("-")[0], 16) for line in open("/proc/self/maps") if "map.bin" in line)
        answer = ctypes.CDLL(None).mprotect(ctypes.c_void_p(start), ctypes.c_size_t(4096), 3)
        ctypes.memmove(start, b"changed", 7)
        """,
        before="""
            import mmap
            open("map.bin", "wb").write(b"before" + bytes(5000))
            file = open("map.bin", "r+b")
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        """,
    )
    assert outcome.answer == 0
    assert (place / "map.bin").read_bytes()[:6] == b"before"


def test_an_existing_shared_memory_segment_opens_by_name_as_a_copy(confine) -> None:
    outcome = confine(
        """
        again = shared_memory.SharedMemory(name=segment.name)
        answer = bytes(again.buf[:6]).decode()
        again.buf[:3] = b"new"
        """,
        before="""
            from multiprocessing import shared_memory
            segment = shared_memory.SharedMemory(create=True, size=5000)
            segment.buf[:6] = b"before"
        """,
        after="answer = bytes(segment.buf[:6]).decode(); segment.unlink()",
    )
    assert outcome.answer == "before"
    assert outcome.kernel == "before"


def test_a_lock_held_by_the_kernel_stays_held(confine, place: Path) -> None:
    outcome = confine(
        "fcntl.flock(file, fcntl.LOCK_UN); lock.release()",
        before="""
            import fcntl, multiprocessing
            file = open("lock", "w")
            fcntl.flock(file, fcntl.LOCK_EX)
            lock = multiprocessing.Lock()
            lock.acquire()
        """,
        after="""
            other = open("lock", "w")
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                answer = "held"
            if lock.acquire(block=False):
                answer = "the semaphore was released"
        """,
    )
    assert outcome.kernel == "held"


def test_a_terminal_is_not_reachable(confine) -> None:
    outcome = confine(
        """
        answer = []
        for path in ("/dev/tty", os.ttyname(other) if os.isatty(other) else "/dev/pts/0"):
            try:
                os.close(os.open(path, os.O_RDWR))
                answer.append(path)
            except OSError:
                pass
        try:
            os.write(other, b"typed")
        except OSError:
            pass
        """,
        before="import os, pty; main, other = pty.openpty()",
        after="""
            os.set_blocking(main, False)
            try:
                answer = os.read(main, 100).decode()
            except OSError:
                answer = ""
        """,
    )
    assert outcome.answer == []
    assert outcome.kernel == ""


def test_an_open_sqlite_database_is_written_in_the_copy_only(confine, place: Path) -> None:
    outcome = confine(
        """
        database.execute("insert into t values (2)")
        database.commit()
        answer = database.execute("select count(*) from t").fetchone()[0]
        """,
        before="""
            import sqlite3
            database = sqlite3.connect("data.db")
            database.execute("pragma journal_mode=wal")
            database.execute("create table t (x)")
            database.execute("insert into t values (1)")
            database.commit()
        """,
        after="answer = database.execute('select count(*) from t').fetchone()[0]",
    )
    assert (outcome.answer, outcome.kernel) == (2, 1)


def test_the_history_database_is_neither_copied_nor_told_as_changed(confine, place: Path) -> None:
    """A fork happens with no other database open; opening it for writing would copy all of it."""
    outcome = confine(
        "import os; answer = os.read(fd, 100).decode()",
        before="""
            import os, sqlite3
            rows = sqlite3.connect("history.sqlite")
            rows.execute("create table history (source text)")
            rows.execute("insert into history values (?)", ("x" * 3_000_000,))
            rows.commit(); rows.close()
            fd = os.open("history.sqlite", os.O_RDWR)
        """,
        after="answer = os.pread(fd, 13, 0).decode()",
    )
    assert outcome.answer == ""
    assert outcome.kernel == "SQLite format"
    assert outcome.changes == {}
