"""From the bytes of a file to a notebook node, with a sentence for each way this can fail."""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook.structure import check_notebook
from jupyter_mlagent.notebook.write import Fingerprint

DEFAULT_KERNELSPEC = "python3"


def read_bytes(path: Path) -> tuple[bytes, Fingerprint]:
    """The file's bytes and what identifies this version of it. Raises NotebookError."""
    try:
        # Opening a named pipe would block for ever.
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise NotebookError(f"{path} is not a regular file; name a notebook (.ipynb).")
        data = path.read_bytes()
    except OSError as error:
        raise NotebookError(_unreadable(path, error)) from error
    return data, Fingerprint.of(data)


def _unreadable(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"There is no notebook at {path}; check the path."
        case errno.EISDIR:
            return f"{path} is a folder; name a notebook (.ipynb) in it."
        case errno.EACCES | errno.EPERM:
            return f"{path} cannot be read: permission denied."
        case _:
            return f"{path} cannot be read: {error.strerror or error}."


def parse_notebook(data: bytes, path: Path) -> Any:
    """The bytes as an nbformat node (multi-line strings joined). Raises NotebookError."""
    from nbformat.v4 import to_notebook

    name = str(path)
    if not data.strip():
        raise NotebookError(f"{name} is an empty file, not a notebook.")
    try:
        return to_notebook(check_notebook(_decode_json(_decode_text(data, name), name), name))
    except RecursionError as error:
        raise NotebookError(f"{name} is nested too deeply to be a notebook.") from error


def _decode_text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotebookError(
            f"{name} is not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); "
            f"notebooks are always UTF-8: save it again in that encoding."
        ) from error


def _decode_json(text: str, name: str) -> Any:
    # Faster, and stricter than the standard library, which notebooks are written with: only the latter reads
    # NaN and lone surrogates.
    with contextlib.suppress(msgspec.DecodeError, UnicodeError):
        return msgspec.json.decode(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotebookError(_not_json(text, name, error)) from error
    except ValueError as error:
        raise NotebookError(f"{name} is JSON that no notebook holds ({error}).") from error


def _not_json(text: str, name: str, error: json.JSONDecodeError) -> str:
    if any(line.startswith("<<<<<<< ") for line in text.splitlines()):
        return f"{name} holds unresolved merge conflicts ('<<<<<<<'); resolve them first."
    return f"{name} is not JSON, so not a notebook (line {error.lineno}: {error.msg})."


def kernelspec_of(node: Any) -> str:
    """The name of the kernel that the notebook asks for; the default one when it names none."""
    name = _entry(node, "kernelspec", "name")
    return name or DEFAULT_KERNELSPEC


def check_language(node: Any, path: Path) -> None:
    """Raise NotebookError when the notebook says that it is written in another language than Python."""
    language = _entry(node, "kernelspec", "language") or _entry(node, "language_info", "name")
    if language and language.lower() not in ("python", "python2", "python3", "ipython"):
        raise NotebookError(f"{path} is written in {language}; mlagent works with Python notebooks only.")


def _entry(node: Any, section: str, key: str) -> str:
    found = node["metadata"].get(section)
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""
