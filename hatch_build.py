"""Puts the examples and the JupyterLab extension into the wheel; builds the latter with Node if need be.

An editable install gets the server's configuration only, and needs no Node: `make lab` links the extension as
it is built from its sources.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "jupyter_mlagent/lab"
BUILT = "jupyter_mlagent/labextension"
TARGET = "share/jupyter/labextensions/jupyter-mlagent"
SERVER_CONFIG = "jupyter-config/server-config/jupyter_mlagent.json"


class LabExtension(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        shared = build_data["shared_data"]
        shared[f"{SOURCES}/{SERVER_CONFIG}"] = "etc/jupyter/jupyter_server_config.d/jupyter_mlagent.json"
        if version == "editable":
            return
        build_data["force_include"][str(Path(self.root) / "examples")] = "jupyter_mlagent/examples"
        built = Path(self.root) / BUILT
        if not (built / "package.json").exists() and not self._build(Path(self.root) / SOURCES):
            return
        shared[BUILT] = TARGET
        if not (built / "install.json").exists():  # `make lab-build` puts one there
            shared[f"{SOURCES}/install.json"] = f"{TARGET}/install.json"

    def _build(self, sources: Path) -> bool:
        """False, and said, where its tools are absent: all but the extension works without them."""
        absent = [tool for tool in ("node", "jlpm") if shutil.which(tool) is None]
        if absent:
            self.app.display_warning(
                f"This wheel is without the JupyterLab extension: {' and '.join(absent)} not found "
                "(Node 20 or newer, and `pip install jupyterlab` for jlpm)."
            )
            return False
        for command in (["jlpm", "install", "--immutable"], ["jlpm", "build:prod"]):
            subprocess.run(command, cwd=sources, check=True)
        return True
