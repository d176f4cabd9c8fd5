"""Two people on one notebook with jupyter-collaboration: both see the proposal and what either does."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jupyter_server_ydoc") is None,
    reason="jupyter-collaboration is not installed (pip install jupyter-collaboration)",
)


def cell_count(tab: Any, count: int) -> None:
    tab.page.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === {count}")


def test_a_peers_edit_makes_a_proposal_stale_and_an_acceptance_is_one_undo_step_for_all(
    lab: Any, tab: Any, browser: Any
) -> None:
    name = lab.notebook("shared.ipynb")
    tab.open(name).run_cells(2)
    before = tab.sources()
    peer = type(tab)(lab, browser)
    peer.open(name)
    tab.ask(after=1)
    peer.proposal.get_by_text("Candidate 1 of 3").wait_for()

    peer.focus(1)
    peer.page.keyboard.type("#")
    tab.proposal.get_by_text("edited meanwhile").wait_for()
    peer.press("Backspace")
    tab.button("Accept and run").wait_for()

    tab.focus(1)
    tab.press("Alt+Shift+Enter")
    tab.proposal.get_by_text("Ran for real").wait_for()
    cell_count(peer, 4)

    tab.press("Escape")
    tab.press("z")
    cell_count(tab, 3)
    cell_count(peer, 3)
    assert tab.sources() == before
    peer.context.close()
