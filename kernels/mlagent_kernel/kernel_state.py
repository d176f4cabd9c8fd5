"""What a fork of the kernel must take from it beforehand, because forking changes it."""

from __future__ import annotations

import gc
import os
import random

from .job import TrialEnds


class Inheritance:
    """Made in the kernel, used in the forks."""

    def __init__(self) -> None:
        self._random_state = random.getstate()
        """`random` gives every forked child a new seed; a trial must draw what the kernel would."""
        self._collecting = gc.isenabled()

    def settle(self, ends: TrialEnds) -> None:
        """Give this process standard streams of its own, and the kernel's random state."""
        os.dup2(ends.stdout, 1)
        os.dup2(ends.stderr, 2)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        random.setstate(self._random_state)
        if self._collecting:
            gc.enable()
