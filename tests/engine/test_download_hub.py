"""Fetching a model over HTTP: whatever the server does, the file is whole and right, or it is not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import re
import subprocess
import threading
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jupyter_mlagent.engine import download
from jupyter_mlagent.engine.catalog import ModelPart, ModelSpec
from jupyter_mlagent.engine.prefix_file import PrefixFile
from jupyter_mlagent.errors import ModelError

CONTENT = b"GGUF" + random.Random(0).randbytes(5_000_000)


def part_of(content: bytes, file: str = "model.gguf") -> ModelPart:
    return ModelPart(file=file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def model_of(*parts: ModelPart) -> ModelSpec:
    return ModelSpec(
        name="test-model",
        title="A test",
        repository="someone/models",
        revision="abc123",
        licence="Apache-2.0",
        part=parts,
        chat_template="chatml",
        context_tokens=1024,
        default_context=1024,
        kv_bytes_per_token=1,
        overhead_bytes=1,
    )


MODEL = model_of(part_of(CONTENT))


@dataclass
class Hub:
    """A hub that can be told to misbehave."""

    files: dict[str, bytes] = field(default_factory=lambda: {"model.gguf": CONTENT})
    revisions: tuple[str, ...] = ("abc123", "main")
    ranges: bool = True
    break_at: list[int] = field(default_factory=list)
    """Each request in turn ends its connection after so many bytes of the file."""
    status: int = 200
    announce_length: bool = True
    hold_at: int | None = None
    """Stop here until `released`; `holding` tells that it is reached."""
    holding: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    endpoint: str = ""

    def handler(hub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                hub.requests.append((self.path, self.headers.get("Range")))
                found = re.fullmatch(r"/someone/models/resolve/(\w+)/(.+)", self.path)
                assert found
                if hub.status != 200 or found[1] not in hub.revisions:
                    self.send_error(hub.status if hub.status != 200 else 404)
                    return
                self.give(hub.files[found[2]])

            def give(self, content: bytes) -> None:
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
                start = int(asked[1]) if asked and hub.ranges else 0
                end = hub.break_at.pop(0) if hub.break_at else len(content)
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                if hub.announce_length:
                    self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                if hub.hold_at is not None:
                    self.wfile.write(content[start : hub.hold_at])
                    self.wfile.flush()
                    hub.holding.set()
                    hub.released.wait(60)
                    start = max(start, hub.hold_at)
                with contextlib.suppress(OSError):
                    self.wfile.write(content[start:end])
                self.close_connection = True

        return Handler


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLAGENT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def hub(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), hub.handler())
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield hub
    hub.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def half_fetched(folder: Path, content: bytes, part: ModelPart = MODEL.part[0]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    PrefixFile(folder, part).path.write_bytes(content)


def test_a_model_is_fetched_verified_and_its_progress_told(hub: Hub, models: Path) -> None:
    seen: list[download.Progress] = []
    found = download.pull(MODEL, seen.append)
    assert found.path.read_bytes() == CONTENT
    assert visible(models) == ["model.gguf"]
    done = [progress.done_bytes for progress in seen]
    assert done == sorted(done) and done[-1] == len(CONTENT)
    assert {progress.total_bytes for progress in seen} == {len(CONTENT)}
    assert seen[-1].source == hub.endpoint.removeprefix("http://")


def test_a_model_that_is_there_is_checked_and_not_fetched_again(hub: Hub) -> None:
    download.pull(MODEL)
    download.pull(MODEL)
    assert len(hub.requests) == 1


def test_a_damaged_file_of_the_right_size_is_noticed_and_replaced(hub: Hub, models: Path) -> None:
    models.mkdir()
    (models / "model.gguf").write_bytes(b"x" * len(CONTENT))
    with pytest.raises(
        ModelError, match=r"SHA-256 differs\); replace it with: mlagent models pull test-model"
    ):
        download.verify(MODEL)
    assert download.pull(MODEL).path.read_bytes() == CONTENT
    download.verify(MODEL)


def test_every_part_of_a_split_model_is_fetched(hub: Hub, models: Path) -> None:
    halves = {
        "m-00001-of-00002.gguf": CONTENT[:3_000_000],
        "m-00002-of-00002.gguf": CONTENT[3_000_000:],
    }
    hub.files = halves
    seen: list[download.Progress] = []
    found = download.pull(model_of(*(part_of(half, name) for name, half in halves.items())), seen.append)
    assert found.path.name == "m-00001-of-00002.gguf"
    assert {path.name: path.read_bytes() for path in models.glob("*.gguf")} == halves
    assert seen[-1].done_bytes == len(CONTENT)


def test_a_broken_connection_is_continued_where_it_broke(hub: Hub) -> None:
    hub.break_at = [2_000_000, 3_500_000]
    assert download.pull(MODEL).path.read_bytes() == CONTENT
    starts = [asked for _, asked in hub.requests]
    assert starts[0] is None and all(asked is not None for asked in starts[1:])
    assert len(starts) == 3


def test_a_server_that_refuses_ranges_is_read_from_its_beginning(hub: Hub, models: Path) -> None:
    half_fetched(models, CONTENT[:2_000_000])
    hub.ranges = False
    assert download.pull(MODEL).path.read_bytes() == CONTENT
    assert hub.requests == [("/someone/models/resolve/abc123/model.gguf", "bytes=2000000-")]


def test_a_truncated_file_is_not_put_in_place(hub: Hub, models: Path) -> None:
    hub.files = {"model.gguf": CONTENT[:-1000]}
    hub.announce_length = False
    with pytest.raises(ModelError, match=f"sent only {len(CONTENT) - 1000} of the {len(CONTENT)} bytes"):
        download.pull(MODEL)
    assert not (models / "model.gguf").exists()


def test_a_file_of_another_length_is_refused_before_it_is_read(hub: Hub, models: Path) -> None:
    hub.files = {"model.gguf": CONTENT + b"more"}
    with pytest.raises(ModelError, match=f"offers another file \\({len(CONTENT) + 4} bytes instead of"):
        download.pull(MODEL)
    assert visible(models) == []


@pytest.mark.parametrize("extra", [b"", b"more than was promised"])
def test_an_altered_file_is_deleted_and_said(hub: Hub, models: Path, extra: bytes) -> None:
    hub.files = {"model.gguf": CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]) + extra}
    hub.announce_length = False
    with pytest.raises(ModelError, match=r"sent an altered|sent more than"):
        download.pull(MODEL)
    assert visible(models) == []


def test_a_damaged_beginning_is_thrown_away_and_fetched_anew(hub: Hub, models: Path) -> None:
    half_fetched(models, b"x" * 2_000_000)
    assert download.pull(MODEL).path.read_bytes() == CONTENT
    assert [asked for _, asked in hub.requests] == ["bytes=2000000-", None]


def test_a_revision_that_is_gone_is_looked_for_in_main(hub: Hub) -> None:
    hub.revisions = ("main",)
    assert download.pull(MODEL).path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (404, r"does not have model\.gguf \(HTTP 404\)"),
        (403, r"refused model\.gguf \(HTTP 403\)"),
        (503, "503"),
    ],
)
def test_a_refusal_is_told_in_one_sentence(hub: Hub, status: int, sentence: str) -> None:
    hub.status = status
    with pytest.raises(ModelError, match=sentence) as caught:
        download.pull(MODEL)
    assert "\n" not in str(caught.value)
    assert "copy model.gguf into" in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:1", "http://name-that-does-not-exist.invalid", "not an address"]
)
def test_no_network_is_told_in_one_sentence(
    models: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(ModelError, match=r"cannot be reached|not an address") as caught:
        download.pull(MODEL)
    assert "Check the network and proxy settings" in str(caught.value)
    assert visible(models) == []


def test_offline_mode_asks_no_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        download.pull(MODEL)
    assert hub.requests == []


def test_a_cancelled_download_keeps_what_arrived_and_goes_on_later(hub: Hub, models: Path) -> None:
    hub.hold_at = 3_000_000
    cancelled = threading.Event()
    seen: list[int] = []

    def watch(progress: download.Progress) -> None:
        seen.append(progress.done_bytes)
        if progress.done_bytes >= 2_000_000:
            cancelled.set()

    with pytest.raises(download.DownloadCancelledError, match="what has arrived is kept"):
        download.pull(MODEL, watch, cancelled)
    kept = PrefixFile(models, MODEL.part[0]).path.stat().st_size
    assert 2_000_000 <= kept <= 3_000_000
    hub.hold_at = None
    hub.released.set()
    assert download.pull(MODEL).path.read_bytes() == CONTENT
    assert hub.requests[-1][1] == f"bytes={kept}-"


def test_two_downloads_of_one_file_fetch_it_once(hub: Hub) -> None:
    # Given a download that the server holds up half-way
    hub.hold_at = 1_000_000
    waiting = threading.Event()
    results: list[bytes] = []

    def watch_second(progress: download.Progress) -> None:
        if progress.doing == "waiting":
            waiting.set()

    first = threading.Thread(target=lambda: results.append(download.pull(MODEL).path.read_bytes()))
    second = threading.Thread(
        target=lambda: results.append(download.pull(MODEL, watch_second).path.read_bytes())
    )
    first.start()
    assert hub.holding.wait(60)
    # When a second one starts, it waits until the first is done
    second.start()
    assert waiting.wait(60)
    hub.released.set()
    first.join()
    second.join()
    assert results == [CONTENT, CONTENT]
    assert len(hub.requests) == 1


def test_a_file_that_does_not_fit_is_not_begun(
    hub: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage(0, 0, 70_000_000))
    with pytest.raises(
        ModelError, match=r"0\.07 GB are needed and 0\.07 GB are free; free some or set MLAGENT"
    ):
        download.pull(MODEL)
    assert hub.requests == []


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on a disk with room for about 2 MB: a real one where we may mount, else one that says so."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    if not mounted:
        original = PrefixFile.__enter__

        class FullAt2MB:
            def __init__(self, stream: object) -> None:
                self._stream = stream

            def __getattr__(self, name: str) -> object:
                return getattr(self._stream, name)

            def write(self, block: bytes) -> int:
                room = 2_000_000 - os.fstat(self._stream.fileno()).st_size  # type: ignore[attr-defined]
                if room <= 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return self._stream.write(block[:room])  # type: ignore[attr-defined, no-any-return]

        def enter(prefix: PrefixFile) -> PrefixFile:
            original(prefix)
            prefix._stream = FullAt2MB(prefix._stream)  # type: ignore[assignment]
            return prefix

        monkeypatch.setattr(PrefixFile, "__enter__", enter)
    yield folder
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_keeps_what_arrived(
    hub: Hub, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a disk that seemed to have room (another program fills it meanwhile)
    monkeypatch.setenv("MLAGENT_MODELS", str(small_disk))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage(0, 0, 1 << 40))
    with pytest.raises(ModelError, match=r"is full; free 0\.0 GB or set MLAGENT_MODELS"):
        download.pull(MODEL)
    kept = PrefixFile(small_disk, MODEL.part[0]).path.read_bytes()
    assert len(kept) > 1_000_000 and CONTENT.startswith(kept)
    assert visible(small_disk) == [PrefixFile(small_disk, MODEL.part[0]).path.name]


@pytest.mark.parametrize("file", [".model.gguf.lock", PrefixFile(Path(), MODEL.part[0]).path.name])
def test_a_file_that_cannot_be_written_is_told_by_its_name(hub: Hub, models: Path, file: str) -> None:
    (models / file).mkdir(parents=True)
    with pytest.raises(ModelError, match=rf"{models}\S* cannot be written \(.+\).* MLAGENT_MODELS"):
        download.pull(MODEL)


def test_a_file_in_place_of_the_folder_is_told_by_its_name(hub: Hub, models: Path) -> None:
    models.write_text("not a folder")
    with pytest.raises(ModelError, match=f"{models} cannot be created"):
        download.pull(MODEL)
