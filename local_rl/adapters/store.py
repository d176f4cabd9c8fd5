"""The adapters of this machine: a folder each, with both forms, what made it and what it scored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from jupyter_mlagent import paths
from jupyter_mlagent.engine.active import BUNDLED, adapter_file
from jupyter_mlagent.engine.prefix_file import sha256_of
from jupyter_mlagent.records import Record
from jupyter_mlagent.training_events import TrainingKind
from local_rl.errors import AdapterError

RECORD_FILE, PEFT_FOLDER, EVALUATION_FOLDER = "adapter.json", "peft", "evaluation"


class AdapterRecord(Record):
    """What is known of an adapter."""

    name: str
    base_model: str
    base_sha256: str
    architecture: str
    kind: TrainingKind
    created: str
    """ISO 8601, UTC."""
    gguf_sha256: str
    run: str = ""
    """Name of the training run that made it."""
    config: str = ""
    """Of that run, as TOML."""
    data_fingerprint: str = ""
    before: str = ""
    """The adapter that training went on from."""
    steps: int = 0
    note: str = ""


class Adapter:
    """One adapter on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = read_record(folder)

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def gguf(self) -> Path:
        return self.folder / adapter_file("").name

    @property
    def peft(self) -> Path:
        return self.folder / PEFT_FOLDER

    @property
    def evaluation(self) -> Path:
        """What `mlagent adapters compare` measured, a folder for each way of judging."""
        return self.folder / EVALUATION_FOLDER


def read_record(folder: Path) -> AdapterRecord:
    try:
        return msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=AdapterRecord)
    except (OSError, msgspec.DecodeError) as error:
        raise AdapterError(f"{folder} holds no adapter ({error}).") from None


def all_adapters() -> list[Adapter]:
    """Newest first; what is damaged is left out."""
    found = []
    for path in paths.adapters_dir().glob(f"*/{RECORD_FILE}"):
        try:
            found.append(Adapter(path.parent))
        except AdapterError:
            continue
    return sorted(found, key=lambda adapter: (adapter.record.created, adapter.name), reverse=True)


def find_adapter(name: str) -> Adapter:
    """By name or unambiguous beginning; raises AdapterError."""
    everything = all_adapters()
    exact = [adapter for adapter in everything if adapter.name == name]
    matches = exact or [adapter for adapter in everything if name and adapter.name.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise AdapterError(
            f"'{name}' fits several adapters: {', '.join(adapter.name for adapter in matches)}; "
            "write one in full."
        )
    known = ", ".join(adapter.name for adapter in everything) or "none yet"
    raise AdapterError(f"There is no adapter called '{name}' on this machine; there are: {known}.")


def free_name(wanted: str) -> str:
    """`wanted`, or with a number behind it where that is taken."""
    name, number = wanted, 1
    while name == BUNDLED or (paths.adapters_dir() / name).exists():
        number += 1
        name = f"{wanted}-{number}"
    return name


@contextmanager
def adding(name: str) -> Iterator[Path]:
    """A folder to fill, which becomes the adapter `name` when all went well and vanishes otherwise."""
    place = paths.adapters_dir()
    try:
        place.mkdir(parents=True, exist_ok=True)
        making = Path(mkdtemp(prefix=".making-", dir=place))
    except OSError as error:
        raise AdapterError(f"The adapters folder {place} cannot be written ({error.strerror}).") from None
    try:
        yield making
        making.chmod(0o755)
        making.rename(place / name)
    except OSError as error:
        raise AdapterError(f"The adapter {name} cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def write_record(folder: Path, record: AdapterRecord) -> None:
    temporary = folder / f".{RECORD_FILE}.{os.getpid()}"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    temporary.replace(folder / RECORD_FILE)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def remove(adapter: Adapter) -> None:
    """Raises AdapterError for the one in use."""
    from local_rl.adapters.active import active_name

    if active_name(adapter.record.base_sha256) == adapter.name:
        raise AdapterError(f"{adapter.name} is in use; roll back first: mlagent adapters rollback.")
    shutil.rmtree(adapter.folder)


def check_intact(adapter: Adapter) -> None:
    """Raises AdapterError when the file is not the one that was stored."""
    try:
        intact = sha256_of(adapter.gguf) == adapter.record.gguf_sha256
    except OSError as error:
        raise AdapterError(f"{adapter.gguf} cannot be read ({error.strerror}).") from None
    if not intact:
        raise AdapterError(f"{adapter.gguf} was altered (its SHA-256 differs); import or train it again.")
