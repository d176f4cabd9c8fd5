"""Once through everything that is real: the 0.5B model, a forked trial, JupyterLab, Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent import paths
from jupyter_mlagent.engine import catalog

pytestmark = pytest.mark.model

MODEL = "qwen2.5-coder-0.5b"


@pytest.fixture
def model_lab(lab: Any, tmp_path: Path) -> Iterator[Any]:
    if not catalog.find(MODEL).present:
        pytest.skip(f"{MODEL} is not here; fetch it with: mlagent models pull {MODEL}")
    server = type(lab)(tmp_path, MLAGENT_TEST_ENGINE=MODEL, MLAGENT_MODELS=str(paths.models_dir().absolute()))
    yield server
    server.stop()


def test_the_small_model_proposes_and_its_proposal_is_tried(model_lab: Any, browser: Any, tab: Any) -> None:
    page = type(tab)(model_lab, browser)
    page.page.set_default_timeout(180_000)
    page.open(model_lab.notebook("real.ipynb")).run_cells(2)
    page.focus(1)
    page.press("Alt+Shift+M")
    ended = page.proposal.get_by_text("Candidate 1 of")
    shown = ended.or_(page.proposal.get_by_text("No usable candidate"))
    shown.first.wait_for()
    assert page.errors == []
    page.context.close()
