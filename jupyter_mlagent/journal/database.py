"""The SQLite file: opening, migrating, transactions, and a sentence for each way it can fail."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import threading
import zlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import msgspec

from jupyter_mlagent.errors import JournalError

BUSY_SECONDS = 5.0
"""How long a writer waits for another process before it gives up."""
APPLICATION_ID = 0x6D6C6167
"""`mlag`: tells our files from any other program's."""
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "ceph", "afs", "9p", "fuse.sshfs"}
)


class Database:
    """One connection that threads take turns on. Every failure is a JournalError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._owner = os.getpid()
        self._connection: sqlite3.Connection | None = None
        with self._sentences():
            self._connection = self._connect()
            try:
                self._migrate(self._connection)
            except BaseException:
                self.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Notebooks are private: nobody else may read what was kept of them.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        # A kept step survives a power cut; a step takes seconds, so the flush costs nothing.
        connection.execute("PRAGMA synchronous = FULL")
        # What the person deletes is overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        migrations = load_migrations()
        newest = max(migrations)
        version = _pragma(connection, "user_version")
        if version > newest:
            raise JournalError(
                f"The journal {self.path} was written by a newer mlagent (schema {version}, this one knows "
                f"{newest}); upgrade mlagent."
            )
        if version == newest and _pragma(connection, "application_id") == APPLICATION_ID:
            return
        _refuse_foreign(connection, self.path)
        # The write-ahead log needs memory shared by all writers, which several machines on one network file
        # system do not have.
        mode = "DELETE" if on_network(self.path) else "WAL"
        connection.execute(f"PRAGMA journal_mode = {mode}")
        with _immediate(connection):
            # Another process may have migrated while this one waited for the lock.
            version = _pragma(connection, "user_version")
            for number in sorted(number for number in migrations if number > version):
                for statement in split_statements(migrations[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {newest}")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view."""
        with self._lock, self._sentences():
            connection = self._live()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All of it or, when anything raises, nothing."""
        with self._lock, self._sentences():
            connection = self._live()
            with _immediate(connection):
                yield connection

    def compact(self) -> None:
        """Give the space of deleted steps back, in the log too."""
        with self._lock, self._sentences():
            self._live().execute("VACUUM")
            self.flush_log()

    def flush_log(self) -> None:
        """Move the write-ahead log into the file and empty it: it may still hold what was deleted."""
        with self._lock, self._sentences():
            self._live().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Harmless when it is closed already."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and os.getpid() == self._owner:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

    def _live(self) -> sqlite3.Connection:
        if os.getpid() != self._owner:
            raise JournalError("The journal was opened before this process was forked; open it again.")
        if self._connection is None:
            raise JournalError("The journal is closed.")
        return self._connection

    @contextlib.contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(_sentence(self.path, error)) from error
        except OSError as error:
            raise JournalError(
                f"The journal {self.path} cannot be opened: {error.strerror or error}."
            ) from error
        except (UnicodeError, msgspec.MsgspecError, struct.error, zlib.error) as error:
            raise JournalError(f"The journal {self.path} cannot hold or read this: {error}.") from error


@contextlib.contextmanager
def _immediate(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some failures (a full disk) have rolled back by themselves.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalError(f"{path} is a database of another program, not a journal; name another file.")


def load_migrations() -> dict[int, str]:
    """Schema version -> the SQL that leads to it from the one before (`migrations/0001_steps.sql` is 1)."""
    folder = resources.files("jupyter_mlagent.journal") / "migrations"
    return {
        int(file.name.split("_")[0]): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }


def split_statements(script: str) -> Iterator[str]:
    """Statement by statement: `executescript` would commit before each script."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def on_network(path: Path) -> bool:
    """True when the file lies on a file system that several machines may share."""
    import psutil

    real = path.resolve()
    mounts = [part for part in psutil.disk_partitions(all=True) if real.is_relative_to(part.mountpoint)]
    if not mounts:
        return False
    kind: str = max(mounts, key=lambda part: len(part.mountpoint)).fstype
    return kind.lower() in NETWORK_FILE_SYSTEMS


def _sentence(path: Path, error: sqlite3.Error) -> str:
    # Extended codes (SQLITE_IOERR_WRITE ...) begin with the name of their family.
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return f"The journal {path} is damaged; move it away, and a new one is started."
    if name.startswith("SQLITE_FULL"):
        return f"The journal {path} cannot be written: the disk is full."
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return f"The journal {path} cannot be written: it is read-only for you."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"The journal {path} is in use by another program; try again."
    return f"The journal {path} failed: {error}."
