"""What goes wrong under a page: the server restarts, a second tab, a read-only notebook, another language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def own_lab(lab: Any, tmp_path: Any) -> Iterator[Any]:
    """A server that a test may stop."""
    server = type(lab)(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def own_tab(own_lab: Any, browser: Any, tab: Any) -> Iterator[Any]:
    opened = type(tab)(own_lab, browser)
    yield opened
    opened.context.close()


def test_a_restarted_server_is_reached_again_by_the_open_page(own_lab: Any, own_tab: Any) -> None:
    own_tab.open(own_lab.notebook("outlive.ipynb")).run_cells(2)
    own_tab.ask(after=1)

    own_lab.stop()
    own_lab.start()

    own_tab.proposal.get_by_text("The Jupyter server was restarted").wait_for()
    assert own_tab.button("Accept and run").is_hidden()


def test_two_tabs_show_the_same_and_one_verdict_counts(lab: Any, tab: Any, browser: Any) -> None:
    name = lab.notebook("tabs.ipynb")
    tab.open(name).run_cells(2)
    tab.focus(1)
    tab.press("Control+s")
    other = type(tab)(lab, browser)
    other.open(name)
    tab.ask(after=1)
    other.proposal.get_by_text("Candidate 1 of 3").wait_for()

    tab.press("Alt+Shift+X")

    other.page.wait_for_function(
        "() => document.querySelector('.jp-mlagent-Plan').textContent === 'try neighbours'"
    )
    other.context.close()


def test_a_failing_cell_is_repaired_in_its_place_with_a_diff(lab: Any, tab: Any) -> None:
    cells = (
        "import numpy as np\nX_train = X_val = np.eye(3)\ny_train = y_val = [0, 1, 2]",
        "model.fit(X_train)",
    )
    tab.open(lab.notebook("repair.ipynb", cells)).run_cells(2)
    proposal = tab.ask(after=1)
    assert "model.fit(X_train)" in proposal.locator(".jp-mod-removed").first.inner_text()
    tab.press("Alt+Shift+Enter")
    tab.page.wait_for_function(
        "() => !document.querySelector('.jp-mlagent-Proposal .jp-mod-accept:not([hidden])')"
    )
    assert len(tab.sources()) == 2
    assert tab.sources()[1] != "model.fit(X_train)"


def test_no_metric_is_said_and_the_proposal_still_tried(lab: Any, tab: Any) -> None:
    cells = ("X_train, y_train = [[0], [1]], [0, 1]\nX_val, y_val = X_train, y_train", "n = len(X_train)")
    tab.open(lab.notebook("nometric.ipynb", cells)).run_cells(2)
    proposal = tab.ask(after=1)
    assert "no metric" in proposal.inner_text() or "Name" in proposal.inner_text()
