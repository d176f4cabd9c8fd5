"""How long `import jupyter_mlagent` takes, in a fresh Python each time.

    python bench/startup.py

Prints the median, the limit and their ratio (below 1 is within the limit).
"""

from __future__ import annotations

import statistics
import subprocess
import sys

LIMIT_SECONDS = 0.5
RUNS = 9
MODULES = ("jupyter_mlagent", "jupyter_mlagent.cli.app")
TIMED = "import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float:
    """Median over fresh interpreters."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", TIMED.format(module=module)], capture_output=True, text=True, check=True
        )
        for _ in range(RUNS)
    ]
    return statistics.median(float(run.stdout) for run in runs)


if __name__ == "__main__":
    for module in MODULES:
        seconds = import_seconds(module)
        print(
            f"import {module}: {seconds:.3f} s, limit {LIMIT_SECONDS} s, ratio {seconds / LIMIT_SECONDS:.2f}"
        )
