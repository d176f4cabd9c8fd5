"""The smaller choices and what must survive them: reasons, renames, restarts, another application."""

from __future__ import annotations

import sqlite3
from typing import Any

RENAME = """async name => {
  const {context} = window.jupyterapp.shell.currentWidget;
  await context.save();
  await context.rename(name);
}"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
FREEZE = "() => { window.jupyterapp.shell.currentWidget.context.model.readOnly = true }"


def test_a_rejection_can_say_why_and_the_focus_returns(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("why.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.press("Alt+Shift+R")
    tab.page.keyboard.type("too slow for me")
    tab.press("Enter")
    tab.page.wait_for_function(
        "() => document.querySelector('.jp-mlagent-Plan').textContent === 'try neighbours'"
    )
    tab.press("Alt+Shift+N")
    tab.proposal.get_by_text("Candidate 3 of 3").wait_for()
    with sqlite3.connect(lab.folder / "mlagent" / "journal.sqlite") as journal:
        reasons = [row[0] for row in journal.execute("SELECT reason FROM verdicts")]
    assert "too slow for me" in reasons


def test_a_renamed_notebook_keeps_its_proposal(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("before.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.page.evaluate(RENAME, "after.ipynb")
    tab.press("Alt+Shift+Enter")
    tab.proposal.get_by_text("Ran for real").wait_for()
    assert "RandomForestClassifier" in tab.sources()[2]
    below = tab.cell(2).locator(".jp-mlagent-Proposal")
    assert below.count() == 1


def test_a_restarted_kernel_makes_its_proposal_stale(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("again.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.page.evaluate(RESTART)
    tab.proposal.get_by_text("The kernel was restarted").wait_for()
    assert tab.button("Accept and run").is_hidden()


def test_a_read_only_notebook_stays_as_it_is(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("fixed.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.page.evaluate(FREEZE)
    tab.press("Alt+Shift+Enter")
    tab.proposal.get_by_text("read-only").wait_for()
    assert len(tab.sources()) == 3
    assert tab.button("Accept and run").is_visible()


def test_an_undone_acceptance_is_marked_in_the_journal_also_after_a_reload(lab: Any, tab: Any) -> None:
    name = lab.notebook("undone.ipynb")
    tab.open(name).run_cells(2)
    tab.ask(after=1)
    tab.press("Alt+Shift+Enter")
    tab.proposal.get_by_text("Ran for real").wait_for()
    tab.press("Control+s")
    tab.page.locator(".jp-mod-dirty").first.wait_for(state="detached")

    tab.open(name)
    tab.focus(2)
    tab.press("Escape")
    tab.press("d")
    tab.press("d")
    tab.page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === 3")
    panel = tab.page.locator("#jp-mlagent-panel")
    tab.page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    panel.get_by_text("(undone)").wait_for()


def test_notebook_7_loads_the_same_plugin(lab: Any, tab: Any) -> None:
    tab.open(lab.notebook("seven.ipynb"), app="notebooks").run_cells(2)
    tab.ask(after=1)
    tab.press("Alt+Shift+Enter")
    tab.proposal.get_by_text("Ran for real").wait_for()
    assert "RandomForestClassifier" in tab.sources()[2]
