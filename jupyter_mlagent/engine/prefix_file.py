"""A file that arrives in order, from whichever source: what is there is kept, hashed and continued.

The name of the unfinished file carries the hash of the whole, so a prefix is never continued into another
file, and bytes from one source can be followed by those from the next.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from jupyter_mlagent.engine.catalog import ModelPart
from jupyter_mlagent.errors import ModelError

READ_BYTES = 1 << 20


def sha256_of(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hexadecimal SHA-256; `on_bytes` is told how many have been read so far. Raises OSError."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
            done += len(block)
            if on_bytes is not None:
                on_bytes(done)
    return digest.hexdigest()


class PrefixFile:
    """The unfinished `part`, open for appending; a context manager. Every method may raise ModelError."""

    def __init__(self, folder: Path, part: ModelPart) -> None:
        self.part = part
        self.target = folder / part.file
        self.path = folder / f"{part.file}.{part.sha256[:12]}.part"
        self.size = 0
        self._digest = hashlib.sha256()

    def __enter__(self) -> PrefixFile:
        try:
            # Unbuffered: what is not on the disk has not arrived.
            self._stream = self.path.open("a+b", buffering=0)
            self._stream.seek(0)
            while block := self._stream.read(READ_BYTES):
                self._digest.update(block)
                self.size += len(block)
        except OSError as error:
            raise self._unwritable(error) from None
        if self.size > self.part.bytes:
            self.restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        if self.size == 0:
            self.path.unlink(missing_ok=True)

    @property
    def missing_bytes(self) -> int:
        return self.part.bytes - self.size

    @property
    def intact(self) -> bool:
        """Complete, and what the publisher's hash says."""
        return self.size == self.part.bytes and self._digest.hexdigest() == self.part.sha256

    def append(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            try:
                written = self._stream.write(rest)
            except OSError as error:
                raise self._unwritable(error) from None
            self._digest.update(rest[:written])
            self.size += written
            rest = rest[written:]

    def restart(self) -> None:
        """Forget what has arrived."""
        self._stream.seek(0)
        self._stream.truncate()
        self.size, self._digest = 0, hashlib.sha256()

    def publish(self) -> None:
        """Give the finished file its name, in one step."""
        try:
            os.fsync(self._stream.fileno())
            self.path.replace(self.target)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> ModelError:
        folder = self.path.parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ModelError(
                f"The disk that holds {folder} is full; free {self.missing_bytes / 1e9:.1f} GB or set "
                "MLAGENT_MODELS to a folder on another disk, and pull again: it goes on where it stopped."
            )
        return ModelError(
            f"{self.path} cannot be written ({error.strerror}); mend that or set MLAGENT_MODELS to a folder "
            "of yours."
        )
