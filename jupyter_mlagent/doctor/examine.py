"""Collects the facts, one check after the other."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_mlagent import paths
from jupyter_mlagent.doctor import checks
from jupyter_mlagent.doctor.child import ChildResult, run_module
from jupyter_mlagent.doctor.finding import Finding, problem
from jupyter_mlagent.engine import catalog, download
from jupyter_mlagent.engine.build import installed_backend
from jupyter_mlagent.engine.cpu import read_cpu
from jupyter_mlagent.engine.memory import read_memory
from jupyter_mlagent.errors import JournalError, ModelError


def examine(*, deep: bool = False) -> Iterator[Finding]:
    """Every finding as soon as it is known; never raises. `deep` computes the model's SHA-256."""
    yield checks.check_python(sys.version_info[:3], sys.executable)
    cpu = read_cpu()
    engine = run_module("jupyter_mlagent.doctor.probe_engine")
    yield _guarded("llama.cpp", lambda: checks.check_engine(engine, cpu))
    kernel = run_module("jupyter_mlagent.doctor.probe_kernel", seconds=30.0)
    rest: list[tuple[str, Callable[[], Finding]]] = [
        ("first decode", lambda: _decode(engine)),
        ("sandbox", lambda: checks.check_sandbox(kernel)),
        ("fork", lambda: checks.check_fork(kernel)),
        ("GPU", _gpu),
        ("memory", lambda: checks.check_memory(read_memory(), catalog.default_model())),
        ("model", lambda: _model(deep)),
        ("disk", _disk),
        ("journal", _journal),
        ("kernelspec", _kernelspec),
    ]
    for name, check in rest:
        yield _guarded(name, check)


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        return problem(name, f"this check failed ({type(error).__name__}: {error})", "report it as a bug")


def _decode(engine: ChildResult) -> Finding:
    here = sorted((model for model in catalog.models() if model.present), key=lambda model: model.bytes)
    if not here:
        return checks.check_decode(None, "", engine, read_cpu())
    child = run_module("jupyter_mlagent.doctor.probe_engine", [str(here[0].path())])
    return checks.check_decode(child, here[0].name, engine, read_cpu())


def _gpu() -> Finding:
    nvidia_driver = platform.system() == "Linux" and Path("/dev/nvidiactl").exists()
    return checks.check_gpu(installed_backend(), read_memory(), nvidia_driver)


def _model(deep: bool) -> Finding:
    choice, damage = catalog.default_model(), ""
    present = [model for model in catalog.models() if model.present]
    if choice.model in present and deep:
        try:
            download.verify(choice.model)
        except ModelError as error:
            damage = str(error)
    return checks.check_model(choice, present, damage, hashed=deep)


def _disk() -> Finding:
    folder = paths.models_dir()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    needed = sum(part.bytes for part in catalog.default_model().model.missing_parts())
    return checks.check_disk(folder, shutil.disk_usage(existing).free, needed)


def _journal() -> Finding:
    from jupyter_mlagent.journal import Journal

    failure = ""
    try:
        Journal.open().close()
    except JournalError as error:
        failure = str(error)
    return checks.check_journal(paths.journal_path(), failure)


def _kernelspec() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager

    return checks.check_kernelspec(sorted(KernelSpecManager().find_kernel_specs()))
