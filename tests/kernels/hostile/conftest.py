"""A real kernel full of things worth attacking, a listener for what leaks, and a look at the machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socketserver
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_mlagent.kernel import LocalKernel
from jupyter_mlagent.records import Direction, Metric, Trial
from jupyter_mlagent.trial.api import TrialLimits, prepared
from jupyter_mlagent.trial.link import ClientLink
from jupyter_mlagent.trial.runner import KernelTrials

HERE = Path(__file__).parent
ACCURACY = Metric(expression="accuracy_score(y_val, model.predict(X_val))", direction=Direction.MAXIMIZE)
_PUBLIC_PLACES = (
    "/",
    "/etc",
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/run",
    "/root",
    "/usr/local",
    "/opt",
    "/var/lib",
)
_GONE_SECONDS = 10.0

SETUP = """
import sys
sys.path.append({here!r})
import kernel_watch
import os, random, pickle, sqlite3
import numpy as np
import pandas as pd
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

MARK, PORT, UNIX, ABSTRACT = {mark!r}, {port}, {unix!r}, {abstract!r}
KERNEL = os.getpid()
X, y = make_classification(2000, 10, n_informative=4, flip_y=0.2, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
model = LogisticRegression().fit(X_train, y_train)
booster = HistGradientBoostingClassifier(max_iter=3).fit(X_train, y_train)  # starts OpenMP's threads
table = pd.DataFrame(X_train)
big = np.ones(25_000_000)
figure, axes = plt.subplots()
axes.plot([1, 2, 3])
random.seed(7)
np.random.seed(7)
ties = kernel_watch.Ties()
"""


@dataclass(frozen=True)
class HostileCell:
    """One row of cells.toml."""

    name: str
    cell: str
    status: list[str]
    """Any of these is right."""
    landlock: list[str] | None = None
    """The same where only Landlock guards; None: as `status`."""
    user: list[str] | None = None
    """The same for an ordinary user's kernel."""
    before: str = ""
    """Run for real in the kernel beforehand."""
    undo: str = ""
    """Run for real in the kernel afterwards."""
    reason: str = ""
    """A pattern that the trial's reason or error must match."""
    value: str = ""
    """The metric after: `same`, `better`, `not better`, `none` or empty (not measured)."""
    effect: dict[str, str] = field(default_factory=dict)
    """Name of a file -> what the trial must say it did to it (where overlays keep writes)."""
    network: str = ""
    """Something the trial must be seen to have reached for."""
    prints: str = ""
    """Something among the outputs."""
    core: bool = False
    """Also tried where only Landlock guards."""
    everywhere: bool = False
    """One of the few that stand for the others there, and as an ordinary user, in every run of the tests."""
    slow: bool = False
    """Takes long by its nature."""
    limits: dict[str, Any] = field(default_factory=dict)


CELLS = [HostileCell(**row) for row in tomllib.loads((HERE / "cells.toml").read_text())["cell"]]


class Listener:
    """A service of this machine on loopback and on Unix sockets; keeps what it hears."""

    def __init__(self, directory: Path) -> None:
        self.heard: list[str] = []
        self.unix = str(directory / "listener.sock")
        self.abstract = f"\0hostile-{secrets.token_hex(4)}"
        heard = self.heard

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                heard.append(f"{type(self.server).__name__} {self.request!r:.200}")

        tcp = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        self.port = tcp.server_address[1]
        self._servers = [
            tcp,
            socketserver.UDPServer(("127.0.0.1", self.port), Handler),
            socketserver.UnixStreamServer(self.unix, Handler),
            socketserver.UnixStreamServer(self.abstract, Handler),
            socketserver.UnixDatagramServer(self.unix + ".dgram", Handler),
        ]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@dataclass
class Arena:
    """The kernel, and everything that must be the same after a trial."""

    tier: str
    mark: str
    folder: Path
    kernel: LocalKernel
    link: ClientLink
    trials: KernelTrials
    listener: Listener
    kernel_pid: int = 0
    metric: Metric = ACCURACY
    accuracy: float = 0.0
    """The metric in the kernel as it stands."""
    own: set[str] = field(default_factory=set)
    """The kernel's own processes."""

    async def run(self, source: str) -> None:
        """Run a cell for real; it must not raise."""
        run = await self.kernel.run_cell(source)
        assert run.error is None, run.error

    async def attempt(self, source: str, metric: Metric | None = None, **limits: Any) -> Trial:
        settings = {"seconds": 20.0, "memory_bytes": 1 << 30, "disk_bytes": 64 << 20, **limits}
        before = self.accuracy if metric else None
        return await self.trials.try_cell(source, metric, TrialLimits(**settings), metric_before=before)

    async def attempt_in_ready_copy(self, source: str, metric: Metric | None = None, **limits: Any) -> Trial:
        """The same in a copy of the kernel that was made before it was known what to try."""
        settings = {"seconds": 20.0, "memory_bytes": 1 << 30, "disk_bytes": 64 << 20, **limits}
        async with prepared(self.trials, metric, TrialLimits(**settings)):
            trial = await self.attempt(source, metric, **limits)
        await self.trials.close()  # what waits has ended
        return trial

    async def kernel_state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            await self.link.evaluate("__import__('kernel_watch').look(get_ipython(), ties)")
        )
        return found

    def disk_state(self) -> dict[str, Any]:
        """Every file of the notebook's folder and of the home directory: permissions, times and content."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            times = (status.st_mtime_ns,) if path.is_file() else ()
            found[str(path)] = (oct(status.st_mode), *times, content)
        return found

    def traces(self) -> list[str]:
        """Files with our mark in their names anywhere a cell might have put one."""
        found = []
        for place in _PUBLIC_PLACES:
            with contextlib.suppress(OSError):
                found += [str(path) for path in Path(place).iterdir() if self.mark in path.name]
        return found

    def strangers(self) -> list[str]:
        """Processes that carry our mark and are not the kernel's own, once those ending have ended; and the
        kernel's own that are gone."""
        deadline = time.monotonic() + _GONE_SECONDS
        while (found := self.marked()) != self.own and time.monotonic() < deadline:
            time.sleep(0.05)
        return sorted(found - self.own) + [f"no longer: {process}" for process in self.own - found]

    def marked(self) -> set[str]:
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    command = (entry / "cmdline").read_bytes()
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    if parent == os.getpid() and self.kernel_pid not in (-1, int(entry.name)):
                        continue  # one the runner keeps for the next trial, and ends when it is closed
                    if self.mark.encode() in (entry / "environ").read_bytes() + command:
                        found.add(f"{entry.name} {command[:200]!r}")
        return found


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _fill(folder: Path) -> Path:
    work = folder / "work"
    (work / "data" / "inner").mkdir(parents=True)
    (work / "data" / "train.csv").write_text("a,b\n1,2\n" * 100)
    (work / "data" / "inner" / "deep.txt").write_text("deep")
    (work / "notebook.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (folder / "home").mkdir()
    (folder / "home" / ".bashrc").write_text("# mine\n")
    return work


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena(request: Any, tmp_path_factory: Any) -> AsyncIterator[Arena]:
    tier = request.param
    folder = tmp_path_factory.mktemp("arena")
    work = _fill(folder)
    mark = f"hostile-{secrets.token_hex(6)}"
    listener = Listener(tmp_path_factory.mktemp("listener"))
    environment = {"HOME": str(folder / "home"), "HOSTILE_MARK": mark, "MLAGENT_GUARD": tier}
    with _environment(**environment, IPYTHONDIR=str(folder / "home" / ".ipython")):
        kernel = LocalKernel("python3", work)
        await kernel.start()
    try:
        link = ClientLink(await kernel.link_client())
        arena = Arena(tier, mark, folder, kernel, link, KernelTrials(link), listener)
        setup = SETUP.format(
            here=str(HERE), mark=mark, port=listener.port, unix=listener.unix, abstract=listener.abstract
        )
        await arena.run(setup)
        arena.kernel_pid = int(await link.evaluate("str(KERNEL)"))
        arena.own = arena.marked()
        await arena.attempt("pass", ACCURACY)  # puts this project's own modules into the kernel, once
        await arena.kernel_state()  # its first long answer makes pyzmq start a thread
        arena.accuracy = float(await link.evaluate(f"repr(float({ACCURACY.expression}))"))
        yield arena
        await arena.trials.close()
        await arena.run("ties.release()")
    finally:
        await kernel.shutdown()
        listener.close()
    arena.own, arena.kernel_pid = set(), -1
    assert arena.strangers() == []


@pytest.fixture
def hostile_cells() -> list[HostileCell]:
    return CELLS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`hostile`: every cell for the strongest guard, the core ones for the others; nearly all are slow in a
    copy made ready, which differs in when it is forked only."""
    if "hostile" not in metafunc.fixturenames:
        return
    strongest = "namespaces" in metafunc.function.tiers
    few = not strongest or getattr(metafunc.function, "few", False)
    chosen = [cell for cell in CELLS if strongest or cell.core or cell.everywhere]
    slow = {cell.name for cell in chosen if cell.slow or (few and not cell.everywhere)}
    parameters = [
        pytest.param(cell, id=cell.name, marks=[pytest.mark.slow] if cell.name in slow else [])
        for cell in chosen
    ]
    metafunc.parametrize("hostile", parameters)
    metafunc.parametrize("arena", metafunc.function.tiers, indirect=True)
