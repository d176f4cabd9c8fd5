"""Where models, adapters, the journal, caches and settings live.

Each system's own folders by default; `MLAGENT_HOME` puts everything below one folder, and `MLAGENT_MODELS`
the weights somewhere else (a shared or larger disk). Nothing here creates a folder: who writes, creates.
"""

from __future__ import annotations

import os
from pathlib import Path

APP_NAME = "mlagent"


def _override(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return Path(value).expanduser().absolute() if value else None


def data_dir() -> Path:
    """What must survive: models, adapters, the journal."""
    home = _override("MLAGENT_HOME")
    if home is not None:
        return home
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False)


def cache_dir() -> Path:
    """What can be deleted at any time: compiled wheels, half-finished work."""
    home = _override("MLAGENT_HOME")
    if home is not None:
        return home / "cache"
    from platformdirs import user_cache_path

    return user_cache_path(APP_NAME, appauthor=False)


def config_dir() -> Path:
    """Settings a person may edit."""
    home = _override("MLAGENT_HOME")
    if home is not None:
        return home / "config"
    from platformdirs import user_config_path

    return user_config_path(APP_NAME, appauthor=False)


def models_dir() -> Path:
    return _override("MLAGENT_MODELS") or data_dir() / "models"


def adapters_dir() -> Path:
    return data_dir() / "adapters"


def journal_path() -> Path:
    return data_dir() / "journal.sqlite"
