"""The Jupyter server extension: sessions of notebooks, over HTTP and one WebSocket a notebook."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_mlagent.server.app import MlagentApp

    return [{"module": "jupyter_mlagent.server", "app": MlagentApp}]
