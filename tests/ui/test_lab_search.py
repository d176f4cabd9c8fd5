"""A tree search in the browser: live, steered by keyboard, looked at, kept as cells, seen after a reload."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.slow
def test_a_search_is_started_steered_looked_at_kept_and_undone(lab: Any, tab: Any) -> None:
    name = lab.notebook("tree.ipynb")
    tab.open(name).run_cells(2)
    before = tab.sources()
    tab.focus(1)
    tab.page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    panel = tab.page.locator("#jp-mlagent-panel")
    panel.get_by_label("Way to go").select_option("search")
    panel.get_by_role("spinbutton", name="Steps").fill("3")
    panel.get_by_role("button", name="Start", exact=True).click()
    search = tab.page.locator(".jp-mlagent-Search")
    search.get_by_text("ended").wait_for()
    nodes = search.locator(".jp-mlagent-Node")
    assert nodes.count() == 4

    # The best path went into the notebook by itself, and can be taken out again.
    panel.locator(".jp-mlagent-Flight .jp-mod-kept").first.wait_for()
    assert any("RandomForestClassifier" in source for source in tab.sources())
    panel.get_by_role("button", name="Undo the whole flight").click()
    tab.page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === 3")
    assert tab.sources() == before

    search.get_by_role("tree").focus()
    tab.press("Home")
    tab.press("ArrowDown")
    tab.press("ArrowRight")
    search.get_by_role("treeitem", selected=True).filter(has_text="2").wait_for()
    search.get_by_text("KNeighborsClassifier").wait_for()
    tab.press("Alt+Shift+I")
    search.get_by_role("button", name="Unpin").wait_for()
    tab.press("Alt+Shift+X")
    search.get_by_role("button", name="Restore").wait_for()
    tab.press("Alt+Shift+O")
    tab.page.locator(".jp-mlagent-Preview").get_by_text("KNeighborsClassifier").wait_for()

    tab.open(name)
    search.get_by_text("ended").wait_for()
    assert nodes.count() == 4
    search.get_by_role("tree").focus()
    tab.press("Home")
    tab.press("ArrowDown")
    tab.press("Alt+Shift+Enter")
    tab.page.wait_for_function(
        "() => document.querySelector('.jp-NotebookPanel').textContent.includes('trained a forest')"
    )
    assert tab.errors == []
