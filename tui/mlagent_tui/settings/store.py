"""Settings and keymap as two small TOML files in the person's configuration folder."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.paths import config_dir
from mlagent_tui.settings.model import Settings


def settings_path() -> Path:
    return config_dir() / "tui.toml"


def keymap_path() -> Path:
    return config_dir() / "keymap.toml"


def load_settings(path: Path | None = None) -> Settings:
    """The file's settings, defaults for what it leaves out. Raises MlagentError for one that is wrong."""
    path = path or settings_path()
    values = _read(path)
    unknown = set(values) - set(Settings.__struct_fields__)
    if unknown:
        raise MlagentError(f"{path} sets '{sorted(unknown)[0]}', which is no setting; remove that line.")
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise MlagentError(f"{path} is not right: {error}; mend or delete it.") from error


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Raises MlagentError when the file cannot be written."""
    path = path or settings_path()
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in msgspec.to_builtins(settings).items()
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise MlagentError(
            f"{path} cannot be written ({error.strerror}); these settings last until you quit."
        ) from error


def load_keymap(path: Path | None = None) -> dict[str, str]:
    """Binding id -> keys, e.g. `"proposal.accept" = "y,a"`. Raises MlagentError for a wrong file."""
    path = path or keymap_path()
    keymap = _read(path)
    for name, keys in keymap.items():
        if not isinstance(keys, str):
            raise MlagentError(f'{path}: "{name}" needs keys as text, e.g. "{name}" = "y".')
    return keymap


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MlagentError(f"{path} cannot be read ({error}); mend or delete it.") from error
