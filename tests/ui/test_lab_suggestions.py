"""A person asks, sees what was measured, and chooses: in JupyterLab, by keyboard alone where it can be."""

from __future__ import annotations

from typing import Any


def test_ask_try_accept_and_undo(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("accept.ipynb")).run_cells(2)
    before = tab.sources()

    proposal = tab.ask(after=1)

    assert "train a random forest" in proposal.inner_text()
    worth = proposal.locator(".jp-mlagent-Worth")
    assert worth.get_attribute("data-tone") == "better"
    assert "→ 0.9" in worth.inner_text()
    assert "sandbox:" in proposal.inner_text()
    assert proposal.locator(".jp-mlagent-Outputs img").count() == 1
    assert tab.sources() == before

    tab.press("Alt+Shift+Enter")
    proposal.get_by_text("Ran for real").wait_for()

    after = tab.sources()
    assert len(after) == 4
    assert "RandomForestClassifier" in after[2]
    assert "as tried" in proposal.inner_text()

    tab.press("Escape")
    tab.press("z")
    tab.page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === 3")
    assert tab.sources() == before
    assert tab.errors == []
