"""Putting a notebook on disk: whole or not at all, and never over a version that nobody here has read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlagent.errors import NotebookError


class NotebookChangedError(NotebookError):
    """The file is no longer the one that was read; nothing was written."""


@dataclass(frozen=True)
class Fingerprint:
    """What identifies one version of a file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Fingerprint:
        return cls(len(data), hashlib.sha256(data).hexdigest())

    def matches(self, path: Path) -> bool:
        """True when the file still holds these bytes.

        Its time is not asked: touching a file is no change, and two saves can fall within one tick of the
        file system's clock.
        """
        if path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def serialise(node: Any) -> bytes:
    """The node as Jupyter writes it: one space of indent, sorted keys, a newline at the end."""
    from nbformat.v4 import writes

    text: str = writes(node) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate, e.g. half an emoji cut by a program, has no UTF-8 form; its JSON escape is ASCII.
        escaped: str = writes(node, ensure_ascii=True) + "\n"
        return escaped.encode()


def replace_file(path: Path, data: bytes, read: Fingerprint) -> Fingerprint:
    """Replace the file's content with `data`, provided that it still holds the version that was `read`.

    A symlink stays and its target is replaced; permissions are kept. Raises NotebookChangedError or
    NotebookError; in both cases, and at a crash, the old file is whole.
    """
    target = Path(os.path.realpath(path))
    with _sentences(path):
        _refuse_changed(path, target, read)
        with _temporary_beside(target, data, like=target) as temporary:
            _refuse_changed(path, target, read)
            temporary.rename(target)
        _sync_folder(target.parent)
        return Fingerprint.of(data)


def create_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file at `path`; one that is there already is replaced only when asked to (`overwrite`)."""
    target = Path(os.path.realpath(path))
    with _sentences(path):
        if target.is_dir():
            raise NotebookError(f"{path} is a folder; name a file to write the notebook to.")
        if target.exists() and not target.is_file():
            raise NotebookError(f"{path} is not a regular file; name a file to write the notebook to.")
        if target.exists() and not overwrite:
            raise FileExistsError(errno.EEXIST, "exists", str(target))
        with _temporary_beside(target, data, like=target if target.exists() else None) as temporary:
            _move(temporary, target, overwrite=overwrite)
        _sync_folder(target.parent)


def check_writable(path: Path) -> None:
    """Raises NotebookError when no file can be put where `path` says; for before long work, not after."""
    target = Path(os.path.realpath(path))
    with _sentences(path), _temporary_beside(target, b"", like=None):
        pass


def _move(temporary: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.rename(target)
        return
    try:
        # A link, unlike a rename, fails when somebody else made the file in the meantime.
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        # File systems without hard links.
        temporary.rename(target)


def _refuse_changed(path: Path, target: Path, read: Fingerprint) -> None:
    try:
        unchanged = read.matches(target)
    except FileNotFoundError as error:
        raise NotebookChangedError(
            f"{path} was moved or deleted since it was read; nothing was written: save to another file."
        ) from error
    if not unchanged:
        raise NotebookChangedError(
            f"{path} changed on disk since it was read (another program saved it); nothing was written: "
            f"open it again, or save to another file."
        )


@contextlib.contextmanager
def _temporary_beside(target: Path, data: bytes, *, like: Path | None) -> Iterator[Path]:
    """A finished file in the folder of `target` (a rename is atomic only there); gone afterwards."""
    temporary = target.with_name(f".mlagent-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if like is not None:
                _copy_ownership(like, descriptor)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _copy_ownership(like: Path, descriptor: int) -> None:
    status = like.stat()
    # Only root may give files away; for anybody else the file becomes theirs, as with any editor.
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, status.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last through a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotebookError(_unwritable(path, error)) from error


def _unwritable(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.EEXIST:
            return f"{path} exists already; name another file, or ask to overwrite it."
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return f"{path} cannot be written: the disk (or your quota) is full; the old file is untouched."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{path} cannot be written: its folder is read-only for you; save to another folder."
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} cannot be written: its folder does not exist."
        case _:
            return f"{path} cannot be written: {error.strerror or error}; the old file is untouched."
