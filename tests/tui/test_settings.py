"""Settings, keymap, help and the command palette."""

from __future__ import annotations

import pytest
from script import until
from textual.binding import Binding
from textual.command import CommandPalette
from textual.widgets import Checkbox, Input

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.app import MlagentApp
from mlagent_tui.help.screen import HelpScreen
from mlagent_tui.settings.model import Settings
from mlagent_tui.settings.screen import SettingsScreen
from mlagent_tui.settings.store import load_keymap, load_settings, save_settings, settings_path


def test_settings_come_back_as_they_were_kept(tmp_path) -> None:
    settings = Settings(theme="nord", candidates=8, editor='vim -c "set ft=python"', save_on_hangup=False)
    save_settings(settings, tmp_path / "s.toml")
    assert load_settings(tmp_path / "s.toml") == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("candidates = 0", "candidates"),
        ("candidate = 4", "'candidate'"),
        ("candidates = [", "cannot be read"),
        ("theme = 3", "theme"),
    ],
)
def test_a_wrong_settings_file_is_one_sentence_that_names_it(tmp_path, text, words) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(MlagentError) as caught:
        load_settings(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


async def test_the_settings_screen_refuses_nonsense_and_keeps_the_rest(opened) -> None:
    async with opened() as (app, pilot):
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        app.screen.query_one("#candidates", Input).value = "many"
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, SettingsScreen)
        box = app.screen.query_one("#allow_unguarded", Checkbox)
        assert str(box.label) == "off"
        box.toggle()
        await pilot.pause()
        assert str(box.label) == "on"
        box.toggle()
        app.screen.query_one("#candidates", Input).value = "7"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(app.screen, SettingsScreen))
        assert app.settings.candidates == 7
        assert app.desk.workbench.session.settings.candidates == 7
        assert load_settings(settings_path()).candidates == 7


async def test_a_keymap_moves_a_key(core, notebook, tmp_path) -> None:
    path = tmp_path / "keymap.toml"
    path.write_text('"notebook.next" = "n"\n')
    app = MlagentApp(notebook, core, keymap=load_keymap(path))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.desk.workbench is not None)
        await pilot.press("j")
        assert app.screen.view.cursor == 0
        await pilot.press("n")
        assert app.screen.view.cursor == 1
        await app.end()


async def test_help_lists_every_key_as_it_is_bound(opened) -> None:
    async with opened() as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        text = "\n".join(str(widget.render()) for widget in app.screen.query("Static"))
        for name in ("Propose", "Accept, don't run", "Restart kernel", "proposal.reject", "Command palette"):
            assert name in text
        await pilot.press("escape")


async def test_every_binding_of_ours_has_an_id(opened) -> None:
    async with opened() as (app, _):
        for owner in (
            app,
            app.screen,
            app.screen.view,
            app.screen.panel,
            app.screen.pane.query_one("#cell-editor"),
        ):
            if type(owner).__module__.startswith("mlagent_tui"):
                own = type(owner).__dict__.get("BINDINGS", [])
                assert own
                assert all(isinstance(binding, Binding) and binding.id for binding in own)


async def test_the_palette_offers_what_is_possible_now(opened) -> None:
    async with opened() as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"autop")
        await pilot.press("down")
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen).__name__ == "AutopilotScreen")
