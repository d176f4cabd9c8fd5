"""The guard: a trial may read what its kernel may read, and changes nothing.

Three tiers, strongest first, behind one class. `namespaces`: private mounts with overlays (writes vanish), no
network, own processes. `landlock`: writes only to a scratch directory, no network. `audit`: Python itself
refuses; no protection from native code. `available` says which one works here.
"""

from __future__ import annotations

from .availability import available
from .confinement import Confinement
from .errors import GuardError
from .precheck import unsafe_to_fork
from .tiers import TIERS

__all__ = ["TIERS", "Confinement", "GuardError", "available", "unsafe_to_fork"]
