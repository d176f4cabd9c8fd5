"""Everything here needs a GPU; without one it is skipped, and says so."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
