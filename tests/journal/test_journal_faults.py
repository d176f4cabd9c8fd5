"""Crashes, crowds and broken files: no kept step is lost, and every failure is one sentence."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal, StepFilter
from jupyter_mlagent.journal.database import load_migrations, on_network, split_statements

ANYBODY = 65534
BUILDER = Path(__file__).with_name("conftest.py")
PREAMBLE = f"""
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("builder", {str(BUILDER)!r})
builder = importlib.util.module_from_spec(spec)
spec.loader.exec_module(builder)
from pathlib import Path
from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal
"""
WRITE_ON = """
journal = Journal.open(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    ids = journal.record_suggestion(builder.make_suggestion(f"{os.getpid()}-{number}"))
    print(*ids.values(), flush=True)
"""
WRITE_TWENTY = """
journal = Journal.open(Path(sys.argv[1]))
for number in range(20):
    journal.record_suggestion(builder.make_suggestion(f"{os.getpid()}-{number}", session_id=str(os.getpid())))
"""
WRITE_SAYING_WHY_NOT = """
{before}
try:
    journal = Journal.open(Path(sys.argv[1]))
    for number in range(2000):
        codes = (os.urandom(20_000).hex(),)
        ids = journal.record_suggestion(builder.make_suggestion(f"{{number}}", codes=codes))
        print(*ids.values(), flush=True)
except JournalError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREAMBLE + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refusal(path: Path) -> str:
    with pytest.raises(JournalError) as caught:
        Journal.open(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


class TestCrashes:
    def test_a_writer_killed_in_the_middle_loses_no_step_it_had_kept(self, tmp_path, suggestion):
        path = tmp_path / "journal.sqlite"
        writer = started(WRITE_ON, path)
        kept: list[int] = []
        for line in writer.stdout:
            kept += map(int, line.split())
            if len(kept) >= 40:
                break
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        # A last line may have been cut by the kill.
        kept += [
            int(word)
            for line in rest.splitlines(keepends=True)
            if line.endswith("\n")
            for word in line.split()
        ]
        with Journal.open(path) as journal:
            steps = {step.id: step for step in journal.full_steps()}
            assert set(kept) <= set(steps)
            assert all(step.sample is not None for step in steps.values())
            journal.record_suggestion(suggestion("after"))
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_an_error_within_a_transaction_leaves_the_journal_usable(self, journal, suggestion):
        with pytest.raises(RuntimeError), journal._database.writing() as connection:
            connection.execute("INSERT INTO states VALUES ('h', 'n', x'00')")
            raise RuntimeError("stopped")
        with pytest.raises(JournalError, match="no state"):
            journal.state("h")
        journal.record_suggestion(suggestion())


class TestCrowds:
    def test_processes_write_at_once_also_into_a_new_journal(self, tmp_path):
        path = tmp_path / "journal.sqlite"
        writers = [started(WRITE_TWENTY, path) for _ in range(4)]
        for writer in writers:
            _, errors = writer.communicate()
            assert (writer.returncode, errors) == (0, "")
        with Journal.open(path) as journal:
            for writer in writers:
                assert len(journal.steps(StepFilter(session_id=str(writer.pid)))) == 40

    def test_threads_take_turns_on_one_journal(self, journal, suggestion):
        failures: list[BaseException] = []

        def work(name: str) -> None:
            try:
                for number in range(10):
                    journal.record_suggestion(suggestion(f"{name}-{number}", session_id=name))
                    journal.steps(StepFilter(limit=1))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(journal.steps()) == 80

    def test_a_reader_sees_what_another_process_kept_meanwhile(self, journal, suggestion):
        assert journal.steps() == ()
        with Journal.open(journal.path) as other:
            other.record_suggestion(suggestion())
        assert len(journal.steps()) == 2

    def test_a_journal_held_by_another_writer_is_said_to_be_in_use(self, journal, suggestion, monkeypatch):
        monkeypatch.setattr("jupyter_mlagent.journal.database.BUSY_SECONDS", 0.0)
        with (
            Journal.open(journal.path) as other,
            journal._database.writing(),
            pytest.raises(JournalError, match="in use by another program"),
        ):
            other.record_suggestion(suggestion())

    def test_a_forked_child_does_not_touch_its_parent_s_connection(self, journal):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                journal.steps()
            except JournalError as error:
                os.write(writer, str(error).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        assert b"forked" in os.read(reader, 1000)
        os.close(reader)


class TestBrokenFiles:
    def test_a_file_that_is_no_database(self, tmp_path):
        path = tmp_path / "journal.sqlite"
        path.write_bytes(b"not a database at all, " * 100)
        assert "damaged" in refusal(path)
        assert path.read_bytes().startswith(b"not a database")

    def test_a_damaged_journal(self, tmp_path, suggestion):
        path = tmp_path / "journal.sqlite"
        with Journal.open(path) as journal:
            for number in range(50):
                journal.record_suggestion(suggestion(str(number)))
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
        with pytest.raises(JournalError, match="damaged"), Journal.open(path) as journal:
            journal.steps()

    def test_another_program_s_database_is_left_alone(self, tmp_path):
        path = tmp_path / "journal.sqlite"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        before = path.read_bytes()
        assert "another program" in refusal(path)
        assert path.read_bytes() == before

    def test_a_newer_schema_says_to_upgrade(self, journal):
        with sqlite3.connect(journal.path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        assert "newer mlagent (schema 99" in refusal(journal.path)

    def test_a_folder_in_its_place(self, tmp_path):
        assert "cannot be opened" in refusal(tmp_path)

    def test_a_closed_journal(self, journal):
        journal.close()
        journal.close()
        with pytest.raises(JournalError, match="closed"):
            journal.steps()

    def test_a_read_only_folder_and_a_read_only_file(self):
        unprivileged = f"os.geteuid() or os.setuid({ANYBODY})"
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o555)
            writer = started(WRITE_SAYING_WHY_NOT.format(before=unprivileged), folder / "journal.sqlite")
            _, errors = writer.communicate()
            assert (writer.returncode, errors.count("\n")) == (3, 1)
            assert "Permission denied" in errors
            folder.chmod(0o755)

    def test_a_full_disk_keeps_what_was_kept_before(self, tmp_path, suggestion):
        path = tmp_path / "journal.sqlite"
        # The file-size limit fails a write half-way, as a full disk does.
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))"
        writer = started(WRITE_SAYING_WHY_NOT.format(before=limit), path)
        output, errors = writer.communicate()
        assert (writer.returncode, errors.count("\n")) == (3, 1), errors
        kept = {int(word) for word in output.split()}
        assert kept
        with Journal.open(path) as journal:
            assert {step.id for step in journal.steps()} == kept
            journal.record_suggestion(suggestion("after"))


class TestTheFile:
    def test_is_for_its_owner_only(self, journal):
        assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600

    def test_uses_a_write_ahead_log_where_one_machine_writes(self, journal):
        mode = sqlite3.connect(journal.path).execute("PRAGMA journal_mode").fetchone()[0]
        assert mode == ("delete" if on_network(journal.path) else "wal")

    def test_on_a_network_file_system_does_without_it(self, tmp_path, monkeypatch, suggestion):
        monkeypatch.setattr("jupyter_mlagent.journal.database.on_network", lambda path: True)
        with Journal.open(tmp_path / "journal.sqlite") as journal:
            ids = journal.record_suggestion(suggestion())
            journal.delete(list(ids.values()))
        mode = sqlite3.connect(tmp_path / "journal.sqlite").execute("PRAGMA journal_mode").fetchone()[0]
        assert mode == "delete"


NEXT = len(load_migrations()) + 1


class TestMigrations:
    def test_are_numbered_without_a_gap(self):
        assert sorted(load_migrations()) == list(range(1, len(load_migrations()) + 1))

    def test_are_run_statement_by_statement(self):
        script = "CREATE TABLE a (x TEXT DEFAULT ';'); -- one; two\nCREATE TABLE b (y);\n"
        assert len(list(split_statements(script))) == 2

    def test_bring_an_older_journal_up_to_date_and_keep_its_steps(self, journal, suggestion, monkeypatch):
        ids = journal.record_suggestion(suggestion())
        newer = {
            **load_migrations(),
            NEXT: "ALTER TABLE steps ADD COLUMN visits INTEGER NOT NULL DEFAULT 0;\n",
        }
        monkeypatch.setattr("jupyter_mlagent.journal.database.load_migrations", lambda: newer)
        with Journal.open(journal.path) as migrated:
            assert migrated.step(ids["r1-1"]).proposal.code == "model = Forest()"
            with migrated._database.reading() as connection:
                assert connection.execute("SELECT visits FROM steps").fetchone()[0] == 0

    def test_a_migration_that_fails_changes_nothing(self, journal, monkeypatch):
        bad = {**load_migrations(), NEXT: "ALTER TABLE steps ADD COLUMN visits;\nCREATE nonsense;\n"}
        monkeypatch.setattr("jupyter_mlagent.journal.database.load_migrations", lambda: bad)
        refusal(journal.path)
        monkeypatch.undo()
        with Journal.open(journal.path) as again, again._database.reading() as connection:
            columns = [row["name"] for row in connection.execute("PRAGMA table_info(steps)")]
        assert "visits" not in columns
