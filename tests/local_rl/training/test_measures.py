"""Memory of a trainer, as told in its progress."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

PROGRAM = "from local_rl.training.measures import peak_memory; print(peak_memory())"


def test_the_peak_is_of_the_process_itself_not_of_the_one_that_started_it() -> None:
    held = np.ones(500_000_000, np.uint8)
    peak = int(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout)
    assert 5_000_000 < peak < held.nbytes / 2
