"""A person asks, sees what was measured, and chooses: in JupyterLab, by keyboard alone where it can be."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any


def cell_count(tab: Any, count: int) -> None:
    tab.page.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === {count}")


def verdicts(lab: Any, notebook: str) -> list[str]:
    """What the journal says of a notebook's steps."""
    url = f"{lab.url}/mlagent/journal?path={notebook}&token=the-token"
    with urllib.request.urlopen(url) as answer:
        return sorted(str(step["verdict"]) for step in json.load(answer))


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
    cell_count(tab, 3)
    assert tab.sources() == before
    assert tab.errors == []


def test_accepting_without_running_leaves_a_cell_that_has_not_run(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("insert.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.press("Alt+Shift+K")
    cell_count(tab, 4)
    assert tab.cell(2).locator(".jp-InputPrompt").inner_text().strip() == "[ ]:"


def test_the_focus_stays_where_the_person_types(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("typing.ipynb")).run_cells(2)
    tab.focus(1)
    tab.press("Alt+Shift+M")
    tab.focus(2)
    tab.press("End")
    tab.page.keyboard.type(" and faster", delay=20)
    tab.proposal.get_by_text("Candidate 1 of").wait_for()
    assert tab.sources()[2] == "# notes: try something better and faster"


def test_an_edit_is_what_gets_inserted(lab: Any, tab: Any) -> None:
    name = lab.notebook("edit.ipynb")
    tab.open(name).run_cells(2)
    tab.ask(after=1)
    tab.press("Alt+Shift+E")
    tab.press("Control+End")
    tab.page.keyboard.type("\nmine = 1")
    tab.press("Alt+Shift+Enter")
    tab.proposal.get_by_text("You edited it").wait_for()
    assert tab.sources()[2].endswith("mine = 1")
    assert verdicts(lab, name) == ["accepted_after_edit", "ignored", "ignored"]


def test_rejecting_all_puts_the_proposal_away(lab: Any, tab: Any) -> None:
    name = lab.notebook("reject.ipynb")
    tab.open(name).run_cells(2)
    tab.ask(after=1)
    for left in (2, 1):
        tab.press("Alt+Shift+X")
        tab.page.wait_for_function(
            "plan => document.querySelector('.jp-mlagent-Plan').textContent === plan",
            arg={2: "try neighbours", 1: "refit"}[left],
        )
    tab.press("Alt+Shift+X")
    tab.proposal.wait_for(state="detached")
    assert verdicts(lab, name) == ["rejected"] * 3


def test_the_other_candidates_are_one_key_away(lab: Any, tab: Any) -> None:
    # Another test may have accepted the cell that writes it.
    (lab.folder / "work" / "neighbours.txt").unlink(missing_ok=True)
    tab.open(lab.notebook("next.ipynb")).run_cells(2)
    proposal = tab.ask(after=1)
    tab.press("Alt+Shift+N")
    proposal.get_by_text("Candidate 2 of 3").wait_for()
    assert "neighbours.txt" in proposal.locator(".jp-mlagent-Effects").inner_text()
    tab.press("Alt+Shift+P")
    proposal.get_by_text("Candidate 1 of 3").wait_for()


def test_outputs_of_a_trial_are_not_trusted(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("script.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.press("Alt+Shift+P")
    tab.proposal.get_by_text("Candidate 3 of 3").wait_for()
    outputs = tab.proposal.locator(".jp-mlagent-Outputs")
    outputs.locator(".jp-RenderedHTMLCommon", has_text="shown").wait_for(state="attached")
    outputs.get_by_text("<IPython.core.display.HTML object>").wait_for(state="attached")
    assert tab.page.evaluate("() => window.hacked") is None


def test_an_edited_cell_makes_its_proposal_stale(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("stale.ipynb")).run_cells(2)
    proposal = tab.ask(after=1)
    tab.focus(1)
    tab.page.keyboard.type("#")
    proposal.get_by_text("edited meanwhile").wait_for()
    assert tab.button("Accept and run").is_hidden()
    tab.press("Alt+Shift+Enter")
    tab.press("Backspace")
    tab.button("Accept and run").wait_for()
    assert len(tab.sources()) == 3


def test_a_moved_cell_keeps_its_proposal_and_a_deleted_one_does_not(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("moved.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.focus(1)
    tab.press("Escape")
    tab.press("Control+Shift+ArrowDown")
    tab.page.wait_for_function(
        "() => document.querySelectorAll('.jp-Cell')[2].querySelector('.jp-mlagent-Proposal')"
    )
    assert tab.button("Accept and run").is_visible()
    tab.focus(2)
    tab.press("Escape")
    tab.press("d")
    tab.press("d")
    cell_count(tab, 2)
    tab.proposal.get_by_text("is gone").wait_for()


def test_a_reload_shows_the_proposal_again_and_it_can_be_accepted(lab: Any, tab: Any) -> None:
    name = lab.notebook("reload.ipynb")
    tab.open(name).run_cells(2)
    tab.ask(after=1)
    tab.focus(1)
    tab.press("Control+s")
    tab.page.locator(".jp-mod-dirty").first.wait_for(state="detached")

    tab.open(name)

    tab.proposal.get_by_text("Candidate 1 of 3").wait_for()
    tab.button("Accept and run").click()
    tab.proposal.get_by_text("Ran for real").wait_for()
    assert "RandomForestClassifier" in tab.sources()[2]


def test_after_a_kernel_restart_asking_works_again(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("restart.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.focus(1)
    tab.press("Escape")
    tab.press("0")
    tab.press("0")
    tab.page.get_by_role("button", name="Confirm Kernel Restart").click()
    tab.page.get_by_text("| Idle").first.wait_for()
    tab.run_cells(2)
    tab.ask(after=1)
    assert "0.2368 → 0.97" in tab.proposal.inner_text()


def test_stop_and_try_again_with_a_hint(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("hint.ipynb")).run_cells(2)
    tab.focus(1)
    tab.press("Alt+Shift+M")
    tab.button("Stop").wait_for()
    tab.press("Alt+Shift+S")
    tab.proposal.get_by_text("Stopped.").wait_for()
    tab.press("Alt+Shift+H")
    tab.page.keyboard.type("use fewer trees")
    tab.press("Enter")
    tab.proposal.get_by_text("Candidate 1 of 3").wait_for()


def test_the_autopilot_flies_stops_and_is_undone(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("flight.ipynb")).run_cells(2)
    before = tab.sources()
    tab.focus(1)
    tab.page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    panel = tab.page.locator("#jp-mlagent-panel")
    panel.get_by_role("button", name="Start", exact=True).click()
    panel.locator(".jp-mlagent-Flight .jp-mod-kept").first.wait_for()
    panel.get_by_role("button", name="Stop", exact=True).click()
    undo = panel.get_by_role("button", name="Undo the whole flight")
    undo.wait_for()
    assert len(tab.sources()) > len(before)
    undo.click()
    cell_count(tab, 3)
    assert tab.sources() == before


def test_suggestions_come_by_themselves_when_switched_on_for_a_notebook(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("auto.ipynb"))
    tab.run_cells(1)
    assert tab.proposal.count() == 0
    auto = tab.page.locator(".jp-Toolbar").get_by_text("Auto-suggest")
    auto.click()
    tab.focus(1)
    tab.press("Control+Enter")
    tab.proposal.get_by_text("Candidate 1 of 3").wait_for()


def test_it_looks_right_in_light_and_dark(lab: Any, tab: Any, tmp_path: Path) -> None:
    tab.open(lab.notebook("looks.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    shades: list[float] = []
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        tab.page.evaluate(
            "theme => window.jupyterapp?.commands.execute('apputils:change-theme', {theme})", theme
        )
        tab.page.locator("#jupyterlab-splash").wait_for(state="detached")
        tab.page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
        assert luminance(tab, "color") != luminance(tab, "backgroundColor")
        shades.append(luminance(tab, "backgroundColor"))
        tab.page.screenshot(path=tmp_path / f"{theme.split()[1].lower()}.png")
    assert shades[0] > 0.8 > 0.2 > shades[1]


def luminance(tab: Any, which: str) -> float:
    """Of the proposal's text or background: 0 black, 1 white."""
    colour = tab.proposal.evaluate("(node, which) => getComputedStyle(node)[which]", which)
    red, green, blue = (float(part) for part in re.findall(r"[\d.]+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
