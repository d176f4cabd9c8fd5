"""Engines: what writes proposals."""

from __future__ import annotations

from jupyter_mlagent.engine.open import open_engine

__all__ = ["open_engine"]
