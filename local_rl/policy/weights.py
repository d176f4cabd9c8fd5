"""The served weights for a trainer: the GGUF's own values, as a folder that transformers loads.

Training starts from what is served, not from what was published before it was quantized: an adapter then
corrects the model that a person runs. The values are kept in half precision, which holds them more exactly
than bfloat16 does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from jupyter_mlagent import paths
from jupyter_mlagent.engine.catalog import ModelFile
from jupyter_mlagent.engine.prefix_file import sha256_of
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import Record
from local_rl.errors import TrainingError
from local_rl.policy.stack import load_unsloth

MANIFEST = "manifest.json"
HALF_LIMIT = 65504.0
"""The largest number that half precision holds."""

OnDoing = Callable[[str], None]


class Manifest(Record):
    """What the folder was made from, and what it must hold to be whole."""

    gguf_sha256: str
    files: dict[str, int]
    """Sizes by name."""


def identity(model: ModelFile) -> str:
    """The SHA-256 that names a model's weights: the published one where it is known."""
    return model.sha256 or sha256_of(model.path)


def training_weights(model: ModelFile, on_doing: OnDoing = lambda _: None) -> Path:
    """The folder for `model`, made once and kept in the cache.

    Raises ModelError when the GGUF is not the published file, TrainingError when the folder cannot be made.
    """
    digest = identity(model)
    folder = paths.cache_dir() / "weights" / digest[:16]
    if _is_whole(folder, digest):
        return folder
    with _alone(folder):
        if not _is_whole(folder, digest):
            if model.sha256 is not None and sha256_of(model.path) != model.sha256:
                raise ModelError(
                    f"{model.path} is not the published file (its SHA-256 differs); replace it with: "
                    f"mlagent models pull {model.name}"
                )
            _make(model, digest, folder, on_doing)
    return folder


def _make(model: ModelFile, digest: str, folder: Path, on_doing: OnDoing) -> None:
    needed = 5 * model.path.stat().st_size  # four bits become sixteen, and some room
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise TrainingError(
            f"There is not enough room in {folder.parent} for {model.name}'s training weights: "
            f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free."
        )
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        _convert(model, making, on_doing)
        files = {path.name: path.stat().st_size for path in making.iterdir()}
        manifest = Manifest(gguf_sha256=digest, files=files)
        (making / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        shutil.rmtree(folder, ignore_errors=True)
        making.replace(folder)
    except OSError as error:
        raise TrainingError(f"{model.name}'s training weights cannot be written: {error}.") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _convert(model: ModelFile, target: Path, on_doing: OnDoing) -> None:
    load_unsloth()
    import torch
    import transformers

    on_doing(f"reading the vocabulary of {model.name}")
    place, name = str(model.path.parent), model.path.name
    tokenizer = transformers.AutoTokenizer.from_pretrained(place, gguf_file=name)
    on_doing(f"unpacking the weights of {model.name} (once)")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(
        place,
        gguf_file=name,
        dtype=torch.float32,
        quantization_config=transformers.GgufConfig(dequantize=True),
    )
    largest = max(parameter.detach().abs().max().item() for parameter in loaded.parameters())
    if largest < HALF_LIMIT:
        loaded = loaded.half()
    on_doing(f"writing the training weights of {model.name}")
    loaded.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _is_whole(folder: Path, digest: str) -> bool:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        sizes = {name: (folder / name).stat().st_size for name in manifest.files}
    except (OSError, msgspec.DecodeError):
        return False
    return manifest.gguf_sha256 == digest and sizes == manifest.files


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process makes a folder; another waits and finds it made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.with_name(f".{folder.name}.lock"), os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise TrainingError(f"The cache {folder.parent} cannot be written ({error.strerror}).") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
