"""Looks at this machine and says, line by line, whether everything works and what to do where it does not.

`checks` judges facts and touches nothing; `examine` collects them; what could crash runs in a process of
its own.
"""

from __future__ import annotations

from jupyter_mlagent.doctor.examine import examine
from jupyter_mlagent.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
