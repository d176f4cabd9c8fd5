"""Adapters and training in the panel: with a trainer of the tests' own, as it goes, by keyboard too."""

from __future__ import annotations

from typing import Any


def test_adapters_are_compared_promoted_and_rolled_back_and_a_run_is_paused(lab: Any, tab: Any) -> None:
    adapters = lab.folder / "mlagent" / "adapters"
    adapters.mkdir(exist_ok=True)
    for name in ("newer", "older"):
        (adapters / f"{name}.gguf").write_bytes(b"GGUF")
    tab.open(lab.notebook("learn.ipynb")).run_cells(2)
    tab.ask(after=1)
    tab.page.locator(".jp-SideBar [data-id='jp-mlagent-panel']").click()
    panel = tab.page.locator("#jp-mlagent-panel")
    used = panel.get_by_label("Adapter in use")
    used.locator("option:checked", has_text="older (active, held-out 0.62)").wait_for(state="attached")

    panel.get_by_label("Adapter to compare or promote").select_option("newer")
    panel.get_by_role("button", name="Compare").press("Enter")
    panel.get_by_text("+0.09 against older (between 0.03 and 0.15). It is better beyond noise.").wait_for()
    panel.get_by_text("wine: 0.6 → 0.7").wait_for()
    panel.get_by_role("button", name="Promote").press("Enter")
    used.locator("option:checked", has_text="newer (active").wait_for(state="attached")
    panel.get_by_role("button", name="Roll back").press("Enter")
    used.locator("option:checked", has_text="older (active").wait_for(state="attached")
    panel.get_by_role("button", name="Roll back").press("Enter")
    panel.get_by_text("There is nothing to go back to.").wait_for()

    panel.get_by_label("What to learn from").select_option("steps")
    panel.get_by_role("button", name="Start training").press("Enter")
    panel.get_by_text("Step by step (RL) · running").wait_for()
    tab.page.evaluate("() => window.jupyterapp.commands.execute('mlagent:pause-training')")
    panel.get_by_text("Step by step (RL) · paused · You paused it.").wait_for()
    panel.get_by_role("button", name="Resume training").press("Enter")
    panel.get_by_text("update 2 of 9").wait_for()
    panel.get_by_text("reward 0.6").wait_for()
    assert tab.errors == []
