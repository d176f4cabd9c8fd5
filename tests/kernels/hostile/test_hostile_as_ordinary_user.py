"""The cells that stand for the others once more, where tests run as root but kernels mostly do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
NOBODY = 65534
_PATIENCE_SECONDS = 600


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory of the ordinary user's own; pytest's is closed to everybody else."""
    with tempfile.TemporaryDirectory(prefix="hostile-home-") as path:
        os.chown(path, NOBODY, NOBODY)
        yield Path(path)


def as_nobody(home: Path, python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # An editable installation is found by a hook that another interpreter does not run.
    ours = [str(ROOT), str(ROOT / "kernels"), str(ROOT / "tui")]
    packages = os.pathsep.join([*ours, *sys.path[1:], sysconfig.get_path("purelib")])
    return subprocess.run(
        ["setpriv", *identity, python, *arguments],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )


def readable_python(home: Path) -> str | None:
    """An interpreter that an ordinary user can start and that finds our packages: ours may lie in /root."""
    itself = "[sys.executable, '-c', 'import ipykernel, sklearn']"  # as a kernel is started
    start = f"import subprocess, sys; subprocess.run({itself}, check=True)"
    system = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin")
    for python in filter(None, (sys.executable, system)):
        if as_nobody(home, python, "-c", start).returncode == 0:
            return python
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="all kernels of this run are an ordinary user's")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing")
def test_hostile_cells_as_an_ordinary_user(home: Path, hostile_cells: list[Any]) -> None:
    python = readable_python(home)
    if python is None:
        pytest.skip("an ordinary user can read no interpreter with our packages")
    name = "test_hostile_cells.py::test_hostile_cell"
    chosen = [f"{HERE}/{name}[{cell.name}-namespaces]" for cell in hostile_cells if cell.everywhere]
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={home}/pytest"]
    done = as_nobody(home, python, "-m", "pytest", *options, *chosen)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
