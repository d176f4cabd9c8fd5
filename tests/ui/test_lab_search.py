"""A tree search in the browser: live, steered by keyboard, looked at, kept as cells, seen after a reload."""

from __future__ import annotations

from typing import Any


def open_panel(tab: Any) -> Any:
    tab.page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    return tab.page.locator("#jp-mlagent-panel")


def start(tab: Any, steps: int) -> tuple[Any, Any]:
    """The panel, and the search that was started from it."""
    tab.focus(1)
    panel = open_panel(tab)
    panel.get_by_label("Way to go").select_option("search")
    panel.get_by_role("spinbutton", name="Steps").fill(str(steps))
    panel.get_by_role("button", name="Start", exact=True).click()
    return panel, tab.page.locator(".jp-mlagent-Search")


def go_to_neighbours(tab: Any, search: Any) -> None:
    search.get_by_role("tree").focus()
    tab.press("Home")
    tab.press("ArrowDown")
    tab.press("ArrowRight")
    search.get_by_role("treeitem", selected=True).filter(has_text="2").wait_for()
    search.get_by_text("KNeighborsClassifier").first.wait_for()


def test_a_search_is_kept_undone_looked_at_and_still_there_after_a_reload(lab: Any, tab: Any) -> None:
    name = lab.notebook("tree.ipynb")
    tab.open(name).run_cells(2)
    before = tab.sources()
    panel, search = start(tab, 3)
    search.get_by_text("ended").wait_for()
    nodes = search.locator(".jp-mlagent-Node")
    assert nodes.count() == 4

    # The best path went into the notebook by itself, and can be taken out again.
    panel.locator(".jp-mlagent-Flight .jp-mod-kept").first.wait_for()
    assert any("RandomForestClassifier" in source for source in tab.sources())
    panel.get_by_role("button", name="Undo the whole flight").click()
    tab.page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === 3")
    assert tab.sources() == before

    go_to_neighbours(tab, search)
    tab.press("Alt+Shift+O")
    tab.page.locator(".jp-mlagent-Preview").get_by_text("KNeighborsClassifier").first.wait_for()

    tab.open(name)
    open_panel(tab)
    panel.get_by_role("button", name="Show the search tree").click()
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


def test_a_search_that_pauses_is_steered_by_keys(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("steered.ipynb")).run_cells(2)
    before = tab.sources()
    _, search = start(tab, 20)
    search.locator(".jp-mlagent-Node").first.wait_for()
    search.get_by_role("button", name="Pause").click()
    search.get_by_role("button", name="Resume").wait_for()
    search.locator(".jp-mlagent-Node").nth(3).wait_for()

    go_to_neighbours(tab, search)
    tab.press("Alt+Shift+I")
    search.get_by_role("button", name="Unpin").wait_for()
    tab.press("Alt+Shift+X")
    search.get_by_role("button", name="Restore").wait_for()
    tab.press("Alt+Shift+H")
    search.get_by_label("Hint for this branch").fill("more neighbours")
    tab.press("Enter")
    search.get_by_text("Your hint for this branch: more neighbours").wait_for()

    tab.press("Alt+Shift+S")
    search.get_by_text("ended").wait_for()
    assert search.get_by_role("button", name="Unpin").is_hidden()
    assert tab.sources() == before
    assert tab.errors == []
