"""From a finished training, or a file from elsewhere, to an adapter of this machine."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from jupyter_mlagent.engine.catalog import ModelFile, models
from jupyter_mlagent.engine.prefix_file import sha256_of
from jupyter_mlagent.training_events import TrainingKind
from local_rl.adapters.store import (
    PEFT_FOLDER,
    RECORD_FILE,
    Adapter,
    AdapterRecord,
    adding,
    check_intact,
    free_name,
    now,
    read_record,
    write_record,
)
from local_rl.errors import AdapterError
from local_rl.policy.export import export_adapter, read_adapter_header
from local_rl.policy.header import read_header
from local_rl.policy.loading import PEFT_CONFIG, PEFT_WEIGHTS

GGUF_FILE = "adapter.gguf"


def make_adapter(
    peft: Path,
    base: ModelFile,
    base_sha256: str,
    *,
    name: str,
    kind: TrainingKind,
    run: str = "",
    config: str = "",
    data_fingerprint: str = "",
    before: str = "",
    steps: int = 0,
    note: str = "",
    quantize: bool = True,
) -> Adapter:
    """Export it for the engine and keep both forms; nothing stays when that fails."""
    name = free_name(name)
    header = read_header(base.path)
    with adding(name) as folder:
        gguf = folder / GGUF_FILE
        export_adapter(peft, gguf, header=header, base_sha256=base_sha256, quantize=quantize)
        (folder / PEFT_FOLDER).mkdir()
        for file in (PEFT_CONFIG, PEFT_WEIGHTS):
            shutil.copy(peft / file, folder / PEFT_FOLDER)
        record = AdapterRecord(
            name=name,
            base_model=base.name,
            base_sha256=base_sha256,
            architecture=header.architecture,
            kind=kind,
            created=now(),
            gguf_sha256=sha256_of(gguf),
            run=run,
            config=config,
            data_fingerprint=data_fingerprint,
            before=before,
            steps=steps,
            note=note,
        )
        write_record(folder, record)
    return Adapter(adding_place(name))


def adding_place(name: str) -> Path:
    from jupyter_mlagent import paths

    return paths.adapters_dir() / name


def give_away(adapter: Adapter, target: Path) -> None:
    """One file (.zip) with both forms and the record; what was measured here stays here."""
    check_intact(adapter)
    temporary = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in (adapter.folder / RECORD_FILE, adapter.gguf, *sorted(adapter.peft.glob("*"))):
                if path.is_file():
                    archive.write(path, str(path.relative_to(adapter.folder)))
        temporary.replace(target)
    except OSError as error:
        raise AdapterError(f"{target} cannot be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def take_in(source: Path, base: ModelFile | None = None, name: str | None = None) -> Adapter:
    """An adapter from a file of `give_away`, or a bare GGUF adapter, whose `base` must then be named.

    Raises AdapterError for a damaged file, or one of another model.
    """
    if not source.is_file():
        raise AdapterError(f"There is no file {source}.")
    if zipfile.is_zipfile(source):
        return _take_in_archive(source, name)
    header = read_adapter_header(source)
    known = next((model for model in models() if model.sha256 == header.base_sha256), None)
    base_sha256 = header.base_sha256
    if base is not None:
        from local_rl.policy.weights import identity

        base_sha256 = identity(base)
        if header.base_sha256 not in ("", base_sha256):
            wanted = known.name if known is not None else "another model"
            raise AdapterError(f"{source} is an adapter of {wanted}, not of {base.name}.")
        served = read_header(base.path)
        if served.architecture != header.architecture:
            raise AdapterError(
                f"{source} is for the architecture '{header.architecture}', and {base.name} is "
                f"'{served.architecture}'."
            )
    if not base_sha256:
        raise AdapterError(f"{source} does not say which model it is for; name it with --model.")
    title = base.name if base is not None else known.name if known is not None else base_sha256[:12]
    chosen = free_name(name or source.stem)
    with adding(chosen) as folder:
        shutil.copyfile(source, folder / GGUF_FILE)
        record = AdapterRecord(
            name=chosen,
            base_model=title,
            base_sha256=base_sha256,
            architecture=header.architecture,
            kind=TrainingKind.EXPLORE,
            created=now(),
            gguf_sha256=sha256_of(source),
            note=f"Imported from {source.name}.",
        )
        write_record(folder, record)
    return Adapter(adding_place(chosen))


def _take_in_archive(source: Path, name: str | None) -> Adapter:
    wanted = (RECORD_FILE, GGUF_FILE, f"{PEFT_FOLDER}/{PEFT_CONFIG}", f"{PEFT_FOLDER}/{PEFT_WEIGHTS}")
    with TemporaryDirectory() as place:
        unpacked = Path(place)
        (unpacked / PEFT_FOLDER).mkdir()
        try:
            with zipfile.ZipFile(source) as archive:
                for member in wanted:
                    if member in archive.namelist():
                        (unpacked / member).write_bytes(archive.read(member))
        except (OSError, zipfile.BadZipFile) as error:
            raise AdapterError(f"{source} is damaged ({error}).") from None
        record = read_record(unpacked)
        check_intact(Adapter(unpacked))
        if read_adapter_header(unpacked / GGUF_FILE).base_sha256 not in ("", record.base_sha256):
            raise AdapterError(f"{source} contradicts itself: its adapter is of another base than it says.")
        chosen = free_name(name or record.name)
        with adding(chosen) as folder:
            shutil.copytree(unpacked, folder, dirs_exist_ok=True)
            write_record(folder, msgspec.structs.replace(record, name=chosen))
    return Adapter(adding_place(chosen))
