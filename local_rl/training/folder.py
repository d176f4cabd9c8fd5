"""The folder of a run: its exact config, what it depends on, its events, its checkpoints."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from jupyter_mlagent import paths
from jupyter_mlagent.records import Record
from jupyter_mlagent.training_events import TrainingEvent, TrainingKind, decode, encode
from local_rl.errors import TrainingError

CONFIG_FILE, FACTS_FILE, EVENTS_FILE = "config.toml", "facts.json", "events.jsonl"
CONTROL_FILE, CHECKPOINTS = "control", "checkpoints"
PACKAGES = ("jupyter-mlagent", "torch", "transformers", "trl", "peft", "unsloth", "bitsandbytes")


class Facts(Record):
    """What a run depends on beside its config."""

    kind: TrainingKind
    created: str
    base_model: str
    base_sha256: str
    data_fingerprint: str
    adapter: str = ""
    """What it went on from; empty: the base."""
    adapter_sha256: str = ""
    seed: int = 0
    packages: dict[str, str] = msgspec.field(default_factory=dict)


def runs_dir() -> Path:
    return paths.data_dir() / "training"


def installed_versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


class RunFolder:
    """One run on disk. What is written is whole, or was never written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    def create(self, config: str, facts: Facts) -> None:
        """`config` is TOML."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.write(CONFIG_FILE, config.encode())
        self.write(FACTS_FILE, msgspec.json.format(msgspec.json.encode(facts)))

    def facts(self) -> Facts:
        try:
            return msgspec.json.decode((self.path / FACTS_FILE).read_bytes(), type=Facts)
        except (OSError, msgspec.DecodeError) as error:
            raise TrainingError(f"{self.path} holds no training run ({error}).") from None

    def config(self) -> str:
        try:
            return (self.path / CONFIG_FILE).read_text("utf-8")
        except OSError as error:
            raise TrainingError(f"{self.path} holds no training run ({error.strerror}).") from None

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path / f".{name}.{os.getpid()}"
        with said_when_full(self.path):
            try:
                temporary.write_bytes(data)
                temporary.replace(self.path / name)
            finally:
                temporary.unlink(missing_ok=True)

    def add_event(self, event: TrainingEvent) -> None:
        path = self.path / EVENTS_FILE
        with said_when_full(self.path), path.open("ab") as file:
            file.write(encode(event) + b"\n")

    def mend_events(self) -> None:
        """Take away a last line that a crash cut short."""
        path = self.path / EVENTS_FILE
        if path.exists():
            data = path.read_bytes()
            if not data.endswith(b"\n"):
                with path.open("r+b") as file:
                    file.truncate(data.rfind(b"\n") + 1)

    def events(self) -> list[TrainingEvent]:
        path = self.path / EVENTS_FILE
        if not path.exists():
            return []
        found = []
        for line in path.read_bytes().split(b"\n")[:-1]:
            with contextlib.suppress(msgspec.DecodeError):
                found.append(decode(line))
        return found

    def latest_checkpoint(self) -> Path | None:
        """The newest that is whole."""
        whole = [path for path in self.checkpoints.glob("checkpoint-*") if _is_whole(path)]
        return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    """Trainers write their state last."""
    try:
        msgspec.json.decode((checkpoint / "trainer_state.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return False
    return True


def new_run(kind: TrainingKind) -> RunFolder:
    """A name that sorts by time."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    base = runs_dir() / f"{stamp}-{kind.value}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return RunFolder(path)


def all_runs() -> list[RunFolder]:
    """Oldest first."""
    return [RunFolder(path.parent) for path in sorted(runs_dir().glob(f"*/{FACTS_FILE}"))]


def find_run(name: str) -> RunFolder:
    """By name or path; raises TrainingError."""
    given = Path(name).expanduser()
    folder = RunFolder(given if (given / FACTS_FILE).is_file() else runs_dir() / name)
    if not (folder.path / FACTS_FILE).is_file():
        raise TrainingError(
            f"There is no run called '{name}'; `mlagent train list` shows those that there are."
        )
    return folder


@contextlib.contextmanager
def only_trainer(run: str = "") -> Iterator[None]:
    """One training at a time on a machine, that of `run`; raises TrainingError while another is under way."""
    folder = runs_dir()
    with said_when_full(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(lock)
            raise TrainingError(
                f"Another training is running ({holder or 'in another process'}): pause it with "
                "`mlagent train pause`, or wait for its end."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()}{f', run {run}' if run else ''}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _holder(lock: int) -> str:
    return os.pread(lock, 200, 0).decode(errors="replace").strip()


def is_trained(run: str) -> bool:
    """Whether a process of this machine trains that run now."""
    with contextlib.suppress(OSError):
        lock = os.open(runs_dir() / ".lock", os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(lock).endswith(f", run {run}")
        finally:
            os.close(lock)
    return False


@contextlib.contextmanager
def said_when_full(place: Path) -> Iterator[None]:
    """Turns what a disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise TrainingError(
                f"The disk of {place} is full: free some room; the run goes on from its last checkpoint with "
                f"`mlagent train resume {place.name}`."
            ) from error
        raise TrainingError(f"{place} cannot be written ({error.strerror or error}).") from error
